import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";

/**
 * idle: nothing waits · ready: the head may be claimed · waiting: the head is scheduled for later or backs off ·
 * leased: a worker has the head · paused: an operator holds it · blocked: its agent is disabled or paused.
 */
export const CONVERSATION_STATES = [
  "idle",
  "ready",
  "waiting",
  "leased",
  "paused",
  "blocked",
] as const;
export const vConversationState = literals(...CONVERSATION_STATES);
export type ConversationState = Infer<typeof vConversationState>;

export const vRole = literals("system", "user", "assistant", "tool");
export type Role = Infer<typeof vRole>;

export const vHistoryEntry = v.object({ role: vRole, content: v.string(), at: v.number() });
export type HistoryEntry = Infer<typeof vHistoryEntry>;

export const vToolCall = v.object({
  toolName: v.string(),
  callId: v.string(),
  status: literals("pending", "running", "done", "failed"),
});
export type ToolCall = Infer<typeof vToolCall>;

export const vNewHistoryEntry = v.object({
  role: vRole,
  content: v.string(),
  at: v.optional(v.number()),
});
export type NewHistoryEntry = { role: Role; content: string; at?: number | undefined };

/** One call may append this many entries: four writes each stay far below a transaction's 16,000. */
export const MAX_APPENDED_ENTRIES = 200;
/** Below the 1 MiB limit of a document, with room for the other fields. */
export const MAX_ENTRY_BYTES = 512 * 1024;
