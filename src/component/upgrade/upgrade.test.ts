/** From 3.x to here with traffic on the line. */
import { convexTest } from "convex-test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api, internal } from "../_generated/api.js";
import {
  claim,
  complete,
  expectConsistent,
  heartbeat,
  messageRow,
  mustClaim,
  newWorker,
  send,
  START,
  useTestClock,
  type T,
} from "../queue/setup.test.js";
import { openActiveSecret } from "../secrets/ops.js";
import { initTest, modules, PROVIDER } from "../setup.test.js";
import schema from "../schema.js";
import { BOT, insertLegacyDeployment, LEGACY_SECRET, type Flavour } from "./legacyData.fixture.js";

useTestClock();
beforeEach(() => vi.stubEnv("SECRETS_KEY", btoa("0123456789abcdef0123456789abcdef")));
afterEach(() => vi.unstubAllEnvs());

const FLAVOURS: Flavour[] = ["3.0.3", "3.1"];
const idOf = (flavour: Flavour, n: number) =>
  flavour === "3.1" ? `telegram:${BOT}:${n}` : `telegram:${n}`;

async function deployment(flavour: Flavour, conversations = 30, history = 40) {
  const t = initTest();
  const rows = await t.run(
    async (ctx) =>
      await insertLegacyDeployment(ctx, { flavour, now: START, conversations, history }),
  );
  return { t, ...rows };
}
const batch = async (t: T) => (await t.mutation(internal.upgrade.runner.run, {})).more;
const status = async (t: T) => await t.query(api.lib.upgradeStatus, {});
const migrate = async (t: T) => {
  for (let n = 0; await batch(t); n++) if (n > 100) throw new Error("it does not end");
};

async function wholeHistory(t: T, conversationId: string, limit: number): Promise<string[]> {
  const found: string[] = [];
  for (let before: number | undefined; ;) {
    const page = await t.query(api.lib.listConversationMessages, {
      ...{ conversationId, limit },
      ...(before === undefined ? {} : { before }),
    });
    found.unshift(...page.entries.map((entry) => entry.content));
    if (page.continueBefore === null) return found;
    before = page.continueBefore;
  }
}

async function dump(t: T) {
  return await t.run(async (ctx) => ({
    messages: await ctx.db.query("messageQueue").take(10_000),
    conversations: await ctx.db.query("conversations").take(10_000),
    history: await ctx.db.query("conversationMessages").take(10_000),
    secrets: await ctx.db.query("secrets").take(10_000),
  }));
}

/** Runs what is scheduled for now, and what that schedules for now. */
async function runScheduled(t: T) {
  for (let n = 0; n < 8; n++) {
    vi.advanceTimersByTime(1);
    await t.finishInProgressScheduledFunctions();
  }
}

