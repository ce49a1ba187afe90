import { describe, expect, test } from "vitest";
import { api, internal } from "../_generated/api.js";
import type { Doc, Id } from "../kit/functions.js";
import {
  claim,
  complete,
  expectConsistent,
  fail,
  messageRow,
  mustClaim,
  newWorker,
  pass,
  queueTest,
  send,
  START,
  store,
  useTestClock,
  type T,
} from "../queue/setup.test.js";

useTestClock();

const DAY = 86_400_000;
const sweep = async (t: T) => await t.mutation(internal.retention.sweeper.run, {});
const exists = async (t: T, id: Id<"_storage">) =>
  await t.run(async (ctx) => (await ctx.db.system.get("_storage", id)) !== null);
type Table = "messageAttachments" | "mediaFiles" | "messageAnswers" | "ingressUpdates" | "workers";
const rows = async <N extends Table>(t: T, table: N): Promise<Doc<N>[]> =>
  await t.run(async (ctx) => await ctx.db.query(table).take(1_000));

/** A file as an app uploads and registers it. */
async function upload(t: T): Promise<Id<"_storage">> {
  const storageId = await t.run(async (ctx) => await ctx.storage.store(new Blob(["file"])));
  await t.mutation(api.lib.registerUploadedFile, { storageId });
  return storageId;
}

async function sendFile(t: T, storageId: Id<"_storage">, expiresAt: number) {
  return await t.mutation(api.lib.enqueue, {
    conversationId: "c1",
    agentKey: "default",
    payload: {
      provider: "telegram",
      providerUserId: "u",
      messageText: "look",
      attachments: [{ kind: "photo", status: "ready", telegramFileId: "f", storageId, expiresAt }],
    },
  });
}

test("with nothing to do deletes nothing and asks for no more", async () => {
  const t = await queueTest();
  const messageId = await send(t, "c1", "x", { idempotencyKey: "k" });
  await newWorker(t, "w1");
  expect(await sweep(t)).toEqual({ more: false });
  expect(await messageRow(t, messageId)).toMatchObject({ status: "queued" });
  expect(await rows(t, "ingressUpdates")).toHaveLength(1);
  expect(await rows(t, "workers")).toHaveLength(1);
});

describe("attachments", () => {
  test("expire with their file; message and conversation still show that there was one", async () => {
    const t = await queueTest();
    const storageId = await upload(t);
    const messageId = await sendFile(t, storageId, START + 1_000);
    await sweep(t);
    expect(await exists(t, storageId)).toBe(true);
    pass(1_000);
    await sweep(t);
    expect(await exists(t, storageId)).toBe(false);
    expect(await rows(t, "mediaFiles")).toEqual([]);
    expect(await rows(t, "messageAttachments")).toMatchObject([{ status: "expired" }]);
    const { payload } = await messageRow(t, messageId);
    expect(payload.attachments).toMatchObject([{ status: "expired", telegramFileId: "f" }]);
    expect(await sweep(t)).toEqual({ more: false });
    await expectConsistent(t, 1);
  });

  test("whose file is gone do not stop the sweep", async () => {
    const t = await queueTest();
    const storageId = await upload(t);
    await sendFile(t, storageId, START + 1_000);
    await t.run(async (ctx) => await ctx.storage.delete(storageId));
    pass(1_000);
    await sweep(t);
    expect(await rows(t, "messageAttachments")).toMatchObject([{ status: "expired" }]);
  });

  test("that share a file keep it until the last of them expires", async () => {
    const t = await queueTest();
    const storageId = await upload(t);
    await sendFile(t, storageId, START + 1_000);
    await sendFile(t, storageId, START + 5_000);
    pass(1_000);
    await sweep(t);
    expect(await exists(t, storageId)).toBe(true);
    pass(4_000);
    await sweep(t);
    expect(await exists(t, storageId)).toBe(false);
    expect(await rows(t, "messageAttachments")).toMatchObject([
      { status: "expired" },
      { status: "expired" },
    ]);
  });

  test("above a batch are expired over several transactions", async () => {
    const t = await queueTest();
    for (let i = 0; i < 60; i++) await sendFile(t, await upload(t), START + 1_000);
    pass(1_000);
    expect(await sweep(t)).toEqual({ more: true });
    const expired = async () =>
      (await rows(t, "messageAttachments")).filter((row) => row.status === "expired").length;
    expect(await expired()).toBe(50);
    await sweep(t);
    expect(await expired()).toBe(60);
  });
});

