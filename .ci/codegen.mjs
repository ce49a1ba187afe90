#!/usr/bin/env node
/**
 * `convex codegen` without a deployment.
 *
 * The official CLI writes the official files; all it needs from a deployment is an analysis of the
 * code it has bundled. This script is the other end of that conversation: it imports the bundles in
 * Node and reports what it finds.
 *
 *   node .ci/codegen.mjs           component, then dist, then the example app
 *   node .ci/codegen.mjs --check   does the same in a copy and fails when the result differs
 *
 * `codegen(projectDir, args)` runs the CLI once in any project that has `node_modules/convex`.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import zlib from "node:zlib";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const COMPONENT_DIR = "src/component";
const GENERATED_DIRS = ["src/component/_generated", "example/convex/_generated"];

/** Runs `convex codegen` in `projectDir`. Rejects with the CLI's output when it fails. */
export async function codegen(projectDir, args = []) {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "convex-codegen-"));
  const udfServerVersion = readJson(
    path.join(projectDir, "node_modules/convex/package.json"),
  ).version;
  const server = http.createServer((req, res) => void answer(req, res, scratch, udfServerVersion));
  try {
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const cli = path.join(projectDir, "node_modules/convex/bin/main.js");
    const url = `http://127.0.0.1:${server.address().port}`;
    const fixed = [
      "codegen",
      "--typecheck",
      "disable",
      "--url",
      url,
      "--admin-key",
      "local|codegen",
    ];
    await run("convex codegen", [cli, ...fixed, ...args], projectDir);
  } finally {
    server.closeAllConnections();
    server.close();
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

/** The order matters: the example app sees the component through dist. */
export async function codegenPackage(projectDir) {
  await codegen(projectDir, ["--component-dir", `./${COMPONENT_DIR}`]);
  const dist = path.join(projectDir, "dist/component");
  fs.rmSync(dist, { recursive: true, force: true }); // modules that are gone must not be bundled
  const tsc = ["node_modules/typescript/bin/tsc", "-p", "src"];
  const buildError = await run("tsc -p src", tsc, projectDir).then(
    () => null,
    (error) => error,
  );
  // Type errors do not stop the emit, and often go away with fresh generated code: report them last.
  const emitted = fs.existsSync(path.join(dist, "convex.config.js"));
  const hasApp = fs.existsSync(path.join(projectDir, "example/convex/convex.config.ts"));
  if (emitted && hasApp) await codegen(projectDir);
  if (buildError !== null) throw buildError;
}

/** Regenerates in a throw-away copy and lists the generated files that would change. */
export async function findDrift(projectDir) {
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), "codegen-check-"));
  try {
    const skipped = new Set(["node_modules", "dist", ".git"].map((d) => path.join(projectDir, d)));
    fs.cpSync(projectDir, copy, { recursive: true, filter: (source) => !skipped.has(source) });
    fs.symlinkSync(path.join(projectDir, "node_modules"), path.join(copy, "node_modules"), "dir");
    await codegenPackage(copy);
    return GENERATED_DIRS.flatMap((dir) => {
      const [committed, fresh] = [projectDir, copy].map((root) => readTree(path.join(root, dir)));
      const names = [...new Set([...committed.keys(), ...fresh.keys()])].sort();
      return names
        .filter((name) => committed.get(name) !== fresh.get(name))
        .map((name) => {
          const why = !fresh.has(name)
            ? "no longer generated"
            : committed.has(name)
              ? "out of date"
              : "missing";
          return `${dir}/${name} (${why})`;
        });
    });
  } finally {
    fs.rmSync(copy, { recursive: true, force: true });
  }
}

// ── The deployment's side ────────────────────────────────────────────────────────────────────────

async function answer(req, res, scratch, udfServerVersion) {
  const send = (status, body) =>
    res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  try {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    if (req.url.startsWith("/api/get_config")) {
      send(200, { config: { functions: "convex" }, moduleHashes: [], udfServerVersion });
    } else if (req.url === "/api/deploy2/start_push") {
      const push = JSON.parse(zlib.brotliDecompressSync(body).toString());
      send(200, await analyzePush(push, scratch, udfServerVersion));
    } else {
      send(404, { code: "NotFound", message: `The codegen server does not answer ${req.url}` });
    }
  } catch (error) {
    send(400, {
      code: "AnalysisFailed",
      message: error instanceof Error ? error.message : String(error),
    });
  }
}

