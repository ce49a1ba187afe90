import { gzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import { build, type Rolldown } from "vite";
import { expect, test } from "vitest";

const root = new URL("..", import.meta.url).pathname;
/** How far the README's number may be from the truth. */
const TOLERANCE_KB = 1;

/** Minified and gzipped kilobytes of what an app bundles of `entry`, without `convex`, which it has anyway. */
async function measure(entry: string): Promise<number> {
  const built = (await build({
    configFile: false,
    root,
    logLevel: "silent",
    build: {
      write: false,
      minify: true,
      lib: { entry: `${root}${entry}`, formats: ["es"] },
      rolldownOptions: { external: [/^convex(\/|$)/] },
    },
  })) as Rolldown.RolldownOutput[];
  const code = built.flatMap(({ output }) => output.map((o) => (o.type === "chunk" ? o.code : "")));
  return gzipSync(code.join("")).length / 1000;
}

test("the client is as big as the README says", { timeout: 60_000 }, async () => {
  const stated = /client is (\d+) kB/.exec(readFileSync(`${root}README.md`, "utf8"))?.[1];
  const actual = await measure("dist/client/index.js");
  expect(actual).toBeGreaterThan(1);
  expect(Math.abs(actual - Number(stated)), `it is ${actual.toFixed(1)} kB`).toBeLessThanOrEqual(
    TOLERANCE_KB,
  );
});
