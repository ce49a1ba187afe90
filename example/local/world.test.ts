import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { Chat, conversationOf, DEMO_USER } from "./demo/chat.js";
import { startWorld, type World, type WorldOptions } from "./world.js";

const CONVERSATION = conversationOf("default");
const TIMEOUT_MS = 240_000;
let world: World | undefined;

afterEach(async () => {
  await world?.close();
  world = undefined;
});

async function start(options: Partial<WorldOptions> = {}): Promise<{ world: World; chat: Chat }> {
  world = await startWorld({
    idleMs: 1_500,
    maxWorkers: 1,
    agentKeys: ["default"],
    speed: 4,
    ...options,
  });
  return { world, chat: new Chat(world.convex.cloudUrl, DEMO_USER) };
}

async function until<T>(
  what: string,
  find: () => Promise<T | null | false>,
  withinMs = 80_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  while (Date.now() < deadline) {
    const found = await find();
    if (found !== null && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} did not happen within ${withinMs} ms`);
}

const answers = async (chat: Chat) =>
  (await chat.history(CONVERSATION))
    .filter((entry) => entry.role === "assistant")
    .map((e) => e.content);
const answered = async (chat: Chat, count: number) =>
  await until(`answer ${count}`, async () => {
    const all = await answers(chat);
    return all.length >= count ? all : null;
  });
const nothingBilled = async ({ fly }: World) =>
  await until("an end of cost", () => Promise.resolve(fly.control.bill().usdPerHour === 0));
const machines = (w: World) => w.fly.control.machines().filter((m) => m.state !== "destroyed");
const snapshots = async (w: World) =>
  (await w.component("listSnapshotsForConversation", { conversationId: CONVERSATION })) as {
    status: string;
  }[];

describe("the whole system on one machine", () => {
  test(
    "the next worker restores what the drained one remembered",
    async () => {
      const { world: w, chat } = await start();
      await chat.send(CONVERSATION, "default", "first");
      await answered(chat, 1);
      await nothingBilled(w);
      expect(machines(w)).toEqual([]);
      await chat.send(CONVERSATION, "default", "second");
      expect((await answered(chat, 2))[1]).toContain(
        'I remember 1 earlier message; the last one was: "first"',
      );
    },
    TIMEOUT_MS,
  );

  test(
    "a machine that dies while idle loses no memory, and one that dies mid-message answers once",
    async () => {
      const { world: w, chat } = await start({ idleMs: 60_000 });
      await chat.send(CONVERSATION, "default", "first");
      await answered(chat, 1);
      await until("a snapshot", async () => (await snapshots(w)).some((s) => s.status === "ready"));
      const first = machines(w)[0]?.id ?? "";
      w.fly.control.exit(first, 137);

      await chat.send(CONVERSATION, "default", "/slow 2000 second");
      const second = await until("a new machine", () =>
        Promise.resolve(machines(w).find((m) => m.state === "started" && m.id !== first) ?? null),
      );
      await until("a claim", async () => {
        const stats = (await w.component("queueStats")) as { processing: number };
        return stats.processing === 1;
      });
      w.fly.control.exit(second.id, 137);
      const all = await answered(chat, 2);
      expect(all).toHaveLength(2);
      expect(all[1]).toContain('I remember 1 earlier message; the last one was: "first"');
    },
    TIMEOUT_MS,
  );

  test(
    "the calls of the 3.x image are served unchanged, memory included",
    async () => {
      const fixture = new URL("./legacyWorker.fixture.mjs", import.meta.url).pathname;
      const { world: w, chat } = await start({ workerCommand: [process.execPath, fixture] });
      await chat.send(CONVERSATION, "default", "first");
      expect(await answered(chat, 1)).toEqual(["Processed: first (0 earlier)"]);
      await nothingBilled(w);
      await chat.send(CONVERSATION, "default", "second");
      expect((await answered(chat, 2))[1]).toBe("Processed: second (1 earlier)");
      await nothingBilled(w);
    },
    TIMEOUT_MS,
  );

  test(
    "without a valid token no worker function answers, and clients reach none of them past auth",
    async () => {
      const { world: w } = await start();
      const gateway = `${w.convex.siteUrl}/agent-factory/worker`;
      const call = async (url: string, headers: Record<string, string>) => {
        const response = await fetch(`${url}/api/mutation`, {
          method: "POST",
          headers: { "Content-Type": "application/json", ...headers },
          body: JSON.stringify({ path: "agentFactory:workerPoll", args: {} }),
        });
        return response.status;
      };
      expect(await call(gateway, {})).toBe(401);
      expect(await call(gateway, { Authorization: "Bearer afw_wrong" })).toBe(401);
      expect(await call(`${gateway}/afw_wrong`, {})).toBe(401);
      expect((await fetch(`${w.convex.siteUrl}/agent-factory/health`)).status).toBe(200);
    },
    TIMEOUT_MS,
  );
});

describe("the demo command", () => {
  test(
    "Ctrl-C leaves no process and no file behind",
    async () => {
      const ownTmp = mkdtempSync(join(tmpdir(), "demo-command-"));
      const script = new URL("./demo.ts", import.meta.url).pathname;
      const child = spawn(process.execPath, ["--import", "tsx", script, "--idle-ms", "60000"], {
        stdio: ["pipe", "pipe", "pipe"],
        env: { ...process.env, TMPDIR: ownTmp },
      });
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
      const exited = new Promise<number | null>((resolve) =>
        child.once("exit", (code) => resolve(code)),
      );
      await until("an answer", () => Promise.resolve(output.includes("«")));
      child.kill("SIGINT");
      expect(await exited).toBe(130);
      expect(leftovers(ownTmp)).toEqual([]);
      rmSync(ownTmp, { recursive: true });
      expect(() => process.kill(child.pid ?? 0, 0)).toThrow();
    },
    TIMEOUT_MS,
  );
});

/** tsx keeps its cache there as well. */
function leftovers(directory: string): string[] {
  return readdirSync(directory).filter((name) => !name.startsWith("tsx-"));
}
