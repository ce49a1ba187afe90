import { JobFailure } from "../errors.js";
import type { Log } from "../log.js";
import type { Attachment, HistoryEntry } from "../protocol.js";
import type { LoadedSkill } from "../skills/load.js";
import type { Entry } from "../snapshot/entries.js";

export type EngineContext = {
  /** Everything the engine keeps in `.clawdbot` and `workspace` below it survives the machine. */
  dataDir: string;
  agentKey: string;
  conversationId: string;
  /** The global skills that were written below `workspace/skills` and verified; absent: none. */
  skills?: readonly LoadedSkill[];
  log: Log;
};

/** One message to answer. `history` holds the turns before it. */
export type Turn = {
  messageId: string;
  conversationId: string;
  agentKey: string;
  userText: string;
  systemPrompt: string | null;
  history: readonly HistoryEntry[];
  attachments: readonly Attachment[];
  /** How long the run may take, in milliseconds: shorter than the lease. */
  timeoutMs: number;
  /** Aborts when the answer is no longer wanted. `run` must then settle soon; its result is thrown away. */
  signal: AbortSignal;
};

/** An answer. `mediaUrls` are files (paths on this machine) or addresses that belong to it. */
export type Answered = { text: string; mediaUrls?: readonly string[] };

/**
 * What answers messages. One turn at a time. The same `messageId` may be run again after a crash: use it as
 * the idempotency key of whatever the engine keeps.
 */
export interface Engine {
  readonly name: string;
  /** Values that must never be read in a log or an error, beside those of the worker. */
  readonly secrets?: readonly string[];
  /** Called once, after the memory was restored and before the first turn. */
  start(context: EngineContext): Promise<void>;
  /** Throws `EngineError` to say whether another try makes sense; anything else thrown is retried. */
  run(turn: Turn): Promise<Answered>;
  /**
   * What of `entries` a snapshot holds. An entry's `source` may be a consistent copy in `tempDir`, which is removed
   * afterwards. Without it a snapshot holds every entry as it is.
   */
  archive?(dataDir: string, entries: readonly Entry[], tempDir: string): Promise<Entry[]>;
  /** After it resolves, nothing writes to the data directory any more: the final snapshot follows. */
  stop(): Promise<void>;
}

/** The engine could not answer. */
export class EngineError extends JobFailure {
  override readonly name = "EngineError";
}
