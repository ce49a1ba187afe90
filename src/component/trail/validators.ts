/** What happened, when and why: the trail behind "why is my message not answered?" and the counters. */
import { literals } from "convex-helpers/validators";
import type { Infer } from "convex/values";

export const MESSAGE_EVENT_KINDS = [
  "enqueued",
  "claimed",
  "answer_stored",
  "delivered",
  "delivery_failed",
  "delivery_unknown",
  "completed",
  "failed",
  "lease_lost",
  "handed_back",
  "retry_scheduled",
  "dead_lettered",
  "redriven",
  "skipped",
  "expired",
] as const;
export const vMessageEventKind = literals(...MESSAGE_EVENT_KINDS);
export type MessageEventKind = Infer<typeof vMessageEventKind>;

export const MACHINE_EVENT_KINDS = [
  "reserved",
  "created",
  "adopted",
  "create_failed",
  "ready",
  "skills_loaded",
  "claimed",
  "released",
  "snapshot_ready",
  "snapshot_failed",
  "drain",
  "stopping",
  "missing",
  "gone",
  "destroy_requested",
  "destroyed",
  "volume_deleted",
  "teardown_failed",
  "stopped",
  "orphan_destroyed",
  "provider_down",
  "provider_up",
] as const;
export const vMachineEventKind = literals(...MACHINE_EVENT_KINDS);
export type MachineEventKind = Infer<typeof vMachineEventKind>;