async function analyzePush(push, scratch, udfServerVersion) {
  const defaultNames = {};
  const definitions = {};
  const waiting = [...push.componentDefinitions];
  while (waiting.length > 0) {
    // Children first: a definition embeds the default names of what it uses.
    const next = waiting.findIndex((c) => c.dependencies.every((d) => d in defaultNames));
    if (next < 0) throw new Error("The component definitions use each other in a circle.");
    const [component] = waiting.splice(next, 1);
    const definition = await importDefinition(component.definition, defaultNames, scratch);
    definitions[component.definitionPath] = definition;
    defaultNames[component.definitionPath] = definition._name;
  }

  const analysis = {};
  const analyze = async (definitionPath, definition, bundles) => {
    const functions = {};
    for (const [file, exports] of await importBundles(bundles, scratch)) {
      functions[file] = analyzeModule(exports);
    }
    const exported = definition
      ? definition.export()
      : { definitionType: { type: "app" }, childComponents: [], httpMounts: {} };
    analysis[definitionPath] = {
      definition: { path: definitionPath, ...exported, exports: publicTree(functions) },
      schema: null,
      functions,
      udfConfig: {
        serverVersion: udfServerVersion,
        importPhaseRngSeed: null,
        importPhaseUnixTimestamp: null,
      },
    };
  };
  for (const { definitionPath, functions } of push.componentDefinitions) {
    await analyze(definitionPath, definitions[definitionPath], functions);
  }
  const app = push.appDefinition;
  const appDefinition =
    app.definition && (await importDefinition(app.definition, defaultNames, scratch));
  await analyze("", appDefinition, app.changedModules);

  return {
    environmentVariables: {},
    externalDepsId: null,
    componentDefinitionPackages: {},
    appAuth: [],
    analysis,
    app: {
      definitionPath: "",
      componentPath: "",
      args: {},
      childComponents: {},
      httpRoutes: { httpModuleRoutes: null, mounts: [] },
      exports: {},
    },
    schemaChange: { allocatedComponentIds: {}, schemaIds: {} },
  };
}

// ── Loading bundles ──────────────────────────────────────────────────────────────────────────────

