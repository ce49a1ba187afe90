import { describe, expect, test } from "vitest";
import { api } from "../_generated/api.js";
import type { Id } from "../kit/functions.js";
import {
  complete,
  conversationRow,
  expectConsistent,
  messageRow,
  mustClaim,
  newAgent,
  pass,
  queueTest,
  readRows,
  refusal,
  send,
  START,
  useTestClock,
  type T,
} from "./setup.test.js";

useTestClock();

type EnqueueArgs = (typeof api.lib.enqueue)["_args"];
const PAYLOAD = { provider: "telegram", providerUserId: " user-1 ", messageText: "hello" };

const enqueue = async (t: T, more: Partial<EnqueueArgs> = {}) =>
  await t.mutation(api.lib.enqueue, {
    conversationId: "c1",
    agentKey: "default",
    payload: PAYLOAD,
    ...more,
  });
const upload = async (t: T, text = "file") =>
  await t.run(async (ctx) => await ctx.storage.store(new Blob([text])));
const attachment = (storageId: Id<"_storage">, more: { fileName?: string } = {}) => ({
  kind: "photo" as const,
  status: "ready" as const,
  telegramFileId: "tg",
  storageId,
  expiresAt: START + 1_000_000,
  ...more,
});

describe("enqueue", () => {
  test("stores the message with its defaults and creates its conversation", async () => {
    const t = await queueTest();
    const id = await enqueue(t);
    expect(await messageRow(t, id)).toEqual({
      _id: id,
      _creationTime: expect.any(Number) as number,
      conversationId: "c1",
      agentKey: "default",
      payload: { ...PAYLOAD, metadata: { providerUserId: "user-1" } },
      status: "queued",
      priority: 50,
      scheduledFor: START,
      attempts: 0,
      maxAttempts: 5,
      deliveries: 0,
      enqueuedAt: START,
    });
    expect(await conversationRow(t, "c1")).toMatchObject({
      agentKey: "default",
      state: "ready",
      readyAt: START,
      priority: 50,
      headMessageId: id,
      queuedCount: 1,
      contextHistory: [],
      pendingToolCalls: [],
    });
    expect(await t.query(api.lib.listMessageEvents, { messageId: id })).toEqual([
      { kind: "enqueued", at: START, workerId: null, detail: null },
    ]);
    await expectConsistent(t, 1);
  });

  test("leaves the text alone: the system prompt is added at hydration", async () => {
    const t = await queueTest();
    await t.mutation(api.lib.setMessageRuntimeConfig, {
      messageConfig: { systemPrompt: "Be brief." },
    });
    const id = await enqueue(t, { payload: { ...PAYLOAD, messageText: "  hi  " } });
    expect((await messageRow(t, id)).payload.messageText).toBe("  hi  ");
    expect((await mustClaim(t, "w1")).payload.messageText).toBe("  hi  ");
  });

  test.each([
    [undefined, 50],
    [0, 0],
    [100, 100],
    [-5, 0],
    [1e9, 100],
    [Number.POSITIVE_INFINITY, 100],
    [Number.NEGATIVE_INFINITY, 0],
    [33.5, 33.5],
  ])("clamps priority %s to %s", async (priority, stored) => {
    const t = await queueTest();
    const id = await enqueue(t, priority === undefined ? {} : { priority });
    expect((await messageRow(t, id)).priority).toBe(stored);
  });

  test("takes its defaults from the stored policy", async () => {
    const t = await queueTest();
    await t.mutation(api.lib.setPolicyConfig, {
      policy: { queue: { defaultPriority: 7, maxPriority: 10 }, retry: { maxAttempts: 2 } },
    });
    expect(await messageRow(t, await enqueue(t))).toMatchObject({ priority: 7, maxAttempts: 2 });
    expect(await messageRow(t, await enqueue(t, { priority: 50 }))).toMatchObject({ priority: 10 });
  });

  test("a time in the past means now; a later one waits without holding up others", async () => {
    const t = await queueTest();
    const later = await enqueue(t, { scheduledFor: START + 60_000 });
    expect(await conversationRow(t, "c1")).toMatchObject({
      state: "waiting",
      readyAt: START + 60_000,
    });
    const past = await enqueue(t, { scheduledFor: 5 });
    expect(await messageRow(t, past)).toMatchObject({ scheduledFor: START });
    const first = await mustClaim(t, "w1");
    expect(first.messageId).toBe(past);
    await complete(t, first.ref);
    expect(await conversationRow(t, "c1")).toMatchObject({
      state: "waiting",
      headMessageId: later,
    });
    pass(60_000);
    expect((await mustClaim(t, "w1")).messageId).toBe(later);
    await expectConsistent(t, 2);
  });

  test("keeps arrival order when a later transaction has an earlier clock", async () => {
    const t = await queueTest();
    const first = await enqueue(t, { nowMs: START + 40 });
    const second = await enqueue(t, { nowMs: START });
    expect((await messageRow(t, second)).scheduledFor).toBe(START + 40);
    pass(50);
    const job = await mustClaim(t, "w1");
    expect(job.messageId).toBe(first);
    await complete(t, job.ref);
    expect((await mustClaim(t, "w1")).messageId).toBe(second);
  });

  test("wakes the scheduler once for a burst, and earlier for an earlier message", async () => {
    const t = await queueTest();
    const wake = async () =>
      await t.run(async (ctx) => ({
        state: await ctx.db.query("schedulerState").first(),
        pending: (await ctx.db.system.query("_scheduled_functions").take(100)).filter(
          (f) => f.state.kind === "pending" && f.name === "scheduler/loop:begin",
        ).length,
      }));
    await enqueue(t, { scheduledFor: START + 60_000 });
    expect(await wake()).toMatchObject({ state: { wakeAt: START + 60_000 }, pending: 1 });
    for (let i = 0; i < 20; i++) await enqueue(t, { conversationId: `c${i}` });
    expect(await wake()).toMatchObject({ state: { wakeAt: START }, pending: 1 });
  });

  test("stores the provider options that came along, unless an operator set a config", async () => {
    const t = await queueTest();
    const providerConfig = {
      kind: "fly" as const,
      appName: "a",
      organizationSlug: "o",
      image: "i",
      region: "fra",
      volumeName: "v",
      volumePath: "/data",
      volumeSizeGb: 1,
    };
    await enqueue(t, { providerConfig });
    expect(await t.query(api.lib.providerRuntimeConfig, {})).toMatchObject({ appName: "a" });
    await t.mutation(api.lib.setProviderRuntimeConfig, {
      providerConfig: { ...providerConfig, appName: "b" },
    });
    await enqueue(t, { providerConfig });
    expect(await t.query(api.lib.providerRuntimeConfig, {})).toMatchObject({ appName: "b" });
  });
});

