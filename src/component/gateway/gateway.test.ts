import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api, internal } from "../_generated/api.js";
import { sha256Hex } from "../kit/random.js";
import { send } from "../setup.test.js";
import { GATEWAY_FUNCTIONS, gatewayFunction, type GatewayFunctionName } from "./protocol.js";
import { insertWorker, openGateway, tokenOf, type Job } from "./workers.fixture.js";

type Gateway = Awaited<ReturnType<typeof openGateway>>;
let gateway: Gateway;
beforeEach(async () => {
  vi.useFakeTimers();
  vi.setSystemTime(1_800_000_000_000);
  gateway = await openGateway();
});
afterEach(() => vi.useRealTimers());

const NAMES = Object.keys(GATEWAY_FUNCTIONS) as GatewayFunctionName[];
const restoreKey = { workspaceId: "default", agentKey: "default" };

/** Arguments with which worker w1 may call each function, having claimed its message. */
async function validArgs(): Promise<Record<GatewayFunctionName, object>> {
  const { messageId, leaseId } = await gateway.claim("w1");
  const { snapshotId } = await gateway.prepare("w1", "c1");
  const failing = await gateway.prepare("w1", "c1");
  const media = await gateway.upload("picture");
  const lease = { messageId, leaseId };
  return {
    workerReady: { restoredSnapshotId: null, engine: "echo" },
    workerPoll: {},
    workerControlState: { workerId: "w1" },
    workerClaim: { workerId: "w1", conversationId: "c1" },
    workerConversationHasQueued: { conversationId: "c1" },
    workerHydrationBundle: { messageId, workspaceId: "default" },
    workerHeartbeat: lease,
    workerStoreAnswer: { ...lease, text: "hi", parts: ["hi"] },
    workerRecordDelivery: { ...lease, part: 0, state: "sending" },
    workerAppendConversationMessages: {
      conversationId: "c1",
      messages: [{ role: "tool", content: "x" }],
    },
    workerPrepareSnapshotUpload: { ...restoreKey, conversationId: "c1", reason: "manual" },
    workerFinalizeSnapshotUpload: { snapshotId, ...(await gateway.upload("archive")) },
    workerFailSnapshotUpload: { snapshotId: failing.snapshotId, error: "disk" },
    workerLatestSnapshotForRestore: { ...restoreKey, conversationId: "c1" },
    workerGenerateMediaUploadUrl: {},
    workerGetStorageFileUrl: { storageId: media.storageId },
    workerAttachMessageMetadata: { messageId, metadata: { a: "b" } },
    workerGlobalSkillsManifest: { workspaceId: "default" },
    workerReportSkills: { manifestVersion: "m", skills: [], refused: [] },
    // These end the lease, each its own one.
    workerHandBack: { ...lease, reason: "stopping" },
    workerFail: { ...lease, errorMessage: "x", retryAfterMs: 0 },
    workerComplete: lease,
  };
}
const ENDS_LEASE: readonly GatewayFunctionName[] = [
  "workerHandBack",
  "workerFail",
  "workerComplete",
];

