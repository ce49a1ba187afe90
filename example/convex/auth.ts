/**
 * Who may do what. A stand-in: it is complete and safe as it is, but an app decides by its own tables who owns a
 * conversation and who operates the fleet (`ctx.runQuery` is there for that).
 *
 * - people reach their own conversations only, and act as themselves only;
 * - operators are listed in OPERATOR_IDS; what belongs to a company and to nobody in it (templates) is theirs;
 * - the worker functions are refused: machines come through the gateway in http.ts, with tokens of their own.
 */
import { ConvexError } from "convex/values";
import type { AuthCallback, AuthCtx, ExposedFunctionName } from "@okrlinkhub/agent-factory";
import { components } from "./_generated/api.js";
import { env } from "./_generated/server.js";

/** Functions for people that are about nobody's data yet. */
const OPEN_TO_EVERYBODY: readonly ExposedFunctionName[] = [
  "generateMediaUploadUrl",
  "registerUploadedFile",
];

/** The conversations of a user have ids that start with this. Encoded: "a" must not own what "a:b" owns. */
export function conversationPrefix(userId: string): string {
  return `chat:${encodeURIComponent(userId)}:`;
}

/** Throws to refuse; returns the caller's id. Runs before every function of agentFactory.ts. */
export const auth: AuthCallback = async (ctx, operation) => {
  const identity = await ctx.auth.getUserIdentity();
  if (identity === null) throw new ConvexError("Sign in first.");
  const userId = identity.subject;

  switch (operation.sensitivity) {
    case "worker":
      throw new ConvexError("Workers come through the gateway.");
    case "operator":
      if (!operators().has(userId)) throw new ConvexError("This is for operators.");
      return userId;
    case "user": {
      const { conversationId, consumerUserId, jobId } = operation.args;
      if (consumerUserId !== undefined && consumerUserId !== userId)
        throw new ConvexError("You can only act as yourself.");
      if (conversationId !== undefined && !conversationId.startsWith(conversationPrefix(userId)))
        throw new ConvexError("This is not your conversation.");
      if (jobId !== undefined && !(await hasPush(ctx, userId, jobId)))
        throw new ConvexError("This is not your push.");
      const isAboutSomebody = [conversationId, consumerUserId, jobId].some(
        (id) => id !== undefined,
      );
      const isOpen = OPEN_TO_EVERYBODY.includes(operation.function) || operators().has(userId);
      if (!isAboutSomebody && !isOpen) throw new ConvexError("This app does not offer that.");
      return userId;
    }
  }
};

async function hasPush(ctx: AuthCtx, consumerUserId: string, jobId: string): Promise<boolean> {
  const { listPushJobsForUser } = components.agentFactory.lib;
  const jobs = await ctx.runQuery(listPushJobsForUser, { consumerUserId });
  return jobs.some((job) => job._id === jobId);
}

/** Whom the functions for operators admit. */
export function isOperator(userId: string): boolean {
  return operators().has(userId);
}

/** Whether anybody operates this deployment. */
export function hasOperators(): boolean {
  return operators().size > 0;
}

function operators(): ReadonlySet<string> {
  const ids = (env.OPERATOR_IDS ?? "").split(",").map((id) => id.trim());
  return new Set(ids.filter((id) => id !== ""));
}