describe("an idempotency key", () => {
  test("enqueues once and returns the first id, whatever else differs", async () => {
    const t = await queueTest();
    const id = await send(t, "c1", "first", { idempotencyKey: "k" });
    const before = await readRows(t);
    expect(await send(t, "c1", "again", { idempotencyKey: "k", priority: 99 })).toBe(id);
    expect(await send(t, "c2", "elsewhere", { idempotencyKey: "k" })).toBe(id);
    expect(await readRows(t)).toEqual(before);
    expect(await send(t, "c1", "other", { idempotencyKey: "k2" })).not.toBe(id);
    await expectConsistent(t, 2);
  });

  test("holds after the message is done, and for an agent that was disabled since", async () => {
    const t = await queueTest();
    const id = await send(t, "c1", "first", { idempotencyKey: "k" });
    await complete(t, (await mustClaim(t, "w1")).ref);
    await t.mutation(api.lib.configureAgent, {
      agentKey: "default",
      version: "1",
      secretsRef: [],
      enabled: false,
    });
    expect(await send(t, "c1", "again", { idempotencyKey: "k" })).toBe(id);
  });

  test("is forgotten after 48 hours, swept or not", async () => {
    const t = await queueTest();
    const id = await send(t, "c1", "first", { idempotencyKey: "k" });
    pass(48 * 3_600_000 - 1);
    expect(await send(t, "c1", "again", { idempotencyKey: "k" })).toBe(id);
    pass(1);
    const second = await send(t, "c1", "later", { idempotencyKey: "k" });
    expect(second).not.toBe(id);
    expect(await send(t, "c1", "later still", { idempotencyKey: "k" })).toBe(second);
    await expectConsistent(t, 2);
  });
});

