/** What a token may touch: its own worker's leases, conversation and snapshots. */
import { refuse } from "../../shared/errors.js";
import type { Doc, Id, QueryCtx } from "../kit/functions.js";
import { workerByTokenHash, type Worker } from "../workers/ops.js";

/** @throws TOKEN_INVALID */
export async function authenticate(ctx: QueryCtx, tokenHash: string): Promise<Worker> {
  const worker = await workerByTokenHash(ctx, tokenHash);
  if (worker === null)
    refuse(
      "TOKEN_INVALID",
      "The worker token is unknown. The worker was stopped: exit, change nothing.",
    );
  return worker;
}

/** A call may name its worker; it cannot name another. @throws FORBIDDEN */
export function checkSelf(worker: Worker, workerId: string | undefined): void {
  if (workerId !== undefined && workerId !== worker.workerId)
    refuse("FORBIDDEN", `The token does not belong to worker '${workerId}'.`, { workerId });
}

/** @throws FORBIDDEN unless the worker has this conversation */
export function checkConversation(worker: Worker, conversationId: string): void {
  if (worker.assignment?.conversationId !== conversationId)
    refuse("FORBIDDEN", `Conversation '${conversationId}' does not belong to this worker.`, {
      conversationId,
    });
}

/** The message, while this worker holds its lease. @throws FORBIDDEN */
export async function requireHeld(
  ctx: QueryCtx,
  worker: Worker,
  messageId: string,
): Promise<Doc<"messageQueue">> {
  const id = ctx.db.normalizeId("messageQueue", messageId);
  const message = id === null ? null : await ctx.db.get("messageQueue", id);
  if (message === null || message.status !== "processing" || message.claimedBy !== worker.workerId)
    refuse("FORBIDDEN", `Message '${messageId}' is not held by this worker.`, { messageId });
  return message;
}

/** The id in this table. @throws FORBIDDEN for anything that is none */
export function requireId<T extends "messageQueue" | "dataSnapshots">(
  ctx: QueryCtx,
  table: T,
  text: string,
): Id<T> {
  return ctx.db.normalizeId(table, text) ?? refuseId(text);
}

/** A snapshot that the worker names as its memory. @throws FORBIDDEN when it is of another conversation */
export async function requireOwnMemory(
  ctx: QueryCtx,
  worker: Worker,
  snapshotId: string,
): Promise<Id<"dataSnapshots">> {
  const id = requireId(ctx, "dataSnapshots", snapshotId);
  const snapshot = await ctx.db.get("dataSnapshots", id);
  if (snapshot !== null) checkConversation(worker, snapshot.conversationId);
  return id;
}

/** @throws FORBIDDEN for anything that is no file of the component */
export function requireFileId(ctx: QueryCtx, text: string): Id<"_storage"> {
  return ctx.db.system.normalizeId("_storage", text) ?? refuseId(text);
}

function refuseId(text: string): never {
  return refuse("FORBIDDEN", `'${text}' is no id that this worker was given.`);
}
