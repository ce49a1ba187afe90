/**
 * The memory of a conversation is a chain of snapshots. Its head is what the next worker restores; an upload becomes
 * the new head only when its data grew from the present one. Whatever else is uploaded stays beside the chain, so a
 * worker that started empty can never replace a memory it had not seen.
 */
import { RETENTION } from "../config.js";
import { isSameSha256 } from "./checksum.js";
import { FORGET_AFTER_MS, type SnapshotLineage, type SnapshotStatus } from "./validators.js";

type Row = {
  status: SnapshotStatus;
  createdAt: number;
  expiresAt: number;
  lineage?: SnapshotLineage;
  archiveFileId?: string;
};

/** True when a worker could restore this row by itself. Rows of 3.x have no lineage and belong to the chain. */
export function isRestorable(row: Row): boolean {
  return row.status === "ready" && row.archiveFileId !== undefined && row.lineage !== "detached";
}

/** The restorable rows, newest first: the head is the first one whose file still exists. */
export function restoreOrder<R extends Row>(rows: readonly R[]): R[] {
  return rows.filter(isRestorable).sort((a, b) => b.createdAt - a.createdAt);
}

/**
 * Where a finished upload belongs:
 * - no head yet: it begins the chain;
 * - its parent is the head, or the same worker uploaded the head (its data directory went on growing): chain;
 * - anything else (never restored, restore failed, another worker was faster): beside the chain.
 */
export function decideLineage(
  upload: { workerId: string; parentSnapshotId?: string },
  head: { _id: string; workerId: string } | null,
): SnapshotLineage {
  if (head === null) return "main";
  if (upload.parentSnapshotId === head._id || upload.workerId === head.workerId) return "main";
  return "detached";
}

export type UploadedFile = { size: number; sha256: string; createdAt: number };

/** Why the stored file is not the archive that the worker announced, or null when it is. */
export function findFileProblem(
  file: UploadedFile | null,
  claimed: { sha256: string; sizeBytes: number },
): string | null {
  if (file === null) return "The uploaded file was not found.";
  if (file.size !== claimed.sizeBytes) {
    return `The uploaded file has ${file.size} bytes, the worker announced ${claimed.sizeBytes}.`;
  }
  if (!isSameSha256(file.sha256, claimed.sha256)) {
    return "The uploaded file has another SHA-256 than the worker announced.";
  }
  return null;
}

// ── Retention ───────────────────────────────────────────────────────────────

export type RetentionDecision =
  | { kind: "keep" }
  /** The head never expires; a later date takes it out of the sweep's way. */
  | { kind: "renew"; expiresAt: number }
  | { kind: "expire" }
  | { kind: "abandon" }
  | { kind: "forget" };

/** What the sweep does with one row. */
export function decideRetention(row: Row, isHead: boolean, now: number): RetentionDecision {
  switch (row.status) {
    case "ready":
      if (row.expiresAt > now) return { kind: "keep" };
      return isHead ? { kind: "renew", expiresAt: now + RETENTION.snapshotMs } : { kind: "expire" };
    case "uploading":
      return { kind: row.createdAt + RETENTION.abandonedUploadMs <= now ? "abandon" : "keep" };
    case "failed":
    case "expired":
      return { kind: row.expiresAt <= forgetBound(now) ? "forget" : "keep" };
  }
}

/**
 * Sweep bounds on `expiresAt`, the field that the index orders by. A row expires `snapshotMs` after it was created,
 * so creation plus one hour is expiry minus seven days plus one hour.
 */
export function abandonBound(now: number): number {
  return now - RETENTION.abandonedUploadMs + RETENTION.snapshotMs;
}
export function forgetBound(now: number): number {
  return now - (FORGET_AFTER_MS - RETENTION.snapshotMs);
}

/** A former head is kept for a whole period from the moment it was replaced: the way back when the new one is bad. */
export function supersededExpiry(formerHead: { expiresAt: number }, now: number): number {
  return Math.max(formerHead.expiresAt, now + RETENTION.snapshotMs);
}