describe("enqueue refuses", () => {
  const cases: [string, Partial<EnqueueArgs>, string, string | RegExp][] = [
    [
      "an unknown agent",
      { agentKey: "nobody" },
      "AGENT_NOT_READY",
      "Agent profile 'nobody' not found or disabled",
    ],
    [
      "a blank user id",
      { payload: { ...PAYLOAD, providerUserId: "  " } },
      "INVALID_ARGUMENT",
      'providerUserId is required but missing in payload.providerUserId="  "',
    ],
    ["a blank conversation", { conversationId: " " }, "INVALID_ARGUMENT", /^conversationId must/],
    [
      "a huge conversation id",
      { conversationId: "c".repeat(513) },
      "INVALID_ARGUMENT",
      "conversationId must have 1 to 512 characters.",
    ],
    ["a blank key", { idempotencyKey: "" }, "INVALID_ARGUMENT", /^idempotencyKey must/],
    ["a huge key", { idempotencyKey: "k".repeat(513) }, "INVALID_ARGUMENT", /^idempotencyKey must/],
    ["a blank agent", { agentKey: "" }, "INVALID_ARGUMENT", /^agentKey must/],
    ["NaN as priority", { priority: Number.NaN }, "INVALID_ARGUMENT", /^priority must be a number/],
    ["NaN as time", { scheduledFor: Number.NaN }, "INVALID_ARGUMENT", /^scheduledFor must/],
    ["a negative time", { scheduledFor: -1 }, "INVALID_ARGUMENT", /^scheduledFor must/],
    [
      "a time in the far future",
      { scheduledFor: START + 367 * 86_400_000 },
      "INVALID_ARGUMENT",
      /^scheduledFor must/,
    ],
    ["no attempts", { maxAttempts: 0 }, "INVALID_ARGUMENT", /^maxAttempts must be a number from 1/],
    ["NaN attempts", { maxAttempts: Number.NaN }, "INVALID_ARGUMENT", /^maxAttempts must/],
    ["too many attempts", { maxAttempts: 101 }, "INVALID_ARGUMENT", /^maxAttempts must/],
    [
      "half an attempt",
      { maxAttempts: 1.5 },
      "INVALID_ARGUMENT",
      "maxAttempts must be a whole number, got 1.5.",
    ],
    ["NaN as clock", { nowMs: Number.NaN }, "INVALID_ARGUMENT", /^nowMs must/],
    [
      "a huge text",
      { payload: { ...PAYLOAD, messageText: "ü".repeat(200_000) } },
      "PAYLOAD_TOO_LARGE",
      /^The message has 400\d\d\d bytes, at most 262144 fit\. Send long content as an attachment\.$/,
    ],
    [
      "a huge raw update",
      { payload: { ...PAYLOAD, rawUpdateJson: "x".repeat(300_000) } },
      "PAYLOAD_TOO_LARGE",
      /at most 262144 fit/,
    ],
    [
      "huge metadata",
      { payload: { ...PAYLOAD, metadata: { k: "x".repeat(300_000) } } },
      "PAYLOAD_TOO_LARGE",
      /at most 262144 fit/,
    ],
  ];
  test.each(cases)("%s", async (_name, more, code, message) => {
    const t = await queueTest();
    const refused = await refusal(enqueue(t, more));
    expect(refused.code).toBe(code);
    if (typeof message === "string") expect(refused.message).toBe(message);
    else expect(refused.message).toMatch(message);
    expect(await readRows(t)).toMatchObject({ messages: [], conversations: [] });
  });

  test("a disabled agent", async () => {
    const t = await queueTest();
    await t.mutation(api.lib.configureAgent, {
      agentKey: "default",
      version: "1",
      secretsRef: [],
      enabled: false,
    });
    expect((await refusal(enqueue(t))).message).toBe(
      "Agent profile 'default' not found or disabled",
    );
  });

  test("a conversation that belongs to another agent", async () => {
    const t = await queueTest();
    await newAgent(t, "other");
    await enqueue(t);
    expect(await refusal(enqueue(t, { agentKey: "other" }))).toMatchObject({
      code: "CONVERSATION_BOUND",
      message: "Conversation 'c1' is already bound to agent 'default', cannot enqueue for 'other'.",
    });
    await expectConsistent(t, 1);
  });
});

