/** Where answers go. */
export type SendOutcome =
  | { kind: "sent"; externalMessageId?: string }
  /** It certainly did not arrive. `permanent`: nor will it ever. */
  | { kind: "refused"; reason: string; permanent: boolean; retryAfterMs?: number }
  /** It may or may not have arrived: the connection broke after the request was written. */
  | { kind: "unknown"; reason: string };

export interface Channel {
  readonly name: string;
  /** Cuts an answer into parts that the channel takes; none of them blank. */
  split(text: string): string[];
  /** Files of one answer at most; the rest is not sent. */
  readonly maxMedia: number;
  /** Sends a part: a text, or a file (see media.ts). */
  send(part: string): Promise<SendOutcome>;
  /** Shows the user that work is going on, until the returned function is called. */
  working(): () => void;
}