describe("with a valid token", () => {
  test("every function of the protocol can be called", async () => {
    const args = await validArgs();
    for (const name of NAMES.filter((one) => !ENDS_LEASE.includes(one))) {
      const answer = await gateway.call("w1", name, args[name]);
      // Nothing more is waiting: the one answer in which `false` is no refusal.
      expect(answer === false, name).toBe(name === "workerConversationHasQueued");
    }
    for (const name of ENDS_LEASE) {
      await send(gateway.t, "c1");
      vi.setSystemTime(Date.now() + 5_000);
      const { messageId, leaseId } = await gateway.claim("w1");
      const answer = await gateway.call("w1", name, { ...args[name], messageId, leaseId });
      expect(answer, name).not.toBe(false);
      expect((await gateway.message(messageId))?.status, name).not.toBe("processing");
    }
  });

  test("the answers have the shape of the protocol", async () => {
    expect(
      await gateway.call("w1", "workerReady", {
        restoredSnapshotId: null,
        engine: "echo",
        runtimeVersion: "1",
      }),
    ).toEqual({
      conversationId: "c1",
      agentKey: "default",
      heartbeatIntervalMs: 15_000,
      leaseMs: 360_000,
    });
    const { job } = (await gateway.call("w1", "workerPoll")) as { job: Job };
    expect(job).toMatchObject({
      conversationId: "c1",
      agentKey: "default",
      payload: { messageText: "hello" },
    });
    expect(await gateway.call("w1", "workerPoll")).toEqual({ kind: "job", job });
    expect(await gateway.call("w1", "workerControlState", {})).toEqual({ shouldStop: false });
    const { messageId, leaseId } = job;
    expect(
      await gateway.call("w1", "workerStoreAnswer", {
        messageId,
        leaseId,
        text: "ab",
        parts: ["a", "b"],
      }),
    ).toEqual({
      stored: true,
      answer: {
        text: "ab",
        parts: [
          { text: "a", state: "pending" },
          { text: "b", state: "pending" },
        ],
      },
    });
    expect(
      await gateway.call("w1", "workerRecordDelivery", {
        messageId,
        leaseId,
        part: 0,
        state: "sending",
      }),
    ).toMatchObject({ proceed: true });
    expect(await gateway.call("w1", "workerHeartbeat", { messageId, leaseId })).toBe(true);
    expect(await gateway.call("w1", "workerComplete", { messageId, leaseId })).toBe(true);
    expect(await gateway.message(messageId)).toMatchObject({ status: "done" });
    expect(await gateway.call("w1", "workerPoll")).toEqual({ kind: "idle", retryAfterMs: 1_000 });
    expect(await gateway.call("w1", "workerClaim")).toBeNull();
  });

  test("metadata is added to what is there, and to a held message only", async () => {
    const { messageId } = await gateway.claim("w1");
    await gateway.call("w1", "workerAttachMessageMetadata", { messageId, metadata: { a: "1" } });
    await gateway.call("w1", "workerAttachMessageMetadata", { messageId, metadata: { b: "2" } });
    expect((await gateway.message(messageId))?.payload.metadata).toEqual({
      providerUserId: "user-1",
      a: "1",
      b: "2",
    });
  });
});

describe("without one", () => {
  test("no function can be called: not with a wrong token, nor an empty one, nor a hash in its place", async () => {
    const args = await validArgs();
    const before = await gateway.t.run(async (ctx) => [
      await ctx.db.query("messageQueue").take(9),
      await ctx.db.query("conversations").take(9),
      await ctx.db.query("workers").take(9),
    ]);
    for (const token of ["afw_other", "", await sha256Hex(tokenOf("w1"))])
      for (const name of NAMES)
        await expect(gateway.callWith(token, name, args[name]), name).rejects.toThrow(
          "TOKEN_INVALID",
        );
    expect(
      await gateway.t.run(async (ctx) => [
        await ctx.db.query("messageQueue").take(9),
        await ctx.db.query("conversations").take(9),
        await ctx.db.query("workers").take(9),
      ]),
    ).toEqual(before);
  });

  test("the token is asked for before anything else is looked at", async () => {
    await expect(gateway.callWith("afw_other", "noSuchFunction")).rejects.toThrow("TOKEN_INVALID");
    await expect(gateway.callWith("afw_other", "workerPoll", { bad: 1 })).rejects.toThrow(
      "TOKEN_INVALID",
    );
  });
});

test("a token lives as long as its worker: through draining and stopping, not beyond", async () => {
  for (const status of ["draining", "stopping"] as const) {
    await insertWorker(gateway.t, `x-${status}`, "c9", { status });
    expect(await gateway.call(`x-${status}`, "workerControlState", {})).toEqual({
      shouldStop: true,
    });
  }
  await insertWorker(gateway.t, "x-stopped", "c9", { status: "stopped" });
  await expect(gateway.call("x-stopped", "workerPoll")).rejects.toThrow("TOKEN_INVALID");
  await gateway.t.run(async (ctx) => {
    const row = await ctx.db
      .query("workers")
      .withIndex("by_workerId", (q) => q.eq("workerId", "w1"))
      .unique();
    await ctx.db.delete("workers", row!._id);
  });
  await expect(gateway.call("w1", "workerPoll")).rejects.toThrow("TOKEN_INVALID");
});

