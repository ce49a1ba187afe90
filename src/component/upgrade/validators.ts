import { v, type Infer } from "convex/values";

/** Rows of one kind that a status counts; a conversation of 3.x may have 1 MiB, a query may read 16 MiB. */
export const UPGRADE_COUNT_LIMIT = 10;

export const vUpgradeStatus = v.object({
  /** Nothing of 3.x is left to migrate. */
  done: v.boolean(),
  /** Conversations without a state, counted up to 10; taken over by whatever touches them, too. */
  conversations: v.number(),
  /** Messages in no counter, counted up to 10. */
  messages: v.number(),
  /** Histories that are still an array in their conversation, counted up to 10. */
  histories: v.number(),
  /** Secrets that the current key did not seal, counted up to 100. */
  secrets: v.number(),
  /** Why secrets cannot be sealed: no key, or one that is not usable. */
  problem: v.union(v.string(), v.null()),
});
export type UpgradeStatus = Infer<typeof vUpgradeStatus>;
