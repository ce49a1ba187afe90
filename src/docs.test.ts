import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { GATEWAY_FUNCTIONS } from "./component/gateway/protocol.js";
import { TRANSITIONS } from "./component/workers/machine.js";

const root = new URL("..", import.meta.url).pathname;
const read = (path: string) => readFileSync(join(root, path), "utf8");
const pages = [
  "README.md",
  "CHANGELOG.md",
  ...readdirSync(join(root, "docs"))
    .filter((f) => f.endsWith(".md"))
    .map((f) => `docs/${f}`),
];

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe("the documentation", () => {
  test("ARCHITECTURE draws exactly the worker transitions of the source", () => {
    const drawn = [...read("docs/ARCHITECTURE.md").matchAll(/^ {2}(\w+) --> (\w+): /gm)].map(
      ([, from, to]) => `${from} -> ${to}`,
    );
    const coded = Object.entries(TRANSITIONS).flatMap(([from, all]) =>
      all.map((to) => `${from} -> ${to}`),
    );
    expect(drawn.sort()).toEqual(coded.sort());
  });

  test("WORKER_PROTOCOL lists exactly the functions of the gateway, with their endpoints", () => {
    const listed = [
      ...read("docs/WORKER_PROTOCOL.md").matchAll(
        /^\| `(worker\w+)`(?: \*\*\+\*\*)? +\| ([qm]) +\|/gm,
      ),
    ].map(([, name, kind]) => `${name} ${kind}`);
    const coded = Object.entries(GATEWAY_FUNCTIONS).map(
      ([name, { endpoint }]) => `${name} ${endpoint.charAt(0)}`,
    );
    expect(listed.sort()).toEqual(coded.sort());
  });

  test.each(pages)("%s names only files that exist and links only to what is there", (page) => {
    const text = read(page);
    const files = [...text.matchAll(/`((?:src|example|docs|\.ci|\.config)\/[\w./-]+)`/g)].map(
      ([, f]) => f ?? "",
    );
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, f]) =>
      join(dirname(page), f ?? ""),
    );
    expect([...files, ...links].filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  test.each(pages)("%s links only to headings that are there", (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)].map(
      ([, file = "", anchor = ""]) => ({
        target: file === "" ? page : join(dirname(page), file),
        anchor,
      }),
    );
    expect(links.filter(({ target, anchor }) => !anchorsOf(target).includes(anchor))).toEqual([]);
  });
});
