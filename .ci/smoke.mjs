#!/usr/bin/env node
/**
 * Installs the packed package in a fresh app and uses it there, the way its users do.
 *
 *   node .ci/smoke.mjs [package.tgz] [--keep]
 *
 * Without a tarball it packs one. `--keep` leaves the app behind, as a failure does.
 * The app's backend is what the README says, block by block; its tests and settings are in .ci/smoke/app/, as .tpl
 * so that this repository's own tools, which cannot resolve the package by its installed name, leave them alone.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { codegen } from "./codegen.mjs";

const CI = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.resolve(CI, "..");
const PACKAGE = "@okrlinkhub/agent-factory";
/** At the versions this repository is tested with. */
const TOOLS = [
  "@edge-runtime/vm",
  "@types/node",
  "convex",
  "convex-test",
  "typescript",
  "vite",
  "vitest",
];

/** What the package is made of, and what stays at home. */
const EXPECTED =
  /^((dist|src)\/.+\.(js|ts|map)|src\/tsconfig\.json|package\.json|(README|CHANGELOG)\.md|docs\/[A-Z_]+\.md|example\/worker-image\/.+|LICENSE)$/;
const UNEXPECTED = /\.(test|fixture|conformance|bench)\./;

async function smoke(givenTarball, app) {
  let tarball = givenTarball;
  const node = (...args) => run(process.execPath, args, app);
  const bin = (name) => `node_modules/${name}`;

  if (tarball === undefined) {
    await step("npm pack", async () => {
      const packed = await run("npm", ["pack", "--json", "--pack-destination", app], ROOT);
      // The prepack build may print too; the report is the last thing.
      tarball = path.join(
        app,
        JSON.parse(packed.slice(packed.lastIndexOf("\n[\n") + 1))[0].filename,
      );
    });
  }
  await step("install", async () => {
    copyTemplates(path.join(CI, "smoke/app"), app);
    writeReadmeSnippets(app);
    fs.writeFileSync(path.join(app, "package.json"), JSON.stringify(manifest(tarball), null, 2));
    const quiet = ["--no-audit", "--no-fund", "--loglevel", "error"];
    await run("npm", ["install", "--prefer-offline", ...quiet], app);
  });
  await step("codegen", () => codegen(app));

  // From here on every step tells something of its own.
  const results = [
    await attempt("typecheck", () => node(bin("typescript/bin/tsc"), "--noEmit", "-p", ".")),
    await attempt("test", () => node(bin("vitest/vitest.mjs"), "run", "--silent")),
    await attempt("import the client", () =>
      node(...imports(PACKAGE, ["exposeApi", "registerRoutes"])),
    ),
    await attempt("import the worker", () =>
      node(...imports(`${PACKAGE}/worker`, ["runWorker", "createEchoEngine"])),
    ),
    await attempt("pack a skill", async () => {
      const scripts = path.join(app, "my-skill/scripts");
      fs.mkdirSync(scripts, { recursive: true });
      fs.writeFileSync(path.join(app, "my-skill/SKILL.md"), "# My skill\n");
      fs.writeFileSync(path.join(scripts, "index.mjs"), "export default 1;\n");
      const args = ["skill-bundle", "my-skill", "--version", "1.0.0"];
      const { slug, files } = JSON.parse(
        await run(path.join(app, "node_modules/.bin/agent-factory"), args, app),
      );
      if (slug !== "my-skill" || files.length !== 2) throw new Error("The bundle is incomplete.");
    }),
    await attempt("contents", () => {
      const files = listFiles(path.join(app, "node_modules", PACKAGE));
      const strangers = files.filter((file) => !EXPECTED.test(file) || UNEXPECTED.test(file));
      if (strangers.length > 0) throw new Error(`Packed by mistake: ${strangers.join(", ")}`);
    }),
    await attempt("bins", () => {
      const { bin: bins } = readJson(path.join(app, "node_modules", PACKAGE, "package.json"));
      for (const [name, file] of Object.entries(bins)) {
        const source = fs.readFileSync(path.join(app, "node_modules", PACKAGE, file), "utf8");
        if (!source.startsWith("#!/usr/bin/env node")) throw new Error(`${file} has no shebang`);
        fs.accessSync(path.join(app, "node_modules/.bin", name), fs.constants.X_OK);
      }
    }),
  ];
  return results.every(Boolean);
}

