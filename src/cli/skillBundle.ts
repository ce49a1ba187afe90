/** `agent-factory skill-bundle <dir>`: a skill directory as the arguments of `deployGlobalSkill`. */
import { lstat, readdir, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { errorMessage } from "../shared/errors.js";
import { sealBundle } from "../shared/skills/bundle.js";
import {
  MARKER_FILE,
  MAX_BUNDLE_BYTES,
  MAX_BUNDLE_FILES,
  type ModuleFormat,
  type NewSkillFile,
} from "../shared/skills/layout.js";
import { createPathRegister, normalisePath, usesMarkerName } from "../shared/skills/paths.js";
import type { Io } from "./bin.js";

const USAGE = `Usage: agent-factory skill-bundle <dir> --version x.y.z [--slug name] [--channel stable|canary]

Prints the arguments of globalSkillsDeploy for an OpenClaw skill directory as JSON:
  npx convex run operator:globalSkillsDeploy "$(npx agent-factory skill-bundle ./my-skill --version 1.0.0)"

The slug is the directory's name unless it is given. Hidden files and ${MARKER_FILE} are left out.
`;

/** Linux gives one argument of a command 128 KiB, and a bundle may be larger (MAX_ARG_STRLEN of execve(2)). */
const MAX_ARGUMENT_BYTES = 131_071;
/** Files that are looked at: many times what a bundle takes, so that a wrong directory ends soon. */
const MAX_VISITED = 10 * MAX_BUNDLE_FILES;

type Found = { files: NewSkillFile[]; leftOut: string[]; problems: string[] };

/** Everything below `root` that a bundle can hold, and a sentence for everything that it cannot. */
export async function collectSkill(root: string): Promise<Found> {
  const found: Found = { files: [], leftOut: [], problems: [] };
  const register = createPathRegister();
  let visited = 0;
  let bytes = 0;

  const readText = async (path: string): Promise<void> => {
    const accepted = normalisePath(path);
    if (accepted === null || accepted !== path || usesMarkerName(path)) {
      found.problems.push(`${JSON.stringify(path)}: some file system cannot hold this name.`);
      return;
    }
    const clash = register(path);
    if (clash !== null) {
      const other = clash.kind === "clash" ? clash.other : path;
      found.problems.push(`${path}: is the same as ${other} on a disk that ignores case.`);
      return;
    }
    bytes += (await lstat(join(root, path))).size;
    if (bytes > MAX_BUNDLE_BYTES) return;
    try {
      const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      const content = decoder.decode(await readFile(join(root, path)));
      found.files.push({ path, content });
    } catch (error) {
      found.problems.push(
        error instanceof TypeError
          ? `${path}: is not UTF-8 text; a bundle holds text only.`
          : `${path}: ${errorMessage(error)}`,
      );
    }
  };

  const visit = async (directory: string): Promise<void> => {
    const entries = await readdir(join(root, directory), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
      if (++visited > MAX_VISITED) return;
      if (entry.name.startsWith(".")) found.leftOut.push(path);
      else if (entry.isDirectory()) await visit(path);
      else if (entry.isFile()) await readText(path);
      else found.problems.push(`${path}: is a link or a device; copy the file itself.`);
    }
  };
  await visit("");
  if (visited > MAX_VISITED)
    found.problems.push(`There are more than ${MAX_VISITED} files: is this the skill's directory?`);
  if (bytes > MAX_BUNDLE_BYTES)
    found.problems.push(`The files have ${bytes} bytes; a bundle takes ${MAX_BUNDLE_BYTES}.`);
  return found;
}

/** Runs the subcommand: JSON to `out`, what was left out and every refusal to `err`. */
export async function skillBundle(args: readonly string[], io: Io): Promise<number> {
  let given: { dir: string; version: string; slug: string; channel: string | undefined };
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        version: { type: "string" },
        slug: { type: "string" },
        channel: { type: "string" },
      },
    });
    const [dir, ...more] = positionals;
    const { version, channel } = values;
    if (dir === undefined || more.length > 0 || version === undefined) throw new Error("");
    if (channel !== undefined && channel !== "stable" && channel !== "canary")
      throw new Error("--channel must be stable or canary.");
    given = { dir, version, channel, slug: values.slug ?? basename(resolve(dir)).toLowerCase() };
  } catch (error) {
    const reason = errorMessage(error);
    io.err(reason === "" ? USAGE : `${reason}\n\n${USAGE}`);
    return 2;
  }
  try {
    const { files, leftOut, problems } = await collectSkill(given.dir);
    for (const path of leftOut) io.err(`left out: ${path}\n`);
    const isCommonJs =
      files.some(({ path }) => path === "scripts/index.cjs") &&
      !files.some(({ path }) => path === "scripts/index.mjs");
    const moduleFormat: ModuleFormat = isCommonJs ? "cjs" : "esm";
    // The component's own checks, so that what is printed can be deployed.
    const bundle =
      problems.length === 0
        ? await sealBundle(files, moduleFormat).catch((error: unknown) => {
            problems.push(errorMessage(error));
            return null;
          })
        : null;
    if (bundle === null) {
      for (const problem of problems) io.err(`refused: ${problem}\n`);
      return 1;
    }
    const { slug, version, channel } = given;
    const releaseChannel = channel === undefined ? {} : { releaseChannel: channel };
    const deploy = { slug, version, moduleFormat, ...releaseChannel, files: bundle.files };
    const printed = JSON.stringify(deploy, null, 2);
    io.out(`${printed}\n`);
    if (Buffer.byteLength(printed) > MAX_ARGUMENT_BYTES)
      io.err(
        `These are ${Buffer.byteLength(printed)} bytes, too many for an argument of "npx convex run" on Linux: save them to a ` +
          `file, and call globalSkillsDeploy from code (ConvexHttpClient) with what JSON.parse makes of it.\n`,
      );
    io.err(`${slug}@${version}: ${bundle.files.length} files, sha256 ${bundle.sha256}\n`);
    return 0;
  } catch (error) {
    io.err(`refused: ${errorMessage(error)}\n`);
    return 1;
  }
}
