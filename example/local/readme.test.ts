/** The app of the README, by the letter, in the local world: a stranger's message is answered. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Chat } from "./demo/chat.js";
import { startWorld, type World } from "./world.js";

const REPO = new URL("../..", import.meta.url).pathname;
const PACKAGE = "@okrlinkhub/agent-factory";
/** What "Install" asks of an app, without `operator.ts`. */
const INSTALL = ["convex.config.ts", "agentFactory.ts", "http.ts", "crons.ts"];
const MAX_LINES = 30;
const CONVERSATION = "chat-1";

const blocks = [
  ...readFileSync(join(REPO, "README.md"), "utf8").matchAll(
    /^```ts title="convex\/([\w./-]+)"\n([\s\S]*?)^```$/gm,
  ),
].map(([, file = "", code = ""]) => ({ file, code }));

/** The README's files beside the packages that it has one install. */
async function writeApp(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "readme-app-"));
  const manifest = { type: "module", dependencies: { convex: "*", [PACKAGE]: "*" } };
  writeFileSync(join(dir, "package.json"), JSON.stringify(manifest));
  for (const [name, target] of [
    ["convex", join(REPO, "node_modules/convex")],
    [PACKAGE, REPO],
  ] as const) {
    const link = join(dir, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(target, link);
  }
  mkdirSync(join(dir, "convex"));
  for (const { file, code } of blocks) writeFileSync(join(dir, "convex", file), code);
  // In a process of its own: Vitest would look for the source maps of what it imports.
  const script = `await (await import("${REPO}.ci/codegen.mjs")).codegen(process.cwd());`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { cwd: dir });
  return dir;
}

let projectDir: string;
let world: World;

beforeAll(async () => {
  projectDir = await writeApp();
  world = await startWorld({ projectDir, idleMs: 60_000, maxWorkers: 1, agentKeys: ["default"] });
}, 120_000);
afterAll(async () => {
  await world.close();
  rmSync(projectDir, { recursive: true });
});

test("it is installed in under 30 lines of code", () => {
  const lines = blocks
    .filter(({ file }) => INSTALL.includes(file))
    .flatMap(({ code }) => code.split("\n"))
    .filter((line) => line.trim() !== "" && !line.trim().startsWith("//"));
  expect(lines.length).toBeGreaterThan(10);
  expect(lines.length).toBeLessThan(MAX_LINES);
});

test("it answers a message", { timeout: 60_000 }, async () => {
  const chat = new Chat(world.convex.cloudUrl, "a-stranger");
  await chat.send(CONVERSATION, "default", "Hello from the README");
  const answer = await vi.waitFor(
    async () => {
      const entries = await chat.history(CONVERSATION);
      const found = entries.find((entry) => entry.role === "assistant");
      if (found === undefined) throw new Error("not answered yet");
      return found;
    },
    { timeout: 50_000, interval: 500 },
  );
  expect(answer.content).toContain("Hello from the README");
});