describe("a worker touches only what is its own", () => {
  test("it cannot speak as another worker, in any function that names one", async () => {
    const args = await validArgs();
    const naming = NAMES.filter(
      (name) =>
        ![
          "workerConversationHasQueued",
          "workerHydrationBundle",
          "workerAppendConversationMessages",
          "workerLatestSnapshotForRestore",
          "workerGenerateMediaUploadUrl",
          "workerGetStorageFileUrl",
          "workerAttachMessageMetadata",
        ].includes(name),
    );
    expect(naming).toHaveLength(15);
    for (const name of naming) {
      await expect(
        gateway.call("w1", name, { ...args[name], workerId: "w2" }),
        name,
      ).rejects.toThrow("FORBIDDEN");
    }
  });

  test("a foreign message stays as it is, whatever is called with it and its lease", async () => {
    const own = await gateway.claim("w1");
    const foreign = await gateway.claim("w2");
    const before = await gateway.message(foreign.messageId);
    for (const leaseId of [own.leaseId, foreign.leaseId]) {
      const lease = { messageId: foreign.messageId, leaseId };
      expect(await gateway.call("w1", "workerHeartbeat", lease)).toBe(false);
      expect(await gateway.call("w1", "workerComplete", lease)).toBe(false);
      expect(await gateway.call("w1", "workerHandBack", { ...lease, reason: "x" })).toBe(false);
      expect(await gateway.call("w1", "workerFail", { ...lease, errorMessage: "x" })).toEqual({
        requeued: false,
        deadLettered: false,
        nextScheduledFor: null,
      });
      expect(
        await gateway.call("w1", "workerStoreAnswer", { ...lease, text: "x", parts: ["x"] }),
      ).toEqual({
        stored: false,
      });
      expect(
        await gateway.call("w1", "workerRecordDelivery", { ...lease, part: 0, state: "sent" }),
      ).toEqual({ proceed: false, answer: null });
    }
    const { messageId } = foreign;
    await expect(
      gateway.call("w1", "workerHydrationBundle", { messageId, workspaceId: "default" }),
    ).rejects.toThrow("FORBIDDEN");
    await expect(
      gateway.call("w1", "workerAttachMessageMetadata", {
        messageId,
        metadata: { telegramChatId: "1" },
      }),
    ).rejects.toThrow("FORBIDDEN");
    expect(await gateway.message(messageId)).toEqual(before);
  });

  test("a foreign conversation is closed to it", async () => {
    await gateway.claim("w2");
    const c2 = { conversationId: "c2" };
    expect(await gateway.call("w1", "workerClaim", c2)).toBeNull();
    for (const [name, args] of [
      ["workerConversationHasQueued", c2],
      ["workerAppendConversationMessages", { ...c2, messages: [{ role: "user", content: "x" }] }],
      ["workerPrepareSnapshotUpload", { ...restoreKey, ...c2, reason: "manual" }],
      ["workerLatestSnapshotForRestore", { ...restoreKey, ...c2 }],
    ] as const)
      await expect(gateway.call("w1", name, args), name).rejects.toThrow("FORBIDDEN");
    expect(
      await gateway.t.run(async (ctx) => await ctx.db.query("conversationMessages").take(9)),
    ).toEqual([]);
  });

  test("a foreign snapshot can be neither ended, nor failed, nor named as restored or as a parent", async () => {
    const { snapshotId } = await gateway.prepare("w2", "c2");
    const archive = await gateway.upload("archive of w2");
    expect(
      await gateway.call("w1", "workerFinalizeSnapshotUpload", { snapshotId, ...archive }),
    ).toBe(false);
    expect(await gateway.call("w1", "workerFailSnapshotUpload", { snapshotId, error: "x" })).toBe(
      false,
    );
    await gateway.call("w2", "workerFinalizeSnapshotUpload", { snapshotId, ...archive });
    await expect(
      gateway.call("w1", "workerReady", { restoredSnapshotId: snapshotId, engine: "echo" }),
    ).rejects.toThrow("FORBIDDEN");
    await expect(
      gateway.call("w1", "workerPrepareSnapshotUpload", {
        ...restoreKey,
        conversationId: "c1",
        reason: "manual",
        parentSnapshotId: snapshotId,
      }),
    ).rejects.toThrow("FORBIDDEN");
    expect(await gateway.worker("w1")).not.toHaveProperty("restoredSnapshotId");
    expect(await gateway.worker("w1")).not.toHaveProperty("lastSnapshotId");
  });

  test("ids that are none, or of another table, are refused without a trace", async () => {
    const { messageId, leaseId } = await gateway.claim("w1");
    const { snapshotId } = await gateway.prepare("w1", "c1");
    const calls: [GatewayFunctionName, object][] = [
      ["workerHeartbeat", { messageId: "nonsense", leaseId }],
      ["workerHeartbeat", { messageId: snapshotId, leaseId }],
      ["workerHydrationBundle", { messageId: snapshotId, workspaceId: "default" }],
      ["workerReady", { restoredSnapshotId: messageId, engine: "echo" }],
      ["workerFailSnapshotUpload", { snapshotId: messageId, error: "x" }],
      [
        "workerFinalizeSnapshotUpload",
        { snapshotId, storageId: messageId, sha256: "x", sizeBytes: 1 },
      ],
      ["workerGetStorageFileUrl", { storageId: messageId }],
      ["workerGetStorageFileUrl", { storageId: "nonsense" }],
    ];
    for (const [name, args] of calls)
      await expect(gateway.call("w1", name, args), name).rejects.toThrow("FORBIDDEN");
  });
});

