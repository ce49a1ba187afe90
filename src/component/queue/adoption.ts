/** What a conversation of 3.x gets when it is first touched: rows for its history, an owner, and no lock that nobody holds. */
import { moveHistory, type Conversation } from "../conversations/ops.js";
import type { MutationCtx, Patch } from "../kit/functions.js";
import { loadWorker, workersAssignedTo } from "../workers/ops.js";

export type Adoption = Patch<
  Pick<
    Conversation,
    "contextHistory" | "firstSequence" | "processingLock" | "ownerWorkerId" | "generation"
  >
>;

/** A no-op on rows of ours. The history goes first: what has a state is read by every pass, and must be small. */
export async function adoptionOf(ctx: MutationCtx, conversation: Conversation): Promise<Adoption> {
  if (conversation.state !== undefined) return {};
  const owner = conversation.ownerWorkerId ?? (await findOwner(ctx, conversation));
  return {
    ...(await moveHistory(ctx, conversation)),
    ...((await isHeld(ctx, conversation)) ? {} : { processingLock: undefined }),
    ...(owner === conversation.ownerWorkerId
      ? {}
      : { ownerWorkerId: owner, generation: (conversation.generation ?? 0) + 1 }),
  };
}

/** False for a lock whose message is not in work any more: no lease would ever end it. */
async function isHeld(ctx: MutationCtx, { processingLock }: Conversation): Promise<boolean> {
  if (processingLock === undefined) return false;
  const message = await ctx.db.get("messageQueue", processingLock.claimedMessageId);
  return message?.status === "processing" && message.leaseId === processingLock.leaseId;
}

/** A live worker of the old fleet goes on with its conversation: no second machine is made for it. */
async function findOwner(
  ctx: MutationCtx,
  { conversationId, processingLock }: Conversation,
): Promise<string | undefined> {
  const holder =
    processingLock === undefined ? null : await loadWorker(ctx, processingLock.workerId);
  if (holder?.assignment?.conversationId === conversationId && holder.status !== "stopped")
    return holder.workerId;
  const assigned = await workersAssignedTo(ctx, conversationId);
  return assigned.sort((a, b) => b.heartbeatAt - a.heartbeatAt)[0]?.workerId;
}
