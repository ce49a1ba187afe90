/** What the outside knows to be true, told apart from what the rows say. */

export type Input = {
  text: string;
  /** Where it was said: a conversation of the app, or a chat of the bot. */
  where: string;
  messageId: string | null;
};

type BilledDay = {
  day: number;
  usdBefore: number;
  /** When the budget was used up by Fly's bill, and the first of the faults that may have kept that from being noticed. */
  usedUp: { at: number; struckBefore: number } | null;
};

export class Model {
  /** By text: every text is said once, however often it is delivered. */
  readonly inputs = new Map<string, Input>();
  /** Message rows by their text, as they were inserted. */
  readonly inserted = new Map<string, string>();
  /** Everything that must never be stored in the clear. */
  readonly secrets = new Set<string>();
  /** The newest snapshot that the conversation's owner finished: what the next worker must restore. */
  readonly memory = new Map<string, string>();
  /** Parts that the component itself calls unknown: under the policy `duplicate` they may be sent again. */
  readonly unknownParts = new Map<string, number>();
  /** Parts that somebody was told to send: no other one may come out unknown. */
  readonly granted = new Set<string>();
  /** How many of the replies were looked at. */
  repliesChecked = 0;
  /** Leases that were ever given, with the token of their holder: what a stale caller may still know. */
  readonly leases: { token: string; workerId: string; messageId: string; leaseId: string }[] = [];
  /** When a machine was first seen without a live row. */
  readonly strays = new Map<string, number>();
  /** What Fly had billed when the day began, the day as a number since 1970. */
  billedDay: BilledDay = { day: -1, usdBefore: 0, usedUp: null };
  /** Since when the component says that the budget is used up. */
  exhaustedSince: number | null = null;
  checks = 0;

  accept(text: string, where: string, messageId: string | null): void {
    const known = this.inputs.get(text);
    if (known === undefined) this.inputs.set(text, { text, where, messageId });
    else known.messageId ??= messageId;
  }
}