describe("a lease that is over", () => {
  test("is told so, and nothing is changed", async () => {
    const { messageId, leaseId } = await gateway.claim("w1");
    vi.setSystemTime(Date.now() + 400_000);
    await gateway.t.mutation(api.lib.releaseStuckJobs, {});
    const before = await gateway.message(messageId);
    expect(before).toMatchObject({ status: "queued", attempts: 1 });
    const lease = { messageId, leaseId };
    expect(await gateway.call("w1", "workerHeartbeat", lease)).toBe(false);
    expect(
      await gateway.call("w1", "workerStoreAnswer", { ...lease, text: "x", parts: ["x"] }),
    ).toEqual({ stored: false });
    expect(await gateway.call("w1", "workerComplete", lease)).toBe(false);
    expect(await gateway.message(messageId)).toEqual(before);
    await expect(
      gateway.call("w1", "workerAppendConversationMessages", {
        conversationId: "c1",
        messages: [{ role: "assistant", content: "late" }],
      }),
    ).rejects.toThrow("FORBIDDEN");
    await expect(
      gateway.call("w1", "workerAttachMessageMetadata", { messageId, metadata: { a: "b" } }),
    ).rejects.toThrow("FORBIDDEN");
    expect(
      await gateway.t.run(async (ctx) => await ctx.db.query("conversationMessages").take(9)),
    ).toEqual([]);
  });

  test("is also over for a worker that claims again later: an old lease id stays dead", async () => {
    const first = await gateway.claim("w1");
    await gateway.call("w1", "workerHandBack", {
      messageId: first.messageId,
      leaseId: first.leaseId,
      reason: "x",
    });
    vi.setSystemTime(Date.now() + 1_000);
    const second = await gateway.claim("w1");
    expect(second.messageId).toBe(first.messageId);
    expect(second.leaseId).not.toBe(first.leaseId);
    expect(
      await gateway.call("w1", "workerComplete", {
        messageId: first.messageId,
        leaseId: first.leaseId,
      }),
    ).toBe(false);
    expect(await gateway.message(first.messageId)).toMatchObject({ status: "processing" });
  });
});

describe("history", () => {
  test("is appended under the lease, once per role and message", async () => {
    await gateway.claim("w1");
    const args = {
      conversationId: "c1",
      workspaceId: "default",
      messages: [
        { role: "user", content: "hello" },
        { role: "assistant", content: "hi", at: 5 },
      ],
    };
    expect(await gateway.call("w1", "workerAppendConversationMessages", args)).toEqual({
      updated: true,
      messageCount: 2,
    });
    await gateway.call("w1", "workerAppendConversationMessages", args);
    const rows = await gateway.t.run(
      async (ctx) => await ctx.db.query("conversationMessages").take(9),
    );
    expect(rows.map(({ role, content }) => [role, content])).toEqual([
      ["user", "hello"],
      ["assistant", "hi"],
    ]);
  });

  test("is closed to a worker without a message in hand", async () => {
    await expect(
      gateway.call("w1", "workerAppendConversationMessages", {
        conversationId: "c1",
        messages: [{ role: "user", content: "x" }],
      }),
    ).rejects.toThrow("FORBIDDEN");
  });
});

