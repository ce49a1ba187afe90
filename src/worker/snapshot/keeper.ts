/** Decides when the memory is saved, and saves it. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { deadline, type Clock } from "../clock.js";
import { describe, TokenRefused } from "../errors.js";
import type { Gateway, Identity } from "../gateway.js";
import type { Log } from "../log.js";
import type { SnapshotReason } from "../protocol.js";
import { retrying } from "../retry.js";
import { fingerprint, listEntries, type Entry } from "./entries.js";
import { freshTempDir, STATE_DIR, writeLineage } from "./lineage.js";
import { packArchive } from "./pack.js";
import type { SnapshotStorage } from "./storage.js";

export type KeeperOptions = {
  gateway: Pick<Gateway, "prepareSnapshot" | "finalizeSnapshot" | "failSnapshot">;
  storage: SnapshotStorage;
  dataDir: string;
  /** The engine's choice of what to archive, and from where. */
  archive?: (dataDir: string, entries: readonly Entry[], tempDir: string) => Promise<Entry[]>;
  workspaceId: string;
  clock: Clock;
  random: () => number;
  log: Log;
  /** Saved at least this often while there are changes. */
  intervalMs: number;
  /** Saved when nothing happened for this long after a message. */
  idleMs: number;
};

type Kept = {
  identity: Identity;
  parent: string | null;
  /** Of the state that `parent` holds; null when nothing is saved of it. */
  saved: string | null;
};

export type SnapshotKeeper = ReturnType<typeof createKeeper>;

/** One per worker. Not to be called twice at the same time: the loop does one thing after the other. */
export function createKeeper(options: KeeperOptions) {
  const { gateway, storage, dataDir, workspaceId, clock, random, log } = options;
  let kept: Kept | null = null;
  let claimed = false;
  let lastLookAt = 0;
  /** When the last message ended; null when that was looked at. */
  let activityAt: number | null = null;

  const upload = async (reason: SnapshotReason, current: Kept, signal: AbortSignal) => {
    const entries = await listEntries(dataDir);
    const print = fingerprint(entries);
    const { parent, identity } = current;
    const patience = { budgetMs: 60_000, signal };
    const { snapshotId, uploadUrl } = await gateway.prepareSnapshot(
      { ...identity, reason, ...(parent === null ? {} : { parentSnapshotId: parent }) },
      patience,
    );
    try {
      const temp = await freshTempDir(dataDir);
      const file = join(temp, `${snapshotId.replace(/[^\w-]/g, "_")}.tar.gz`);
      await mkdir(temp, { recursive: true });
      const chosen = (await options.archive?.(dataDir, entries, temp)) ?? entries;
      const archive = await packArchive(dataDir, chosen, file, signal);
      const { sha256, sizeBytes } = archive;
      const storageId = await retrying(
        () => storage.upload(uploadUrl, file, sizeBytes, signal),
        patience,
        clock,
        random,
      );
      const taken = await gateway.finalizeSnapshot(
        { snapshotId, storageId, sha256, sizeBytes },
        patience,
      );
      if (!taken) throw new Error("The gateway did not take the snapshot.");
      kept = { identity, parent: snapshotId, saved: print };
      await writeLineage(dataDir, { workspaceId, ...identity, snapshotId, restoring: false });
      log.info("snapshot_uploaded", {
        snapshotId,
        reason,
        sizeBytes,
        files: archive.files,
        parent,
      });
    } catch (error) {
      if (!(error instanceof TokenRefused)) {
        const text = describe(error);
        await gateway.failSnapshot({ snapshotId, error: text }, { budgetMs: 0 }).catch(() => false);
      }
      throw error;
    } finally {
      await rm(join(dataDir, STATE_DIR, "tmp"), { recursive: true, force: true });
    }
  };

  return {
    /** The data directory belongs to this conversation now, and holds what `parent` holds (or what was there). */
    adopt: async (identity: Identity, parent: string | null, restored: boolean): Promise<void> => {
      const saved = restored ? fingerprint(await listEntries(dataDir)) : null;
      kept = { identity, parent, saved };
      lastLookAt = clock.now();
    },

    /** The conversation and agent that this worker serves, once it has one. */
    identity: (): Identity | null => kept?.identity ?? null,

    /** A message was worked on. */
    noteActivity: (): void => {
      claimed = true;
      activityAt = clock.now();
    },

    /** When the next look at the data directory is due. */
    dueAt: (): number => {
      if (kept === null) return Number.POSITIVE_INFINITY;
      const periodic = lastLookAt + options.intervalMs;
      return activityAt === null ? periodic : Math.min(periodic, activityAt + options.idleMs);
    },

    /** Saves the memory if it changed. A failure is logged and tried again when the next look is due. */
    saveIfChanged: async (signal: AbortSignal): Promise<void> => {
      const current = kept;
      lastLookAt = clock.now();
      activityAt = null;
      if (current === null) return;
      try {
        const entries = await listEntries(dataDir);
        if (fingerprint(entries) === current.saved) return;
        if (!claimed && current.parent === null) return;
        await upload("manual", current, signal);
      } catch (error) {
        if (error instanceof TokenRefused) throw error;
        log.warn("snapshot_failed", { reason: "manual", error: describe(error) });
      }
    },

    /**
     * The last snapshot of this worker. One that claimed always uploads it: the scheduler waits for a fresh one
     * before it gives the conversation to another worker. One that did nothing uploads nothing.
     */
    saveFinal: async (reason: SnapshotReason, budgetMs: number): Promise<void> => {
      const current = kept;
      if (current === null) return;
      const limit = deadline(budgetMs, clock);
      try {
        if (!claimed) {
          if (current.parent === null) return;
          if (fingerprint(await listEntries(dataDir)) === current.saved) return;
        }
        await upload(reason, current, limit.signal);
      } catch (error) {
        if (error instanceof TokenRefused) throw error;
        log.error("snapshot_failed", { reason, error: describe(error) });
      } finally {
        limit.cancel();
      }
    },
  };
}
