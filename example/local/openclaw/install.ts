/** OpenClaw and the Node that it needs, from npm, in a cache folder outside the project. */
import { execFile } from "node:child_process";
import { access, mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { NODE_VERSION, OLD_OPENCLAW_VERSION, OPENCLAW_VERSION } from "./versions.js";

export type Installation = { node: string; packageDir: string };

/**
 * Installs what is not there yet (about 700 MB, a minute); later calls only look. `--ignore-scripts`: OpenClaw's own
 * scripts are not needed; the `node` package fetches its binary as a dependency in one.
 */
export async function installOpenClaw(print: (line: string) => void): Promise<Installation> {
  const root = cacheDir();
  const nodeDir = join(root, `node-${NODE_VERSION}`);
  const openclawDir = join(root, `openclaw-${OPENCLAW_VERSION}`);
  const node = join(nodeDir, "node_modules/node/bin/node");
  const packageDir = join(openclawDir, "node_modules/openclaw");
  if (!(await exists(node))) {
    print(`Installing Node ${NODE_VERSION} into ${nodeDir} …`);
    await npmInstall(nodeDir, process.execPath, { dependencies: { node: NODE_VERSION } });
  }
  if (!(await exists(join(packageDir, "openclaw.mjs")))) {
    print(`Installing OpenClaw ${OPENCLAW_VERSION} into ${openclawDir} …`);
    const manifest = { dependencies: { openclaw: OPENCLAW_VERSION } };
    await npmInstall(openclawDir, node, manifest, "--ignore-scripts");
  }
  return { node, packageDir };
}

/** The OpenClaw of the image before this engine (1.4 GB, another minute). */
export async function installOldOpenClaw(node: string): Promise<{ packageDir: string }> {
  const dir = join(cacheDir(), `openclaw-${OLD_OPENCLAW_VERSION}`);
  const packageDir = join(dir, "node_modules/openclaw");
  if (!(await exists(join(packageDir, "openclaw.mjs")))) {
    // Its WhatsApp library takes libsignal from GitHub; the npm package of that name has what is imported.
    const overrides = { libsignal: "npm:libsignal@6.0.0" };
    const manifest = { dependencies: { openclaw: OLD_OPENCLAW_VERSION }, overrides };
    await npmInstall(dir, node, manifest, "--ignore-scripts");
  }
  return { packageDir };
}

function cacheDir(): string {
  return (
    process.env["AGENT_FACTORY_OPENCLAW_CACHE"] ?? join(homedir(), ".cache/agent-factory-openclaw")
  );
}

/** npm refuses OpenClaw on an older Node than it needs, where `engine-strict` is set: it runs on `node`. */
async function npmInstall(
  dir: string,
  node: string,
  manifest: object,
  ...more: string[]
): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "package.json"), JSON.stringify({ private: true, ...manifest }));
  const args = ["install", "--no-audit", "--no-fund", ...more];
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env["PATH"] ?? ""}` };
  await promisify(execFile)("npm", args, { cwd: dir, env, maxBuffer: 16 * 1024 * 1024 });
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