describe("uploaded files", () => {
  test("that were never attached go after a week", async () => {
    const t = await queueTest();
    const abandoned = await upload(t);
    pass(7 * DAY - 1);
    const fresh = await upload(t);
    await sweep(t);
    expect(await exists(t, abandoned)).toBe(true);
    pass(1);
    await sweep(t);
    expect([await exists(t, abandoned), await exists(t, fresh)]).toEqual([false, true]);
    expect(await rows(t, "mediaFiles")).toMatchObject([{ storageId: fresh }]);
  });

  test("that are attached stay as long as the attachment, and hide no others", async () => {
    const t = await queueTest();
    const kept = [];
    for (let i = 0; i < 55; i++) {
      const storageId = await upload(t);
      await sendFile(t, storageId, START + 30 * DAY);
      kept.push(storageId);
    }
    const abandoned = await upload(t);
    pass(7 * DAY);
    while ((await sweep(t)).more);
    expect(await exists(t, abandoned)).toBe(false);
    for (const storageId of kept) expect(await exists(t, storageId)).toBe(true);
  });
});

describe("ended messages", () => {
  test("go after thirty days, with answer, attachments and files; others stay", async () => {
    const t = await queueTest();
    const storageId = await upload(t);
    const done = await sendFile(t, storageId, START + 90 * DAY);
    const { ref } = await mustClaim(t, "w1");
    await store(t, ref);
    await complete(t, ref);
    const dead = await send(t, "c2");
    await fail(t, (await mustClaim(t, "w2", "c2")).ref, { retryable: false });
    const skipped = await send(t, "c3");
    await t.mutation(api.lib.skipMessage, { messageId: skipped });
    const waiting = await send(t, "c4");
    pass(30 * DAY - 1);
    await sweep(t);
    await expectConsistent(t, 4);
    pass(1);
    await sweep(t);
    const left = await t.run(async (ctx) => await ctx.db.query("messageQueue").take(10));
    expect(left.map((message) => message._id)).toEqual([dead, waiting]);
    expect(left.map((message) => message._id)).not.toContain(done);
    expect(await rows(t, "messageAnswers")).toEqual([]);
    expect(await rows(t, "messageAttachments")).toEqual([]);
    expect(await exists(t, storageId)).toBe(false);
    expect(await t.query(api.lib.queueStats, {})).toEqual({
      queuedReady: 1,
      processing: 0,
      deadLetter: 1,
    });
    await expectConsistent(t, 2);
    // The conversation goes on.
    await send(t, "c1", "again");
    expect(await claim(t, "w9", "c1")).toMatchObject({ conversationId: "c1" });
  });

  test("above a batch go over several transactions", async () => {
    const t = await queueTest();
    for (let i = 0; i < 60; i++) {
      const messageId = await send(t, "c1");
      await t.mutation(api.lib.skipMessage, { messageId });
    }
    pass(30 * DAY);
    expect(await sweep(t)).toEqual({ more: true });
    await expectConsistent(t, 10);
    await sweep(t);
    await expectConsistent(t, 0);
  });
});

test("keys go after 48 hours, stopped workers and folded events after a week", async () => {
  const t = await queueTest();
  const messageId = await send(t, "c1", "x", { idempotencyKey: "k" });
  await newWorker(t, "gone", { status: "stopped", stoppedAt: START });
  await newWorker(t, "alive");
  pass(2 * DAY);
  await sweep(t);
  expect(await rows(t, "ingressUpdates")).toEqual([]);
  expect(await rows(t, "workers")).toHaveLength(2);
  pass(5 * DAY);
  await sweep(t);
  expect((await rows(t, "workers")).map((row) => row.workerId)).toEqual(["alive"]);
  expect(await t.query(api.lib.listMessageEvents, { messageId })).toEqual([]);
  expect(await t.query(api.lib.queueStats, {})).toMatchObject({ queuedReady: 1 });
});