async function importBundles(bundles, scratch) {
  const dir = fs.mkdtempSync(path.join(scratch, "modules-"));
  // "use node" modules are listed by file name only, which needs no analysis.
  const isolate = bundles.filter((bundle) => bundle.environment !== "node");
  const fileOf = (bundle) => path.join(dir, bundle.path.replace(/\.js$/, ".mjs"));
  for (const bundle of isolate) {
    fs.mkdirSync(path.dirname(fileOf(bundle)), { recursive: true });
    fs.writeFileSync(
      fileOf(bundle),
      bundle.source.replace(/((?:from|import)\s*")(\.[^"]+)\.js(")/g, "$1$2.mjs$3"),
    );
  }
  const loaded = [];
  for (const bundle of isolate.filter((b) => !b.path.startsWith("_deps/"))) {
    try {
      loaded.push([bundle.path, await import(pathToFileURL(fileOf(bundle)).href)]);
    } catch (error) {
      throw new Error(`Failed to analyze ${bundle.path}: ${error?.stack ?? error}`, {
        cause: error,
      });
    }
  }
  return loaded;
}

/** The CLI leaves the definitions a convex.config uses as placeholder imports for the backend. */
async function importDefinition(bundle, defaultNames, scratch) {
  const dir = fs.mkdtempSync(path.join(scratch, "definition-"));
  fs.mkdirSync(path.join(dir, "_componentDeps"));
  const source = bundle.source.replace(
    /(["'])\.\/_componentDeps\/([^"']+)\1/g,
    (_, quote, encoded) => {
      const componentDefinitionPath = Buffer.from(encoded, "base64url").toString();
      const imported = {
        componentDefinitionPath,
        defaultName: defaultNames[componentDefinitionPath],
      };
      const file = `./_componentDeps/${encoded}.mjs`;
      fs.writeFileSync(path.join(dir, file), `export default ${JSON.stringify(imported)};`);
      return quote + file + quote;
    },
  );
  const file = path.join(dir, "convex.config.mjs");
  fs.writeFileSync(file, source);
  return (await import(pathToFileURL(file).href)).default;
}

// ── Analysis ─────────────────────────────────────────────────────────────────────────────────────

function analyzeModule(exports) {
  const functions = [];
  for (const [name, fn] of Object.entries(exports)) {
    const udfType = fn?.isQuery
      ? "Query"
      : fn?.isMutation
        ? "Mutation"
        : fn?.isAction
          ? "Action"
          : null;
    if (udfType === null) continue;
    const kind = fn.isPublic ? "public" : fn.isInternal ? "internal" : null;
    functions.push({
      name,
      pos: null,
      udfType,
      visibility: kind && { kind },
      args: canonical(fn.exportArgs?.()),
      returns: canonical(fn.exportReturns?.()),
    });
  }
  return { functions, httpRoutes: null, cronSpecs: null, sourceMapped: null };
}

/** Deployments keep object fields sorted by name, and the generated types follow that order. */
function canonical(json) {
  const sort = (value) => {
    if (Array.isArray(value)) return value.map(sort);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.keys(value)
        .sort()
        .map((key) => [key, sort(value[key])]),
    );
  };
  return json === undefined || json === null ? null : JSON.stringify(sort(JSON.parse(json)));
}

/** What the component shows to its parent: `{ file: { function: reference } }`. */
function publicTree(functions) {
  const root = new Map();
  for (const [file, module] of Object.entries(functions)) {
    const modulePath = file.replace(/\.js$/, "");
    for (const fn of module.functions.filter((f) => f.visibility?.kind === "public")) {
      let branch = root;
      for (const part of modulePath.split("/")) {
        if (!branch.has(part)) branch.set(part, new Map());
        branch = branch.get(part);
      }
      branch.set(fn.name, `_reference/function/${modulePath}:${fn.name}`);
    }
  }
  const encode = (node) =>
    typeof node === "string"
      ? { type: "leaf", leaf: node }
      : { type: "branch", branch: [...node].map(([name, child]) => [name, encode(child)]) };
  return encode(root);
}

// ── Plumbing ─────────────────────────────────────────────────────────────────────────────────────

const readJson = (file) => JSON.parse(fs.readFileSync(file, "utf8"));

/** File name (relative, with `/`) → contents. */
function readTree(dir) {
  if (!fs.existsSync(dir)) return new Map();
  const files = fs
    .readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile());
  return new Map(
    files.map((entry) => {
      const file = path.join(entry.parentPath ?? entry.path, entry.name);
      return [path.relative(dir, file).split(path.sep).join("/"), fs.readFileSync(file, "utf8")];
    }),
  );
}

/** Runs a Node script: quiet on success; the complete output is in the error on failure. */
async function run(label, args, cwd) {
  // A developer's own deployment settings must not decide what is generated; with CI set, the CLI
  // reports its crashes to nobody.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("CONVEX_"));
  const env = { ...Object.fromEntries(own), CI: "1" };
  const child = spawn(process.execPath, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (output += chunk));
  const code = await new Promise((resolve, reject) =>
    child.on("error", reject).on("close", resolve),
  );
  if (code !== 0) throw new Error(`${label} failed in ${cwd} (exit ${code}):\n${output.trim()}`);
}

async function main(argv) {
  if (argv.some((arg) => arg !== "--check"))
    throw new Error("Usage: node .ci/codegen.mjs [--check]");
  if (!argv.includes("--check")) {
    await codegenPackage(ROOT);
    return;
  }
  const drift = await findDrift(ROOT);
  if (drift.length === 0) return;
  console.error(
    `Generated code has drifted. Run "npm run codegen" and commit:\n  ${drift.join("\n  ")}`,
  );
  process.exitCode = 1;
}

if (process.argv[1] && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main(process.argv.slice(2)).catch((error) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
