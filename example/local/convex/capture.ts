/** Gets the real bundles of a project by letting the official CLI push to a throw-away listener. */
import { spawn } from "node:child_process";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import zlib from "node:zlib";
import { listen, readBody } from "./wire.js";

export interface Bundle {
  path: string;
  source: string;
}

export interface ComponentBundles {
  definitionPath: string;
  definition: Bundle;
  /** Definition paths of the components this one uses. */
  dependencies: string[];
  schema: Bundle | null;
  functions: Bundle[];
}

export interface Push {
  appDefinition: { definition: Bundle | null; schema: Bundle | null; changedModules: Bundle[] };
  componentDefinitions: ComponentBundles[];
}

export async function capturePush(projectDir: string): Promise<Push> {
  let push: Push | undefined;
  const server = http.createServer((req, res) => {
    void readBody(req).then((body) => {
      if (req.url?.startsWith("/api/get_config")) {
        const config = { config: { functions: "" }, moduleHashes: [], udfServerVersion: "1.48.0" };
        res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(config));
        return;
      }
      push = JSON.parse(zlib.brotliDecompressSync(body).toString()) as Push;
      // Any answer will do: the CLI has served its purpose and may stop here.
      res.writeHead(400, { "content-type": "application/json" });
      res.end(JSON.stringify({ code: "Captured", message: "captured" }));
    });
  });
  const port = await listen(server, 0);
  try {
    const output = await runCli(projectDir, `http://127.0.0.1:${port}`);
    if (push === undefined) throw new Error(`convex could not bundle ${projectDir}:\n${output}`);
    return push;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function runCli(projectDir: string, url: string): Promise<string> {
  const require = createRequire(path.join(projectDir, "package.json"));
  const cli = path.join(path.dirname(require.resolve("convex/package.json")), "bin/main.js");
  const args = ["codegen", "--typecheck", "disable", "--url", url, "--admin-key", "local|convex"];
  // The developer's own deployment must not be touched; with CI set the CLI reports to nobody.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("CONVEX_"));
  const env = { ...Object.fromEntries(own), CI: "1" };
  const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
  const child = spawn(process.execPath, [cli, ...args], { cwd: projectDir, env, stdio });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  return output;
}