describe("files", () => {
  const url = async (workerId: string, storageId: string) =>
    await gateway.call(workerId, "workerGetStorageFileUrl", { storageId });

  test("a worker's upload becomes its own with the first look, and stays closed to others", async () => {
    const { storageId } = await gateway.upload("picture");
    expect(await url("w1", storageId)).toMatch(/^https?:/);
    expect(await url("w1", storageId)).toMatch(/^https?:/);
    await expect(url("w2", storageId)).rejects.toThrow("FORBIDDEN");
    const rows = await gateway.t.run(async (ctx) => await ctx.db.query("mediaFiles").take(9));
    expect(rows).toMatchObject([{ purpose: "worker_media", workerId: "w1", conversationId: "c1" }]);
  });

  test("what one worker uploaded for a conversation is open to the next one of that conversation", async () => {
    const { storageId } = await gateway.upload("picture");
    await url("w1", storageId);
    await insertWorker(gateway.t, "w3", "c1");
    expect(await url("w3", storageId)).toMatch(/^https?:/);
  });

  test("the archive of a snapshot is no media, not even to its own worker", async () => {
    const { snapshotId } = await gateway.prepare("w1", "c1");
    const archive = await gateway.upload("archive");
    await gateway.call("w1", "workerFinalizeSnapshotUpload", { snapshotId, ...archive });
    for (const id of ["w1", "w2"])
      await expect(url(id, archive.storageId)).rejects.toThrow("FORBIDDEN");
  });

  test("a file without conversation does not belong to every worker without one", async () => {
    const { storageId } = await gateway.upload("picture");
    await gateway.t.run(async (ctx) => {
      const id = ctx.db.system.normalizeId("_storage", storageId);
      await ctx.db.insert("mediaFiles", { storageId: id!, purpose: "attachment", createdAt: 0 });
    });
    await insertWorker(gateway.t, "free", null);
    await expect(url("free", storageId)).rejects.toThrow("FORBIDDEN");
    await expect(url("w1", storageId)).rejects.toThrow("FORBIDDEN");
  });
});