describe.each(FLAVOURS)("a deployment of %s", (flavour) => {
  test("is served while it is migrated: every message once, in order, with its attempts", async () => {
    const { t, held, waiting } = await deployment(flavour, 30, 300);
    expect(await status(t)).toEqual({
      ...{ done: false, conversations: 10, messages: 10, histories: 10, secrets: 2, problem: null },
    });
    const old = { workerId: "afw-1-0", messageId: held, leaseId: "old-lease" };
    const fresh: string[] = [];
    const answered: string[] = [];
    for (let n = 0, more = true; more; n++) {
      // Between two batches: the old fleet works on, a user writes, a new worker answers.
      expect(await heartbeat(t, old)).toBe(true);
      fresh.push(await send(t, idOf(flavour, 29 - n), `new ${n}`, { agentKey: "a" }));
      await newWorker(t, `new-${29 - n}`);
      const job = await mustClaim(t, `new-${29 - n}`, idOf(flavour, 29 - n));
      answered.push(job.messageId);
      expect(await complete(t, job.ref)).toBe(true);
      more = await batch(t);
    }
    expect(fresh.length).toBeGreaterThan(3);
    // 30 conversations with what 3.x left, and what came meanwhile.
    await expectConsistent(t, 30 * 4 + 1 + fresh.length);
    expect(await complete(t, old)).toBe(true);
    for (let c = 0; c < 30; c++) {
      if (c <= 29 - fresh.length) await newWorker(t, `new-${c}`);
      const workerId = c === 0 ? "afw-1-0" : `new-${c}`;
      while ((await claim(t, workerId, idOf(flavour, c))) !== null) {
        // A repeated claim of the holder returns the same job.
        const job = await mustClaim(t, workerId, idOf(flavour, c));
        answered.push(job.messageId);
        expect(await complete(t, job.ref)).toBe(true);
      }
    }
    expect([...answered].sort()).toEqual([...waiting, ...fresh].sort());
    const mine = (id: string) => answered.indexOf(id);
    for (let c = 0; c < waiting.length; c += 2)
      expect(mine(waiting[c]!)).toBeLessThan(mine(waiting[c + 1]!));
    expect(await messageRow(t, waiting[0]!)).toMatchObject({ status: "done", attempts: 3 });
    expect(await messageRow(t, held)).toMatchObject({ status: "done", attempts: 2 });
    expect(await t.query(api.lib.queueStats, {})).toMatchObject({ deadLetter: 30 });
    await expectConsistent(t, 30 * 4 + 1 + fresh.length);
  });

  test("keeps every history, page by page, also for a reader who was in the middle of it", async () => {
    const { t } = await deployment(flavour, 3, 40);
    const conversationId = idOf(flavour, 1);
    const expected = Array.from({ length: 40 }, (_, n) => `said ${n}`);
    const read = async (before: number) =>
      await t.query(api.lib.listConversationMessages, { conversationId, limit: 15, before });
    const first = await t.query(api.lib.listConversationMessages, { conversationId, limit: 15 });
    await migrate(t);
    const second = await read(first.continueBefore ?? Number.NaN);
    const third = await read(second.continueBefore ?? Number.NaN);
    const pages = [third, second, first].flatMap((page) => page.entries.map((e) => e.content));
    expect(pages).toEqual(expected);
    expect(third.continueBefore).toBeNull();
    await t.mutation(api.lib.appendConversationMessages, {
      conversationId,
      messages: [{ role: "user", content: "and now" }],
    });
    for (const limit of [1, 7, 40, 41, 200])
      expect(await wholeHistory(t, conversationId, limit)).toEqual([...expected, "and now"]);
    const row = (await dump(t)).conversations.find(
      (found) => found.conversationId === conversationId,
    );
    expect(row).toMatchObject({ contextHistory: [], firstSequence: -41, nextSequence: 1 });
  });

  test("keeps its pairings, and its secrets under the new key", async () => {
    const { t } = await deployment(flavour, 2);
    expect(await t.mutation(api.lib.startUpgrade, {})).toEqual({ resealing: true });
    await runScheduled(t);
    const { secrets, problem } = await status(t);
    expect({ secrets, problem }).toEqual({ secrets: 0, problem: null });
    expect(await t.query(async (ctx) => await openActiveSecret(ctx, "legacy.0"))).toBe(
      LEGACY_SECRET,
    );
    for (const row of (await dump(t)).secrets) expect(row.algorithm).toBe("aes-256-gcm-v1");
    const paired = await t.mutation(api.lib.consumePairingCode, {
      ...{ code: "OLDCODE1", botIdentity: BOT, telegramUserId: "77", telegramChatId: "77" },
      nowMs: START,
    });
    expect(paired).toMatchObject({ status: "used", consumerUserId: "new-user" });
  });

  test("is left alone by a second migration", async () => {
    const { t } = await deployment(flavour, 5);
    await migrate(t);
    const before = await dump(t);
    await migrate(t);
    await t.mutation(internal.upgrade.runner.run, {});
    expect(await dump(t)).toEqual(before);
    expect(await status(t)).toMatchObject({ conversations: 0, messages: 0, histories: 0 });
  });
});

test("without a key all but the secrets is migrated, and the status says what to do", async () => {
  vi.stubEnv("SECRETS_KEY", "");
  const { t } = await deployment("3.0.3", 2);
  expect(await t.mutation(api.lib.startUpgrade, {})).toEqual({ resealing: false });
  await migrate(t);
  expect(await status(t)).toEqual({
    ...{ done: false, conversations: 0, messages: 0, histories: 0, secrets: 2 },
    problem: "SECRETS_KEY is not set.",
  });
});

test("a batch costs the same whatever is left", async () => {
  const costOf = async (conversations: number) => {
    const { t } = await deployment("3.0.3", conversations, 20);
    return await t.mutation(async (ctx) => {
      await ctx.runMutation(internal.upgrade.runner.run, {});
      const { documentsRead, documentsWritten } = await ctx.meta.getTransactionMetrics();
      return { reads: documentsRead.used, writes: documentsWritten.used };
    });
  };
  const [few, many] = [await costOf(40), await costOf(400)];
  expect(many.writes).toBeLessThanOrEqual(2_500);
  expect(many.reads).toBeLessThanOrEqual(few.reads * 1.2 + 200);
});

test("a history of a megabyte in 8,000 entries moves in one transaction", async () => {
  const { t } = await deployment("3.0.3", 1, 8_000);
  await migrate(t);
  const page = await t.query(api.lib.listConversationMessages, {
    ...{ conversationId: "telegram:0", limit: 2 },
  });
  expect(page.entries.map((entry) => entry.content)).toEqual(["said 7998", "said 7999"]);
});

