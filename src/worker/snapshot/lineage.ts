/** What the data directory grew from, kept beside the memory so that a restarted process knows it too. */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { orGone } from "./entries.js";

/** The worker's own folder in the data directory; never part of a snapshot. */
export const STATE_DIR = ".agent-factory";

const lineageSchema = z.object({
  workspaceId: z.string(),
  agentKey: z.string(),
  conversationId: z.string(),
  /** The restored or last uploaded snapshot; null when the memory started empty. */
  snapshotId: z.string().nullable(),
  /** True between the first and the last step of moving a restored memory into place. */
  restoring: z.boolean(),
});
export type Lineage = z.infer<typeof lineageSchema>;

const lineageFile = (dataDir: string) => join(dataDir, STATE_DIR, "lineage.json");

/** null when this directory was never given to a conversation. */
export async function readLineage(dataDir: string): Promise<Lineage | null> {
  const text = await orGone(readFile(lineageFile(dataDir), "utf8"));
  return text === null ? null : lineageSchema.parse(JSON.parse(text));
}

/** Replaces the file in one step. */
export async function writeLineage(dataDir: string, lineage: Lineage): Promise<void> {
  const file = lineageFile(dataDir);
  await mkdir(join(dataDir, STATE_DIR), { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(lineage));
  await rename(`${file}.new`, file);
}

/** A place for archives and half-restored memories. What an earlier process left there is removed. */
export async function freshTempDir(dataDir: string): Promise<string> {
  const dir = join(dataDir, STATE_DIR, "tmp");
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  return dir;
}
