/** What stands in the conversation: its history, and the messages that no answer has closed yet. */
import type { FunctionReturnType } from "convex/server";
import type { api } from "../../../convex/_generated/api.js";

type View = FunctionReturnType<typeof api.agentFactory.getConversationViewForUserAgent>;
export type QueueItem = View["queueItems"][number];
export type ChatLine = {
  key: string;
  from: "user" | "agent" | "system";
  text: string;
  at: number;
  /** Set while the message is not answered. */
  open: QueueItem | null;
};

export function linesOf(history: View["contextHistory"], items: readonly QueueItem[]): ChatLine[] {
  const said = history.map((entry, index) => ({
    key: `said-${entry.at}-${index}`,
    from:
      entry.role === "user"
        ? ("user" as const)
        : entry.role === "assistant"
          ? ("agent" as const)
          : ("system" as const),
    text: entry.content,
    at: entry.at,
    open: null,
  }));
  const open = items
    .filter((item) => item.status !== "done")
    .sort((a, b) => a.scheduledFor - b.scheduledFor || a._creationTime - b._creationTime)
    .map((item) => ({
      key: item._id,
      from: "user" as const,
      text: item.payload.messageText,
      at: item._creationTime,
      open: item,
    }));
  return [...said, ...open].sort((a, b) => a.at - b.at);
}
