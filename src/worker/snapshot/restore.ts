/** Brings the memory of a conversation onto this machine, or says that it could not. */
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../clock.js";
import {
  describe,
  GatewayUnreachable,
  Interrupted,
  RestoreFailed,
  TokenRefused,
} from "../errors.js";
import type { Gateway, Identity } from "../gateway.js";
import type { LatestSnapshot } from "../protocol.js";
import { retrying } from "../retry.js";
import { isEmpty, listEntries, orGone, SNAPSHOT_ROOTS } from "./entries.js";
import { freshTempDir, readLineage, writeLineage } from "./lineage.js";
import type { SnapshotStorage } from "./storage.js";
import { unpackArchive } from "./unpack.js";

const DOWNLOAD_BUDGET_MS = 2 * 60_000;

export type RestoreDeps = {
  gateway: Pick<Gateway, "latestSnapshot">;
  storage: SnapshotStorage;
  dataDir: string;
  workspaceId: string;
  clock: Clock;
  random: () => number;
  /** Aborts when the worker has to stop. */
  signal: AbortSignal;
};

export type Restored = { snapshotId: string | null; how: "restored" | "kept" | "new" };

/**
 * Makes the data directory the conversation's: restores its newest snapshot if the directory is empty, keeps
 * what is there if it is the conversation's already. Throws `RestoreFailed` when there is a memory that could
 * not be brought here, or one of another conversation in the way.
 */
export async function restoreMemory(deps: RestoreDeps, identity: Identity): Promise<Restored> {
  const { dataDir, workspaceId } = deps;
  const temp = await freshTempDir(dataDir);
  const owner = { workspaceId, ...identity };
  try {
    const known = await readLineage(dataDir);
    if (
      known !== null &&
      (known.conversationId !== owner.conversationId ||
        known.agentKey !== owner.agentKey ||
        known.workspaceId !== owner.workspaceId)
    ) {
      throw new RestoreFailed("The data directory holds the memory of another conversation.");
    }
    // A process died while it moved a restored memory into place: that is half a memory.
    if (known?.restoring) await clearRoots(dataDir);
    else if (!isEmpty(await listEntries(dataDir))) {
      const snapshotId = known?.snapshotId ?? null;
      await writeLineage(dataDir, { ...owner, snapshotId, restoring: false });
      return { snapshotId, how: "kept" };
    }

    const latest = await deps.gateway.latestSnapshot(identity, {
      budgetMs: DOWNLOAD_BUDGET_MS,
      signal: deps.signal,
    });
    if (latest !== null) await bringHere(deps, latest, temp, owner);
    const snapshotId = latest?.snapshotId ?? null;
    await writeLineage(dataDir, { ...owner, snapshotId, restoring: false });
    return { snapshotId, how: latest === null ? "new" : "restored" };
  } catch (error) {
    if (error instanceof TokenRefused) throw error;
    if (deps.signal.aborted) throw new Interrupted("Stopped while the memory was being restored.");
    if (error instanceof RestoreFailed) throw error;
    // Nothing is known to be wrong with the memory: the gateway could not be asked.
    if (error instanceof GatewayUnreachable) throw error;
    throw new RestoreFailed(`The memory could not be restored: ${describe(error)}`);
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}

async function bringHere(
  deps: RestoreDeps,
  latest: LatestSnapshot,
  temp: string,
  owner: Identity & { workspaceId: string },
): Promise<void> {
  const { storage, dataDir, clock, random, signal } = deps;
  const file = join(temp, "restore.tar.gz");
  const unpacked = join(temp, "restore");
  try {
    const got = await retrying(
      () => storage.download(latest.downloadUrl, file, signal),
      { budgetMs: DOWNLOAD_BUDGET_MS, signal },
      clock,
      random,
    );
    const sized = latest.sizeBytes ?? got.sizeBytes;
    const hashed = (latest.sha256 ?? got.sha256).toLowerCase();
    if (sized !== got.sizeBytes || hashed !== got.sha256) {
      throw new Error("the checksum of the download does not match.");
    }
    await mkdir(unpacked, { recursive: true });
    await unpackArchive(file, unpacked);
  } catch (error) {
    const text = `Snapshot ${latest.snapshotId} could not be restored: ${describe(error)}`;
    throw new RestoreFailed(text);
  }
  // Two renames are not one step: the mark makes the next process start over if we die between them.
  await writeLineage(dataDir, { ...owner, snapshotId: latest.snapshotId, restoring: true });
  await clearRoots(dataDir);
  for (const root of SNAPSHOT_ROOTS)
    await orGone(rename(join(unpacked, root), join(dataDir, root)));
}

async function clearRoots(dataDir: string): Promise<void> {
  for (const root of SNAPSHOT_ROOTS)
    await rm(join(dataDir, root), { recursive: true, force: true });
}
