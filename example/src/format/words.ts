/** The words for states, and how serious each looks. One place, so that every page says the same. */
export type Tone = "good" | "busy" | "warn" | "bad" | "calm";
export type Word = { label: string; tone: Tone };

const MESSAGE: Record<string, Word> = {
  queued: { label: "waiting", tone: "warn" },
  processing: { label: "being answered", tone: "busy" },
  done: { label: "answered", tone: "good" },
  failed: { label: "skipped", tone: "calm" },
  dead_letter: { label: "gave up", tone: "bad" },
};

const CONVERSATION: Record<string, Word> = {
  idle: { label: "idle", tone: "calm" },
  ready: { label: "ready", tone: "warn" },
  waiting: { label: "waits for later", tone: "calm" },
  leased: { label: "being answered", tone: "busy" },
  paused: { label: "paused", tone: "bad" },
  blocked: { label: "its agent is off", tone: "bad" },
};

const WORKER: Record<string, Word> = {
  active: { label: "active", tone: "good" },
  draining: { label: "draining", tone: "warn" },
  stopping: { label: "stopping", tone: "busy" },
  stopped: { label: "stopped", tone: "calm" },
};

const SNAPSHOT: Record<string, Word> = {
  uploading: { label: "uploading", tone: "busy" },
  ready: { label: "ready", tone: "good" },
  failed: { label: "failed", tone: "bad" },
  expired: { label: "expired", tone: "calm" },
};

const RUN: Record<string, Word> = {
  running: { label: "running", tone: "busy" },
  done: { label: "done", tone: "good" },
  enqueued: { label: "sent", tone: "good" },
  skipped: { label: "skipped", tone: "calm" },
  failed: { label: "failed", tone: "bad" },
  cancelled: { label: "cancelled", tone: "calm" },
};

const EVENTS: Record<string, string> = {
  enqueued: "came into the queue",
  claimed: "a worker took it",
  answer_stored: "the answer was stored",
  delivered: "the answer was delivered",
  delivery_failed: "the delivery failed",
  delivery_unknown: "nobody knows whether the answer arrived",
  completed: "completed",
  failed: "the attempt failed",
  lease_lost: "its worker was lost",
  handed_back: "its worker handed it back",
  retry_scheduled: "another attempt was scheduled",
  dead_lettered: "given up after the last attempt",
  redriven: "started again by an operator",
  skipped: "skipped by an operator",
  expired: "too old to be answered",
};

const DECISIONS: Record<string, Word> = {
  spawn: { label: "start a worker", tone: "good" },
  create: { label: "create its machine", tone: "good" },
  adopt: { label: "adopt a machine", tone: "good" },
  verify: { label: "look after a machine", tone: "calm" },
  drain: { label: "drain", tone: "warn" },
  stop: { label: "stop", tone: "busy" },
  teardown: { label: "take down", tone: "busy" },
  watch_orphan: { label: "watch an unknown machine", tone: "warn" },
  destroy_orphan: { label: "destroy an unknown machine", tone: "bad" },
  hold: { label: "hold", tone: "calm" },
};

const DRAIN_REASONS: Record<string, string> = {
  idle: "idle for too long",
  stale: "no heartbeat",
  boot_timeout: "never came up",
  machine_gone: "its machine is gone",
  evicted: "made room for another conversation",
  operator: "an operator asked for it",
  exited: "its process ended",
};

const DRIFTS: Record<string, Word> = {
  machine_missing: { label: "its machine was not listed", tone: "bad" },
  not_running: { label: "its machine does not run", tone: "bad" },
  not_recorded: { label: "the row does not know its machine yet", tone: "warn" },
  no_row: { label: "ours, but without a row", tone: "bad" },
  foreign: { label: "not ours: left alone", tone: "calm" },
};

const lookUp = (words: Record<string, Word>) => (key: string) =>
  words[key] ?? { label: key.replaceAll("_", " "), tone: "calm" as const };

export const messageWord = lookUp(MESSAGE);
export const conversationWord = lookUp(CONVERSATION);
export const workerWord = lookUp(WORKER);
export const snapshotWord = lookUp(SNAPSHOT);
export const runWord = lookUp(RUN);
export const decisionWord = lookUp(DECISIONS);
export const driftWord = lookUp(DRIFTS);
export const eventText = (kind: string) => EVENTS[kind] ?? kind.replaceAll("_", " ");
export const drainText = (reason: string) => DRAIN_REASONS[reason] ?? reason;
