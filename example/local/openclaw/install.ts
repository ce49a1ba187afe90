/** OpenClaw and the Node that it needs, from npm, in a cache folder outside the project. */
import { execFile } from "node:child_process";
import { access, mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { NODE_VERSION, OPENCLAW_VERSION } from "./versions.js";

export type Installation = { node: string; packageDir: string };

/**
 * Installs what is not there yet (about 700 MB, a minute); later calls only look. `--ignore-scripts`: OpenClaw's own
 * scripts are not needed; the `node` package fetches its binary as a dependency in one.
 */
export async function installOpenClaw(print: (line: string) => void): Promise<Installation> {
  const root =
    process.env["AGENT_FACTORY_OPENCLAW_CACHE"] ?? join(homedir(), ".cache/agent-factory-openclaw");
  const nodeDir = join(root, `node-${NODE_VERSION}`);
  const openclawDir = join(root, `openclaw-${OPENCLAW_VERSION}`);
  const node = join(nodeDir, "node_modules/node/bin/node");
  const packageDir = join(openclawDir, "node_modules/openclaw");
  if (!(await exists(node))) {
    print(`Installing Node ${NODE_VERSION} into ${nodeDir} …`);
    await npmInstall(nodeDir, `node@${NODE_VERSION}`);
  }
  if (!(await exists(join(packageDir, "openclaw.mjs")))) {
    print(`Installing OpenClaw ${OPENCLAW_VERSION} into ${openclawDir} …`);
    await npmInstall(openclawDir, `openclaw@${OPENCLAW_VERSION}`, "--ignore-scripts");
  }
  return { node, packageDir };
}

async function npmInstall(dir: string, ...what: string[]): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "package.json"), '{"private":true}');
  const args = ["install", "--no-audit", "--no-fund", ...what];
  await promisify(execFile)("npm", args, { cwd: dir, maxBuffer: 16 * 1024 * 1024 });
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
