/** OpenClaw's memory on disk: whose version it is, how an old one is taken over, and what of it is archived. */
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { replaceFile } from "../../agentFiles.js";
import { EngineBroken } from "../../errors.js";
import { orGone, type Entry } from "../../snapshot/entries.js";

/** Part of the snapshot: says what wrote it. */
const STAMP = "agent-factory.json";
const stampSchema = z.object({
  openclawVersion: z.string(),
  sessionKey: z.string(),
  /** The doctor has not ended, or no start has succeeded since. */
  migrating: z.literal(true).optional(),
});
/** Older than every OpenClaw: nothing was written by a version that never ran. */
const NO_VERSION = "0.0.0";
export type Stamp = z.infer<typeof stampSchema>;

/** The one session into which images before this engine put everything. */
const OLD_SESSION = "agent:main:main";
/** Placeholders that the earlier image wrote and today's OpenClaw refuses; config and keys that it archived. */
const OLD_LEFTOVERS = [
  ...["openclaw.json", "openclaw.json.bak", "identity", "devices", "logs", "cache"],
  ...["agents/main/agent/auth-profiles.json", "cron/jobs.json"],
];

/**
 * Makes a restored (or empty) state directory one that this OpenClaw may open. Whose it is then is for `keepStamp` to say,
 * when it has.
 *
 * @returns the stamp to keep, and whether OpenClaw's doctor must look at the state before the first start
 * @throws EngineBroken when a newer OpenClaw wrote it
 */
export async function takeOver(
  stateDir: string,
  version: string,
  freshSessionKey: string,
): Promise<{ stamp: Stamp; migrate: boolean }> {
  await mkdir(stateDir, { recursive: true });
  const known = await readStamp(stateDir);
  if (known !== null && compareVersions(known.openclawVersion, version) > 0) {
    throw new EngineBroken(
      `The memory was written by OpenClaw ${known.openclawVersion} and this machine runs ${version}, which cannot ` +
        "read it. Use an image with that version or a later one.",
    );
  }
  const old = known === null && (await isOld(stateDir));
  const sessionKey = known?.sessionKey ?? (old ? OLD_SESSION : freshSessionKey);
  if (old) {
    // A doctor that is killed half-way may have moved what tells that it is old.
    const half = { openclawVersion: NO_VERSION, sessionKey, migrating: true as const };
    await keepStamp(stateDir, half);
    for (const path of OLD_LEFTOVERS)
      await rm(join(stateDir, path), { recursive: true, force: true });
  }
  const stamp = { openclawVersion: version, sessionKey };
  return { stamp, migrate: old || known?.migrating === true };
}

/** From now on only this OpenClaw, or a later one, may open the state. Writes nothing when that is known. */
export async function keepStamp(stateDir: string, stamp: Stamp): Promise<void> {
  const known = await readStamp(stateDir);
  const isKept =
    known?.openclawVersion === stamp.openclawVersion &&
    known.sessionKey === stamp.sessionKey &&
    known.migrating === stamp.migrating;
  if (!isKept) await replaceFile(join(stateDir, STAMP), JSON.stringify(stamp), null);
}

async function readStamp(stateDir: string): Promise<Stamp | null> {
  const text = await orGone(readFile(join(stateDir, STAMP), "utf8"));
  return text === null ? null : stampSchema.parse(JSON.parse(text));
}

async function isOld(stateDir: string): Promise<boolean> {
  for (const path of ["openclaw.json", "agents/main/sessions", "identity/device-auth.json"]) {
    if ((await orGone(stat(join(stateDir, path)))) !== null) return true;
  }
  return false;
}

/** Negative when `a` is older. OpenClaw's versions are `year.month.number`, with a suffix for previews. */
export function compareVersions(a: string, b: string): number {
  const numbers = (version: string) => version.split(/[.-]/).slice(0, 3).map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Rebuilt by OpenClaw, only true for one process, or secret. */
const NOT_ARCHIVED = [
  /^\.clawdbot\/(cache|tmp|logs|media|identity|devices|backups?)(\/|$)/,
  /^\.clawdbot\/openclaw\.json/,
  /^\.clawdbot\/.*\.(key|pem|lock)$/,
  /^\.clawdbot\/.*\.lock\.sqlite$/,
  /^\.clawdbot\/.*\.sqlite-(wal|shm|journal)$/,
  /^\.clawdbot\/agents\/[^/]+\/agent\/auth-profiles\.json$/,
  /^\.clawdbot\/state\/openclaw-quarantine\.sqlite$/,
];
const DATABASE = /^\.clawdbot\/.*\.sqlite$/;

/**
 * The lean archive: databases as a consistent copy made by SQLite (the gateway may be writing), the rest without
 * what is rebuilt or secret.
 */
export async function archiveEntries(
  dataDir: string,
  entries: readonly Entry[],
  tempDir: string,
): Promise<Entry[]> {
  const kept: Entry[] = [];
  for (const entry of entries) {
    if (NOT_ARCHIVED.some((pattern) => pattern.test(entry.path))) continue;
    if (entry.kind === "file" && DATABASE.test(entry.path)) {
      const source = join(tempDir, entry.path.replaceAll("/", "__"));
      await copyDatabase(join(dataDir, entry.path), source);
      kept.push({ ...entry, source });
    } else kept.push(entry);
  }
  return kept;
}

async function copyDatabase(from: string, to: string): Promise<void> {
  // Not a static import: Node 20 runs the other engines and has no SQLite.
  const { DatabaseSync, backup } = await import("node:sqlite");
  const database = new DatabaseSync(from, { readOnly: true });
  try {
    await backup(database, to);
  } finally {
    database.close();
  }
  const copy = new DatabaseSync(to);
  try {
    const { quick_check: verdict } = copy.prepare("PRAGMA quick_check").get() ?? {};
    if (verdict !== "ok") throw new Error(`The copy of ${from} is damaged.`);
    // The copy keeps the journal mode of its source: as a single file it must not expect another one.
    copy.exec("PRAGMA journal_mode = DELETE");
  } finally {
    copy.close();
  }
}
