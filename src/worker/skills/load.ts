/** Global skills on their way to the engine: manifest, checks, disk, report. After the restore, before the engine. */
import { join } from "node:path";
import { hashManifest } from "../../shared/skills/manifest.js";
import { redact } from "../../shared/redact.js";
import { deadline, type Clock } from "../clock.js";
import { describe, EngineBroken, TokenRefused } from "../errors.js";
import type { Gateway } from "../gateway.js";
import type { Log } from "../log.js";
import { createSkillsDirectory } from "./directory.js";
import { nodeDisk, type Disk } from "./disk.js";
import { LOCK_FILE, lockFileOf, materialise, type UnmanagedPolicy } from "./materialise.js";
import { verifyManifest, type RefusedSkill } from "./verify.js";

export type SkillsSettings = {
  /** `off`: the directory is left as it is. */
  mode: "db_manifest" | "off";
  dir: string;
  releaseChannel: "stable" | "canary";
  /** Without every skill of the manifest the worker does not start. */
  required: boolean;
  timeoutMs: number;
  unmanaged: UnmanagedPolicy;
};

export type LoadedSkill = { slug: string; version: string; dir: string };

export type LoadDeps = {
  gateway: Pick<Gateway, "skillsManifest" | "reportSkills">;
  settings: SkillsSettings;
  clock: Clock;
  log: Log;
  disk?: Disk;
};

/** What the gateway takes of refusals. */
const MAX_REPORTED = 100;
const MAX_REASON_LENGTH = 500;

/**
 * Loads the skills that the worker's agent has. What cannot be loaded is logged and reported, and the rest is loaded.
 * @throws EngineBroken when skills are required and one is missing
 * @throws TokenRefused
 */
export async function loadSkills(deps: LoadDeps): Promise<LoadedSkill[]> {
  const { settings, gateway, clock, log } = deps;
  if (settings.mode === "off") return [];
  const limit = deadline(settings.timeoutMs, clock);
  const patience = { budgetMs: settings.timeoutMs, signal: limit.signal };
  try {
    const directory = createSkillsDirectory(deps.disk ?? nodeDisk, settings.dir);
    await directory.check();
    await directory.recover();
    const { releaseChannel } = settings;
    const manifest = await gateway.skillsManifest({ releaseChannel }, patience);
    const verified = await verifyManifest(manifest);
    const { loaded, refused, changed } = await materialise(directory, verified, settings.unmanaged);
    const manifestVersion = await hashManifest(loaded);
    if (loaded.length + changed > 0)
      await directory.writeFile(LOCK_FILE, lockFileOf(manifestVersion, loaded));
    const skills = loaded.map(({ slug, version }) => ({ slug, version }));
    if (loaded.length + refused.length + changed > 0)
      log.info("skills_loaded", {
        manifestVersion,
        skills: skills.map(({ slug, version }) => `${slug}@${version}`).join(" "),
        ...{ changed, refused: refused.length },
      });
    for (const { slug, reason } of refused) log.warn("skill_refused", { slug, reason });
    await gateway
      .reportSkills(
        { manifestVersion, skills, refused: refused.slice(0, MAX_REPORTED).map(short) },
        patience,
      )
      .catch(rethrowToken);
    const [first] = refused;
    if (settings.required && first !== undefined)
      throw new EngineBroken(`The skill ${first.slug} is required: ${first.reason}`);
    return loaded.map(({ slug, version, skillDirName }) => ({
      ...{ slug, version },
      dir: join(settings.dir, skillDirName),
    }));
  } catch (error) {
    if (error instanceof TokenRefused || error instanceof EngineBroken) throw error;
    log.warn("skills_failed", { error: describe(error) });
    if (settings.required)
      throw new EngineBroken(`The skills are required, but: ${describe(error)}`);
    return [];
  } finally {
    limit.cancel();
  }
}

function short({ slug, reason }: RefusedSkill): RefusedSkill {
  return { slug: slug.slice(0, 200), reason: redact(reason, MAX_REASON_LENGTH) };
}

/** Not being able to tell what was loaded is no reason not to use it. */
function rethrowToken(error: unknown): boolean {
  if (error instanceof TokenRefused) throw error;
  return false;
}
