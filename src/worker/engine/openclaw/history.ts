/** What a session's transcript says about one message. */
import { z } from "zod";

const row = z.object({
  role: z.string(),
  content: z.unknown().optional(),
  stopReason: z.string().optional().catch(undefined),
  idempotencyKey: z.string().optional().catch(undefined),
});
export const historySchema = z.object({
  messages: z.array(row),
  inFlightRun: z.unknown().optional(),
  sessionInfo: z
    .object({ hasActiveRun: z.boolean().optional().catch(undefined) })
    .nullish()
    .catch(null),
});
export type History = z.infer<typeof historySchema>;

export type Text = { text: string; mediaUrls: string[] };

export type TurnState = {
  /** Runs of this message that the transcript knows of. */
  runs: number;
} & (
  | { kind: "unknown" }
  /** It was begun, and nothing says how it ended: the gateway resumes such a turn by itself. */
  | { kind: "interrupted" }
  | { kind: "failed" }
  | ({ kind: "answered" } & Text)
);

/** The key of a message's n-th run: the gateway never runs a key again, also when its run failed. */
export function runKey(messageId: string, run: number): string {
  return run === 0 ? messageId : `${messageId}.${run}`;
}

/** Ends of an assistant's row after which it does not go on by itself. */
const ENDED = new Set(["stop", "length", "aborted", "error"]);

/** Looks for the newest run of the message, and the answer behind it that belongs to no later message. */
export function findTurn(history: History, messageId: string): TurnState {
  const { messages } = history;
  const keys = messages.map((message) => message.idempotencyKey?.replace(/:user$/, ""));
  const isOurs = (key: string | undefined) =>
    key === messageId || (key?.startsWith(`${messageId}.`) ?? false);
  const runs = keys.filter(isOurs).length;
  const begun = keys.findLastIndex(isOurs);
  if (begun < 0) return { runs, kind: "unknown" };

  const next = messages.findIndex(({ role }, at) => {
    const key = keys[at];
    return at > begun && role === "user" && key !== undefined;
  });
  const rows = messages.slice(begun + 1, next < 0 ? undefined : next);
  const last = rows.findLast(({ role }) => role === "assistant");
  const ended = rows.at(-1) === last && ENDED.has(last?.stopReason ?? "");
  if (!ended) return { runs, kind: next < 0 ? "interrupted" : "failed" };
  const said = textOf(last?.content);
  const isAnswer = last?.stopReason === "stop" && (said.text !== "" || said.mediaUrls.length > 0);
  return isAnswer ? { runs, kind: "answered", ...said } : { runs, kind: "failed" };
}

export function isActive(history: History): boolean {
  const inFlight = history.inFlightRun !== undefined && history.inFlightRun !== null;
  return inFlight || history.sessionInfo?.hasActiveRun === true;
}

const textBlock = z.object({ type: z.literal("text"), text: z.string() });

/** The text of a row; `MEDIA:` lines are stored in it, and are not for the reader. */
function textOf(content: unknown): Text {
  const blocks = Array.isArray(content) ? content : [];
  const raw =
    typeof content === "string"
      ? content
      : blocks.flatMap((block) => textBlock.safeParse(block).data?.text ?? []).join("\n");
  const mediaUrls: string[] = [];
  const lines = raw.split("\n").filter((line) => {
    const media = /^\s*MEDIA:\s*(\S.*?)\s*$/.exec(line)?.[1];
    if (media !== undefined) mediaUrls.push(media.replace(/^`|`$/g, ""));
    return media === undefined;
  });
  return { text: lines.join("\n").trim(), mediaUrls };
}
