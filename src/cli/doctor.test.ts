import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { doctor } from "./doctor.js";

let cwd = "";
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "af-doctor-"));
  await mkdir(join(cwd, "convex"));
  await writeFile(join(cwd, "convex/convex.config.ts"), "app.use(agentFactory, { env: {} });");
  await writeFile(
    join(cwd, "convex/http.ts"),
    "registerRoutes(http, components.agentFactory, {});",
  );
});
afterEach(async () => await rm(cwd, { recursive: true, force: true }));

const ok = { name: "secrets_key", subject: null, status: "ok", message: "It is set.", fix: null };
const broken = {
  ...{ name: "secret", subject: "fly.apiToken", status: "problem", message: "It has no value." },
  fix: "npx convex run operator:importSecret …",
};

async function consult(
  checks: object[] | null,
  args: string[] = [],
  err = "✖ Failed to run\nCould not find function",
) {
  const calls: string[][] = [];
  let text = "";
  const code = await doctor(args, {
    cwd,
    write: (more) => (text += more),
    run: (command, given) => {
      calls.push([command, ...given]);
      return Promise.resolve(
        checks === null
          ? { code: 1, out: "", err }
          : {
              code: 0,
              out: `Some line of the CLI\n${JSON.stringify({ ok: true, checks }, null, 2)}\n`,
              err: "",
            },
      );
    },
  });
  return { code, text, calls };
}

test("a healthy deployment: every check, and exit code 0", async () => {
  const { code, text, calls } = await consult([ok]);
  expect(code).toBe(0);
  expect(text).toContain("✓ secrets key: It is set.");
  expect(text).toContain("✓ convex/http.ts: It is in place.");
  expect(text).toContain("Nothing is missing.");
  expect(calls).toEqual([["npx", "convex", "run", "operator:diagnose", "{}"]]);
});

test("a problem: what it is about, what to do, and exit code 1", async () => {
  const { code, text } = await consult([ok, broken]);
  expect(code).toBe(1);
  expect(text).toContain(
    "✗ secret fly.apiToken: It has no value.\n    npx convex run operator:importSecret …\n",
  );
  expect(text).toContain("1 to mend.");
});

test("a missing route is found in the app's own files", async () => {
  await writeFile(join(cwd, "convex/http.ts"), "export default httpRouter();");
  const { code, text } = await consult([ok]);
  expect(code).toBe(1);
  expect(text).toContain("✗ convex/http.ts");
  expect(text).toContain("registerRoutes(http, components.agentFactory)");
});

test("the functions may live in another folder", async () => {
  await writeFile(join(cwd, "convex.json"), JSON.stringify({ functions: "backend/" }));
  expect((await consult([ok])).text).toContain("✗ backend/http.ts: There is no such file.");
});

test("a deployment that does not expose it: says how, and exit code 2", async () => {
  const { code, text } = await consult(null);
  expect(code).toBe(2);
  expect(text).toContain("Could not find function");
  expect(text).toContain("export const { diagnose } = exposeOperatorApi(components.agentFactory);");
});

test("a directory without a deployment: says how to get one, not what to expose", async () => {
  const { code, text } = await consult(
    null,
    [],
    "✖ No CONVEX_DEPLOYMENT set, run `npx convex dev` to configure a Convex project",
  );
  expect(code).toBe(2);
  expect(text).toContain("Connect it with npx convex dev");
  expect(text).not.toContain("exposeOperatorApi");
});

test("another function and flags of the CLI are passed on", async () => {
  const { calls } = await consult([ok], ["--prod", "admin:check"]);
  expect(calls).toEqual([["npx", "convex", "run", "--prod", "admin:check", "{}"]]);
});