describe("attachments", () => {
  const register = async (t: T, storageId: Id<"_storage">, conversationId?: string) =>
    await t.mutation(api.lib.registerUploadedFile, {
      storageId,
      ...(conversationId === undefined ? {} : { conversationId }),
    });

  test("that were registered are stored with a row each, without a URL", async () => {
    const t = await queueTest();
    const storageId = await upload(t);
    await register(t, storageId);
    await register(t, storageId);
    const id = await enqueue(t, {
      payload: {
        ...PAYLOAD,
        attachments: [{ ...attachment(storageId), downloadUrl: "https://elsewhere" }],
      },
    });
    const rows = await t.run(async (ctx) => await ctx.db.query("messageAttachments").take(10));
    expect(rows).toMatchObject([
      { messageId: id, conversationId: "c1", agentKey: "default", provider: "telegram", storageId },
    ]);
    expect(rows[0]).not.toHaveProperty("downloadUrl");
    const [stored] = (await messageRow(t, id)).payload.attachments ?? [];
    expect(stored).toEqual(attachment(storageId));
    expect(await t.run(async (ctx) => await ctx.db.query("mediaFiles").take(10))).toHaveLength(1);
  });

  test("that nobody registered are refused", async () => {
    const t = await queueTest();
    const storageId = await upload(t);
    const refused = await refusal(
      enqueue(t, { payload: { ...PAYLOAD, attachments: [attachment(storageId)] } }),
    );
    expect(refused).toMatchObject({
      code: "FORBIDDEN",
      message: `Attachment file '${storageId}' was not uploaded through this component. Upload it with generateMediaUploadUrl and registerUploadedFile first.`,
    });
    expect((await readRows(t)).messages).toEqual([]);
  });

  test("of another conversation are refused", async () => {
    const t = await queueTest();
    const storageId = await upload(t);
    await register(t, storageId, "c2");
    const attachments = [attachment(storageId)];
    const refused = await refusal(enqueue(t, { payload: { ...PAYLOAD, attachments } }));
    expect(refused.code).toBe("FORBIDDEN");
    await enqueue(t, { conversationId: "c2", payload: { ...PAYLOAD, attachments } });
    await expectConsistent(t, 1);
  });

  test("that a worker uploaded for itself are refused", async () => {
    const t = await queueTest();
    const storageId = await upload(t);
    await t.run(
      async (ctx) =>
        await ctx.db.insert("mediaFiles", {
          storageId,
          purpose: "worker_media",
          workerId: "w1",
          createdAt: START,
        }),
    );
    const attachments = [attachment(storageId)];
    const refused = await refusal(enqueue(t, { payload: { ...PAYLOAD, attachments } }));
    expect(refused.code).toBe("FORBIDDEN");
  });

  test("above twenty, or with huge names, are refused", async () => {
    const t = await queueTest();
    const storageId = await upload(t);
    await register(t, storageId);
    const attachments = Array<ReturnType<typeof attachment>>(21).fill(attachment(storageId));
    expect(await refusal(enqueue(t, { payload: { ...PAYLOAD, attachments } }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "At most 20 attachments per message.",
    });
    const huge = [attachment(storageId, { fileName: "n".repeat(300_000) })];
    const refused = await refusal(enqueue(t, { payload: { ...PAYLOAD, attachments: huge } }));
    expect(refused.code).toBe("PAYLOAD_TOO_LARGE");
  });

  test("may not be the archive of a snapshot, and its URL is not given away", async () => {
    const t = await queueTest();
    const storageId = await upload(t, "memory");
    await t.run(
      async (ctx) =>
        await ctx.db.insert("dataSnapshots", {
          workspaceId: "default",
          agentKey: "default",
          workerId: "w1",
          conversationId: "c1",
          reason: "drain",
          formatVersion: 1,
          archiveFileId: storageId,
          status: "ready",
          createdAt: START,
          expiresAt: START + 1,
        }),
    );
    expect((await refusal(register(t, storageId))).code).toBe("FORBIDDEN");
    expect(await t.query(api.lib.getStorageFileUrl, { storageId })).toBeNull();
  });

  test("that do not exist cannot be registered", async () => {
    const t = await queueTest();
    const storageId = await upload(t);
    await t.run(async (ctx) => await ctx.storage.delete(storageId));
    expect(await refusal(register(t, storageId))).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: `File '${storageId}' does not exist.`,
    });
    expect(await t.query(api.lib.getStorageFileUrl, { storageId })).toBeNull();
  });

  test("uploads begin with a URL, and a media file has one", async () => {
    const t = await queueTest();
    const { uploadUrl } = await t.mutation(api.lib.generateMediaUploadUrl, {});
    expect(uploadUrl).toMatch(/^https?:/);
    const storageId = await upload(t);
    await register(t, storageId);
    expect(await t.query(api.lib.getStorageFileUrl, { storageId })).toMatch(/^https?:/);
  });
});

describe("attachMessageMetadata", () => {
  test("merges keys, the new ones win", async () => {
    const t = await queueTest();
    const messageId = await enqueue(t, { payload: { ...PAYLOAD, metadata: { a: "1", b: "1" } } });
    const call = async (metadata: Record<string, string>) =>
      await t.mutation(api.lib.attachMessageMetadata, { messageId, metadata });
    expect(await call({ b: "2", c: "2" })).toBe(true);
    expect((await messageRow(t, messageId)).payload.metadata).toEqual({
      a: "1",
      b: "2",
      c: "2",
      providerUserId: "user-1",
    });
    const huge = await refusal(call({ d: "x".repeat(300_000) }));
    expect(huge.code).toBe("PAYLOAD_TOO_LARGE");
    await t.run(async (ctx) => await ctx.db.delete("messageQueue", messageId));
    expect(await call({ d: "3" })).toBe(false);
  });
});
