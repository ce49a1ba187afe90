/** Serves the built web UI of the local world, tells it where the deployment is, and takes its faults. */
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize, sep } from "node:path";
import { build } from "vite";
import { closeServer, listen, readBody } from "../convex/wire.js";
import type { World } from "../world.js";
import { LocalWorldControl } from "./control.js";

const EXAMPLE_DIR = new URL("../..", import.meta.url).pathname;
const DIST_DIR = join(EXAMPLE_DIR, "dist");
const CONTROL_PATH = "/local-world";
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

export type Ui = { url: string; close(): Promise<void> };

/** Builds the UI, then serves it on `port` (any free one when it is taken). */
export async function startUi(world: World, port = 0): Promise<Ui> {
  await build({ configFile: join(EXAMPLE_DIR, "vite.config.ts") });
  const page = await readFile(join(DIST_DIR, "index.html"), "utf8");
  const config = { convexUrl: world.convex.cloudUrl, localWorld: CONTROL_PATH };
  const html = page.replace(
    "<!-- config -->",
    () => `<script>window.__AGENT_FACTORY__ = ${JSON.stringify(config)};</script>`,
  );
  const control = new LocalWorldControl(world);
  const answer = async (method: string, path: string, body: () => Promise<Buffer>) => {
    if (path === CONTROL_PATH)
      return method === "POST" ? control.command(await body()) : control.state();
    if (path === "/" || path === "/index.html") return { status: 200, type: ".html", body: html };
    return await file(path);
  };
  const server = createServer((req, res) => {
    const { pathname } = new URL(req.url ?? "/", "http://local");
    // Only the page itself: another site in the same browser must not break things here.
    const origin = req.headers.origin;
    if (origin !== undefined && new URL(origin).host !== req.headers.host) {
      res.writeHead(403).end();
      return;
    }
    answer(req.method ?? "GET", pathname, () => readBody(req)).then(
      ({ status, type, body }) => {
        res.writeHead(status, { "content-type": TYPES[type] ?? "application/json" }).end(body);
      },
      (error: unknown) => {
        res.writeHead(500, { "content-type": "application/json" });
        res.end(JSON.stringify({ message: String(error) }));
      },
    );
  });
  const bound = await listen(server, port).catch(() => listen(server, 0));
  return { url: `http://127.0.0.1:${bound}`, close: () => closeServer(server) };
}

async function file(path: string) {
  const wanted = normalize(join(DIST_DIR, decodeURIComponent(path)));
  const content = wanted.startsWith(DIST_DIR + sep)
    ? await readFile(wanted).catch(() => null)
    : null;
  if (content === null) return { status: 404, type: ".html", body: "Not found" };
  return { status: 200, type: extname(wanted), body: content };
}