test("long histories keep every transaction inside Convex's limits, whoever comes first", async () => {
  const t = convexTest({ schema, modules, transactionLimits: true });
  const ids = await t.run(async (ctx) => {
    await insertLegacyDeployment(ctx, {
      ...{ flavour: "3.0.3", now: START, conversations: 24, history: 0 },
    });
    return (await ctx.db.query("conversations").take(24)).map(({ _id }) => _id);
  });
  const entry = { role: "user" as const, content: "x".repeat(30_000), at: START };
  const contextHistory = Array.from({ length: 30 }, () => entry);
  for (const id of ids)
    await t.run(async (ctx) => await ctx.db.patch("conversations", id, { contextHistory }));
  const newPass = async (passId: string) => {
    await t.run(async (ctx) => {
      const state = (await ctx.db.query("schedulerState").first())!;
      await ctx.db.patch("schedulerState", state._id, { passId, passStartedAt: Date.now() });
    });
    return await t.mutation(internal.scheduler.reserve.prepare, { passId });
  };
  expect(await status(t)).toMatchObject({ done: false });
  await t.mutation(internal.retention.sweeper.run, {});
  for (let n = 0; n < 4; n++) expect(await newPass(`p${n}`)).toBe(true);
  expect(await batch(t)).toBe(true);
  await migrate(t);
  expect(await status(t)).toMatchObject({ conversations: 0, messages: 0, histories: 0 });
  const whole = await wholeHistory(t, "telegram:23", 200);
  expect([whole.length, whole[0]?.length]).toEqual([30, 30_000]);
});

describe("a worker of the old fleet", () => {
  const RESTORE = { workspaceId: "default", agentKey: "a", conversationId: "telegram:0" };

  test("keeps its conversation: a pass neither makes a second machine for it nor evicts it", async () => {
    const { t, held } = await deployment("3.0.3", 1);
    await t.mutation(api.lib.setProviderRuntimeConfig, { providerConfig: PROVIDER });
    await migrate(t);
    const old = { workerId: "afw-1-0", messageId: held, leaseId: "old-lease" };
    expect(await complete(t, old)).toBe(true);
    for (const passId of ["p1", "p2"]) {
      await t.run(async (ctx) => {
        const state = (await ctx.db.query("schedulerState").first())!;
        await ctx.db.patch("schedulerState", state._id, { passId, passStartedAt: Date.now() });
      });
      const observation = { apps: [] };
      expect(
        await t.mutation(internal.scheduler.reserve.commit, { passId, observation }),
      ).toMatchObject({ spawned: 0, drained: 0 });
    }
    expect(await claim(t, "afw-1-0", "telegram:0")).not.toBeNull();
    await expectConsistent(t, 5);
  });

  test("goes on with the memory that was the head when it started, though it never says so", async () => {
    const { t } = await deployment("3.0.3", 1);
    await migrate(t);
    const store = async (workerId: string) => {
      const { snapshotId } = await t.mutation(api.lib.prepareDataSnapshotUpload, {
        ...{ ...RESTORE, workerId, reason: "manual" as const },
      });
      const [storageId, sha256] = await t.run(async (ctx) => {
        const id = await ctx.storage.store(new Blob([`memory of ${workerId}`]));
        return [id, (await ctx.db.system.get("_storage", id))!.sha256] as const;
      });
      await t.mutation(api.lib.finalizeDataSnapshotUpload, {
        ...{ workerId, snapshotId, storageId, sha256 },
        sizeBytes: `memory of ${workerId}`.length,
      });
      return snapshotId;
    };
    // The worker before it stored the head; ours started after that.
    const head = await t.run(async (ctx) => {
      const id = await ctx.storage.store(new Blob(["before"]));
      return await ctx.db.insert("dataSnapshots", {
        ...{ ...RESTORE, workerId: "afw-0", reason: "drain", formatVersion: 1, status: "ready" },
        ...{ createdAt: 1, expiresAt: Date.now() + 1e9, archiveFileId: id, sha256: "0" },
      });
    });
    const stored = await store("afw-1-0");
    const row = await t.run(async (ctx) => await ctx.db.get("dataSnapshots", stored));
    expect(row).toMatchObject({ status: "ready", lineage: "main", parentSnapshotId: head });
  });
});

test("a lock whose message is not in work any more does not keep its conversation", async () => {
  const { t, held } = await deployment("3.0.3", 1);
  await t.run(async (ctx) => {
    const row = (await ctx.db.query("conversations").first())!;
    const lock = row.processingLock!;
    await ctx.db.patch("messageQueue", held, { status: "done" });
    await ctx.db.patch("conversations", row._id, {
      processingLock: { ...lock, leaseExpiresAt: START - 1 },
    });
  });
  await migrate(t);
  const row = await t.run(async (ctx) => await ctx.db.query("conversations").first());
  expect(row).toMatchObject({ state: "ready", ownerWorkerId: "afw-1-0" });
  expect(row).not.toHaveProperty("processingLock");
  await mustClaim(t, "afw-1-0", "telegram:0");
});