function manifest(tarball) {
  const version = (name) => readJson(path.join(ROOT, "node_modules", name, "package.json")).version;
  return {
    name: "smoke-app",
    private: true,
    type: "module",
    dependencies: { [PACKAGE]: `file:${path.resolve(tarball)}` },
    devDependencies: Object.fromEntries(TOOLS.map((name) => [name, version(name)])),
  };
}

/** Node arguments that import `specifier` and expect functions of these names. */
function imports(specifier, names) {
  const script = `
    const module = await import(${JSON.stringify(specifier)});
    const missing = ${JSON.stringify(names)}.filter((name) => typeof module[name] !== "function");
    if (missing.length > 0) throw new Error("Missing exports: " + missing.join(", "));`;
  return ["--input-type=module", "--eval", script];
}

/** The README's files, by the letter: every block with a title is one. */
function writeReadmeSnippets(app) {
  const readme = fs.readFileSync(path.join(ROOT, "README.md"), "utf8");
  const blocks = [...readme.matchAll(/^```ts title="([\w./-]+)"\n([\s\S]*?)^```$/gm)];
  if (blocks.length < 4)
    throw new Error(`The README has ${blocks.length} titled blocks, expected 4.`);
  for (const [, file, code] of blocks) {
    const target = path.join(app, file);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, code);
  }
}

function listFiles(dir) {
  return fs
    .readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(dir, path.join(entry.parentPath ?? entry.path, entry.name)));
}

function copyTemplates(from, to) {
  for (const entry of fs.readdirSync(from, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const source = path.join(entry.parentPath ?? entry.path, entry.name);
    const target = path.join(to, path.relative(from, source).replace(/\.tpl$/, ""));
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.copyFileSync(source, target);
  }
}

// ── Steps ────────────────────────────────────────────────────────────────────────────────────────

/** Prints how it went. The steps after a failed `step` make no sense. */
async function step(name, body) {
  if (!(await attempt(name, body))) throw new Error(`"${name}" failed, the rest was not tried.`);
}

async function attempt(name, body) {
  const started = Date.now();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
  try {
    await body();
    console.log(`pass  ${name} (${seconds()})`);
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.log(`FAIL  ${name} (${seconds()})\n${reason.replace(/^/gm, "      ")}`);
    return false;
  }
}

/** Resolves with stdout. */
async function run(command, args, cwd) {
  const env = { ...process.env, NO_COLOR: "1" };
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let output = "";
  child.stdout.on("data", (chunk) => ((stdout += chunk), (output += chunk)));
  child.stderr.on("data", (chunk) => (output += chunk));
  const code = await new Promise((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
  if (code !== 0) throw new Error(`exit ${code}\n${output.trim()}`);
  return stdout;
}

const readJson = (file) => JSON.parse(fs.readFileSync(file, "utf8"));

async function main(argv) {
  const keep = argv.includes("--keep");
  const [tarball, ...rest] = argv.filter((arg) => arg !== "--keep");
  if (rest.length > 0 || tarball?.startsWith("-")) {
    throw new Error("Usage: node .ci/smoke.mjs [package.tgz] [--keep]");
  }
  const app = fs.mkdtempSync(path.join(os.tmpdir(), "agent-factory-smoke-"));
  const passed = await smoke(tarball, app).catch((error) => {
    console.log(error instanceof Error ? error.message : error);
    return false;
  });
  if (passed && !keep) fs.rmSync(app, { recursive: true, force: true });
  else console.log(`The app is in ${app}`);
  process.exitCode = passed ? 0 : 1;
}

await main(process.argv.slice(2)).catch((error) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
