/** Two workers with a token and a conversation each, and calls as the mounted routes would make them. */
import { api } from "../_generated/api.js";
import type { Doc } from "../kit/functions.js";
import { sha256Hex } from "../kit/random.js";
import { initTest, newAgent, send, type T } from "../setup.test.js";
import { GATEWAY_FUNCTIONS, type GatewayFunctionName } from "./protocol.js";

export type Job = { messageId: string; conversationId: string; leaseId: string };

export async function insertWorker(
  t: T,
  workerId: string,
  conversationId: string | null,
  more: Partial<Doc<"workers">> = {},
): Promise<void> {
  const now = Date.now();
  const tokenHash = await sha256Hex(tokenOf(workerId));
  await t.run(async (ctx) => {
    await ctx.db.insert("workers", {
      workerId,
      provider: "fly",
      status: "active",
      load: 0,
      heartbeatAt: now,
      createdAt: now,
      capabilities: [],
      scheduledShutdownAt: now + 1_800_000,
      ...(conversationId === null
        ? {}
        : {
            assignment: {
              conversationId,
              agentKey: "default",
              leaseId: `spawn:${workerId}`,
              assignedAt: now,
            },
          }),
      ...more,
    });
    await ctx.db.insert("workerTokens", { tokenHash, workerId, createdAt: now });
    const conversation = await ctx.db
      .query("conversations")
      .withIndex("by_conversationId", (q) => q.eq("conversationId", conversationId ?? ""))
      .unique();
    if (conversation !== null)
      await ctx.db.patch("conversations", conversation._id, { ownerWorkerId: workerId });
  });
}

export const tokenOf = (workerId: string) => `afw_${workerId}`;

export async function openGateway() {
  const t = initTest();
  await newAgent(t);
  await send(t, "c1");
  await send(t, "c2");
  await insertWorker(t, "w1", "c1");
  await insertWorker(t, "w2", "c2");

  /** What the gateway answers to this call with this token. */
  async function callWith(token: string, name: string, args: object = {}): Promise<unknown> {
    const request = { tokenHash: await sha256Hex(token), name, args };
    const known = GATEWAY_FUNCTIONS[name as GatewayFunctionName] as
      { runs: "query" | "mutation" } | undefined;
    return known?.runs === "query"
      ? ((await t.query(api.lib.workerGatewayQuery, request)) as unknown)
      : ((await t.mutation(api.lib.workerGatewayMutation, request)) as unknown);
  }
  const call = async (workerId: string, name: GatewayFunctionName, args: object = {}) =>
    await callWith(tokenOf(workerId), name, args);
  const claim = async (workerId: string) => (await call(workerId, "workerClaim")) as Job;
  const upload = async (text: string) => ({
    storageId: (await t.run(async (ctx) => await ctx.storage.store(new Blob([text])))) as string,
    sha256: await sha256Hex(text),
    sizeBytes: text.length,
  });
  const prepare = async (workerId: string, conversationId: string) =>
    (await call(workerId, "workerPrepareSnapshotUpload", {
      workspaceId: "default",
      agentKey: "default",
      conversationId,
      reason: "manual",
    })) as { snapshotId: string };
  const worker = async (workerId: string) =>
    await t.run(async (ctx) =>
      ctx.db
        .query("workers")
        .withIndex("by_workerId", (q) => q.eq("workerId", workerId))
        .unique(),
    );
  const message = async (id: string) =>
    await t.run(async (ctx) => {
      const messageId = ctx.db.normalizeId("messageQueue", id);
      return messageId === null ? null : await ctx.db.get("messageQueue", messageId);
    });
  return { t, callWith, call, claim, upload, prepare, worker, message };
}