describe("polling", () => {
  const poll = async (workerId = "w1") =>
    (await gateway.call(workerId, "workerPoll")) as { kind: string; reason?: string };
  const finishOne = async () => {
    const { messageId, leaseId } = await gateway.claim("w1");
    await gateway.call("w1", "workerComplete", { messageId, leaseId });
  };
  /** Writes and reads of one call. */
  const cost = async (name: GatewayFunctionName, args: object = {}) => {
    const request = { tokenHash: await sha256Hex(tokenOf("w1")), name, args };
    return await gateway.t.mutation(async (ctx) => {
      await ctx.runMutation(api.lib.workerGatewayMutation, request);
      const { documentsRead, documentsWritten } = await ctx.meta.getTransactionMetrics();
      return { read: documentsRead.used, written: documentsWritten.used };
    });
  };

  test("an idle worker writes its heartbeat at most once a minute, and reads a bounded number of rows", async () => {
    await finishOne();
    await poll();
    const writes = [];
    for (let second = 0; second < 180; second += 5) {
      vi.setSystemTime(Date.now() + 5_000);
      const { read, written } = await cost("workerPoll");
      expect(read).toBeLessThanOrEqual(12);
      writes.push(written);
    }
    expect(writes.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(3);
  });

  test("costs the same with ten thousand foreign messages waiting", async () => {
    await finishOne();
    const small = await cost("workerPoll");
    await gateway.t.run(async (ctx) => {
      for (let i = 0; i < 10_000; i++)
        await ctx.db.insert("messageQueue", {
          conversationId: `other${i % 100}`,
          agentKey: "default",
          payload: { provider: "x", providerUserId: "u", messageText: "t" },
          status: "queued",
          priority: 50,
          scheduledFor: 0,
          attempts: 0,
          maxAttempts: 5,
        });
    });
    const large = await cost("workerPoll");
    expect(large.read).toBeLessThanOrEqual(small.read);
    expect(large.written).toBeLessThanOrEqual(small.written);
  });

  test("says idle, with longer pauses as time goes by", async () => {
    await finishOne();
    const pauses = [];
    for (const seconds of [0, 40, 120, 600]) {
      vi.setSystemTime(Date.now() + seconds * 1_000);
      pauses.push(await gateway.call("w1", "workerPoll"));
    }
    expect(pauses).toEqual(
      [1_000, 3_000, 10_000, 15_000].map((retryAfterMs) => ({ kind: "idle", retryAfterMs })),
    );
  });

  test("gets work that arrived in time even past the idle deadline", async () => {
    await finishOne();
    vi.setSystemTime(Date.now() + 1_799_000);
    await send(gateway.t, "c1");
    vi.setSystemTime(Date.now() + 5_000);
    expect(await poll()).toMatchObject({ kind: "job" });
  });

  test("past the idle deadline says stop, and drains the worker", async () => {
    await finishOne();
    vi.setSystemTime(Date.now() + 1_801_000);
    expect(await poll()).toEqual({ kind: "stop", reason: "idle" });
    expect(await gateway.worker("w1")).toMatchObject({ status: "draining", drainReason: "idle" });
    expect(await poll()).toEqual({ kind: "stop", reason: "idle" });
  });

  test("a worker that never claimed is not stopped for a deadline that its boot ate up", async () => {
    await gateway.t.mutation(api.lib.pauseConversation, { conversationId: "c1" });
    vi.setSystemTime(Date.now() + 1_801_000);
    expect(await poll()).toMatchObject({ kind: "idle" });
    expect(await gateway.worker("w1")).toMatchObject({ status: "active", firstSeenAt: Date.now() });
  });

  test.each(["operator", "evicted", "stale", "machine_gone"] as const)(
    "a worker drained as %s is told so",
    async (drainReason) => {
      await insertWorker(gateway.t, "w3", "c3", { status: "draining", drainReason });
      expect(await poll("w3")).toEqual({ kind: "stop", reason: drainReason });
      expect(await gateway.call("w3", "workerClaim")).toBeNull();
    },
  );

  test("a draining worker may finish what it holds, but gets nothing more", async () => {
    const { messageId, leaseId } = await gateway.claim("w1");
    await gateway.t.mutation(api.lib.drainWorker, { workerId: "w1" });
    expect(await poll()).toEqual({ kind: "stop", reason: "operator" });
    expect(await gateway.call("w1", "workerHeartbeat", { messageId, leaseId })).toBe(true);
    expect(await gateway.call("w1", "workerComplete", { messageId, leaseId })).toBe(true);
    await send(gateway.t, "c1");
    expect(await poll()).toMatchObject({ kind: "stop" });
  });

  test("a worker whose polls come late is not told to stop for the silence it just broke", async () => {
    await finishOne();
    vi.setSystemTime(Date.now() + 8 * 60_000);
    expect(await poll()).toMatchObject({ kind: "idle" });
  });

  test("the first call of any kind that asks for work counts as ready", async () => {
    expect(await gateway.worker("w1")).not.toHaveProperty("firstSeenAt");
    await gateway.call("w1", "workerClaim");
    expect(await gateway.worker("w1")).toMatchObject({ firstSeenAt: Date.now() });
    await poll("w2");
    expect(await gateway.worker("w2")).toMatchObject({ firstSeenAt: Date.now() });
  });
});

describe("restoring", () => {
  test("what was served counts as restored for an image that cannot say so", async () => {
    const { snapshotId } = await gateway.prepare("w1", "c1");
    await gateway.call("w1", "workerFinalizeSnapshotUpload", {
      snapshotId,
      ...(await gateway.upload("a")),
    });
    await insertWorker(gateway.t, "w3", "c1");
    expect(
      await gateway.call("w3", "workerLatestSnapshotForRestore", {
        ...restoreKey,
        conversationId: "c1",
      }),
    ).toMatchObject({ snapshotId, sizeBytes: 1, sha256: await sha256Hex("a") });
    expect(await gateway.worker("w3")).toMatchObject({ restoredSnapshotId: snapshotId });
  });

  test("no snapshot is null, and nothing is noted", async () => {
    expect(
      await gateway.call("w1", "workerLatestSnapshotForRestore", {
        ...restoreKey,
        conversationId: "c1",
      }),
    ).toBeNull();
    expect(await gateway.worker("w1")).not.toHaveProperty("restoredSnapshotId");
  });
});

describe("the body of a call", () => {
  test.each<[GatewayFunctionName, object, string]>([
    ["workerPoll", { nowMs: 5 }, "workerPoll: unknown nowMs"],
    ["workerComplete", { messageId: "m" }, "workerComplete: leaseId: invalid_type"],
    [
      "workerComplete",
      { messageId: 5, leaseId: "" },
      "workerComplete: messageId: invalid_type; leaseId: too_small",
    ],
    [
      "workerAppendConversationMessages",
      { conversationId: "c1", messages: [{ role: "root", content: "x" }] },
      "workerAppendConversationMessages: messages.0.role: invalid_value",
    ],
    [
      "workerFinalizeSnapshotUpload",
      { snapshotId: "s", storageId: "f", sha256: "x", sizeBytes: -1 },
      "workerFinalizeSnapshotUpload: sizeBytes: too_small",
    ],
    [
      "workerAttachMessageMetadata",
      { messageId: "m", metadata: { a: 1 } },
      "workerAttachMessageMetadata: metadata.a: invalid_type",
    ],
  ])("%s refuses %j by its fields", async (name, args, message) => {
    await expect(gateway.call("w1", name, args)).rejects.toMatchObject({
      data: { code: "INVALID_ARGUMENT", message },
    });
  });

  test("every function refuses an unknown field, and repeats no value", async () => {
    const args = await validArgs();
    for (const name of NAMES) {
      const error: unknown = await gateway
        .call("w1", name, { ...args[name], surplus: "my-secret-value" })
        .catch((e: unknown) => e);
      expect(String(error), name).toContain("unknown surplus");
      expect(String(error), name).not.toContain("my-secret-value");
    }
  });

  test.each([[null], ["text"], [[1]], [5]])("that is %j is refused", async (args) => {
    const tokenHash = await sha256Hex(tokenOf("w1"));
    await expect(
      gateway.t.mutation(api.lib.workerGatewayMutation, { tokenHash, name: "workerPoll", args }),
    ).rejects.toThrow("INVALID_ARGUMENT");
  });

  test("a function must exist, and be called as what it is", async () => {
    await expect(gateway.callWith(tokenOf("w1"), "workerDropTables")).rejects.toThrow(
      "INVALID_ARGUMENT",
    );
    const tokenHash = await sha256Hex(tokenOf("w1"));
    const call = (name: string) => ({ tokenHash, name, args: {} });
    await expect(gateway.t.query(api.lib.workerGatewayQuery, call("workerPoll"))).rejects.toThrow(
      "not a query",
    );
    await expect(
      gateway.t.mutation(api.lib.workerGatewayMutation, call("workerControlState")),
    ).rejects.toThrow("not a mutation");
    for (const name of ["__proto__", "constructor", "toString", ""])
      await expect(gateway.callWith(tokenOf("w1"), name), name).rejects.toThrow("INVALID_ARGUMENT");
  });

  test("what stands before the colon of a path does not matter", () => {
    expect(gatewayFunction("agentFactory:workerPoll")).toEqual({
      name: "workerPoll",
      endpoint: "mutation",
      runs: "mutation",
    });
    expect(gatewayFunction("a/b:c:workerClaim")).toMatchObject({ name: "workerClaim" });
    expect(gatewayFunction("workerPoll")).toMatchObject({ name: "workerPoll" });
    for (const path of ["", ":", "workerPoll:", "hasOwnProperty", "x:toString"])
      expect(gatewayFunction(path)).toBeNull();
  });
});

test("a pass never looks like a worker: nothing but its own calls makes a worker look alive", async () => {
  await gateway.claim("w1");
  const heartbeat = async () =>
    (await gateway.t.query(api.lib.workerStats, {})).workers.find(
      ({ workerId }) => workerId === "w1",
    )?.heartbeatAt;
  const before = await heartbeat();
  vi.setSystemTime(Date.now() + 400_000);
  const taken = await gateway.t.mutation(internal.scheduler.start.manual, {});
  if (taken.kind !== "taken") throw new Error("the pass was not taken");
  const { passId } = taken;
  await gateway.t.mutation(internal.scheduler.reserve.prepare, { passId });
  await gateway.t.mutation(internal.scheduler.reserve.commit, {
    passId,
    observation: { apps: [] },
  });
  const row = await gateway.worker("w1");
  expect(row).toMatchObject({ status: "draining", drainReason: "stale", heartbeatAt: before });
});
