import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { NODE_VERSION, OPENCLAW_VERSION } from "./versions.js";

const file = async (path: string) =>
  await readFile(new URL(`../../../${path}`, import.meta.url), "utf8");

test("the worker image installs what was tested, and this version of the worker", async () => {
  const dockerfile = await file("example/worker-image/Dockerfile");
  const { version, bin } = JSON.parse(await file("package.json")) as {
    version: string;
    bin: Record<string, string>;
  };
  expect(dockerfile).toContain(`FROM node:${NODE_VERSION}-`);
  expect(dockerfile).toContain(`ARG OPENCLAW_VERSION=${OPENCLAW_VERSION}\n`);
  expect(dockerfile).toContain(`ARG AGENT_FACTORY_VERSION=${version}\n`);
  expect(Object.keys(bin)).toContain("agent-factory-worker");
  expect(dockerfile).toMatch(/ENTRYPOINT .*agent-factory-worker"\]/);
});

test("the last result in the documentation is one of these versions", async () => {
  expect(await file("docs/OPERATIONS.md")).toContain(
    `OpenClaw ${OPENCLAW_VERSION} on Node ${NODE_VERSION}`,
  );
});
