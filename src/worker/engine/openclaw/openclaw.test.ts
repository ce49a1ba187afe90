/** The engine against a scripted gateway: what crosses the protocol, and what does not happen twice. */
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Engine, Turn } from "../engine.js";
import { sessionKeyOf } from "./config.js";
import { openTestSocket, scriptedOpenClaw } from "./gateway.fixture.js";
import { createOpenClawEngine, type OpenClawParts } from "./openclaw.js";
import { parseOpenClawSettings } from "./settings.js";

let dataDir: string;
const cleanups: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "afw-openclaw-"));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await rm(dataDir, { recursive: true, force: true });
});

const events: string[] = [];
const note = (event: string) => void events.push(event);
const log = { info: note, warn: note, error: note };
beforeEach(() => void events.splice(0));

type OpenClaw = ReturnType<typeof scriptedOpenClaw>;
async function engineOn(
  openclaw: OpenClaw,
  more: OpenClawParts & { env?: Record<string, string> } = {},
): Promise<Engine> {
  const { env = {}, ...parts } = more;
  const settings = parseOpenClawSettings({
    OPENCLAW_AGENT_MODEL: "openai/gpt-test",
    OPENAI_API_KEY: "sk-real-key-0123456789",
    ...env,
  });
  const clockwork = { now: Date.now, sleep: fastSleep };
  const engine = createOpenClawEngine(settings, {
    clock: clockwork,
    random: () => 0,
    openSocket: openTestSocket,
    version: () => Promise.resolve("2026.9.6"),
    doctor: () => Promise.resolve(),
    launch: (_settings, _places, port) => openclaw.launch(port),
    ...parts,
  });
  cleanups.push(() => engine.stop());
  await engine.start({ dataDir, agentKey: "a", conversationId: "Conv:ABC", log });
  return engine;
}

/** Waits of seconds become waits of milliseconds. */
function fastSleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(resolve, ms > 4_000 ? ms : Math.min(ms, 10));
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

const turn = (messageId: string, userText: string, more: Partial<Turn> = {}): Turn => ({
  ...{ messageId, userText, conversationId: "Conv:ABC", agentKey: "a" },
  ...{ systemPrompt: null, history: [], attachments: [], timeoutMs: 30_000 },
  signal: new AbortController().signal,
  ...more,
});

const say = (text: string) => () => ({ say: text });

test("a message is one run: its id is the key, the conversation has a session of its own", async () => {
  const openclaw = scriptedOpenClaw(() => ({ say: "Hello!", media: ["/data/workspace/a.png"] }));
  const engine = await engineOn(openclaw);
  const answer = await engine.run(turn("m1", "hi", { systemPrompt: "Be kind." }));
  expect(answer).toEqual({ text: "Hello!", mediaUrls: ["/data/workspace/a.png"] });
  expect(openclaw.runs).toMatchObject([
    {
      key: "m1",
      params: {
        ...{ message: "hi", agentId: "main", timeout: 30, extraSystemPrompt: "Be kind." },
        ...{ sessionKey: sessionKeyOf("Conv:ABC"), deliver: false },
      },
    },
  ]);
  // The same message again (its completion was lost): the transcript answers, no model is asked.
  expect(await engine.run(turn("m1", "hi"))).toEqual({ text: "Hello!", mediaUrls: [] });
  expect(openclaw.runs).toHaveLength(1);
});

test("attachments become files of the workspace; one that cannot be had does not hold up the answer", async () => {
  const files = await serve((url) => ({ status: url === "/photo" ? 200 : 404, headers: {} }));
  const openclaw = scriptedOpenClaw(() => ({ say: "Nice." }));
  const engine = await engineOn(openclaw);
  const attachments = [
    {
      ...{ kind: "photo", status: "ready", mimeType: "image/jpeg" },
      ...{ fileName: "../../etc/my cat.jpg", downloadUrl: `${files}/photo` },
    },
    { kind: "document", status: "ready", downloadUrl: `${files}/gone` },
    { kind: "voice", status: "expired" },
  ];
  await engine.run(turn("m1", "look", { attachments }));
  const path = join(dataDir, "workspace", "attachments", "m1", "1-etc_my_cat.jpg");
  expect(openclaw.runs[0]?.message).toBe(
    `look\n\n[attachment (photo, image/jpeg): ${path}]\n[attachment (document): not available]\n` +
      "[attachment (voice): not available]",
  );
  expect(await readFile(path, "utf8")).toBe("{}");
});

test("session keys stay distinct after OpenClaw lower-cased them", () => {
  expect(sessionKeyOf("Conv:ABC")).not.toBe(sessionKeyOf("conv:abc"));
  expect(sessionKeyOf("Conv:ABC")).toMatch(/^agent:main:af-[0-9a-f]{64}$/);
});

test("a turn that the gateway takes up after a crash is waited for, not run again", async () => {
  const openclaw = scriptedOpenClaw(() => ({ crash: "resumed", after: "done after all" }));
  const engine = await engineOn(openclaw);
  expect(await engine.run(turn("m1", "work"))).toMatchObject({ text: "done after all" });
  expect(openclaw.runs).toHaveLength(1);
  expect(openclaw.starts).toHaveLength(2);
  expect(events).toContain("openclaw_exited");
});

test("a turn that left no trace in a crash is run again, under the same key", async () => {
  const openclaw = scriptedOpenClaw((run) =>
    openclaw.runs.length === 1 ? { crash: "forgotten" } : { say: `again ${run.key}` },
  );
  const engine = await engineOn(openclaw);
  expect(await engine.run(turn("m1", "work"))).toMatchObject({ text: "again m1" });
  expect(openclaw.runs.map(({ key }) => key)).toEqual(["m1", "m1"]);
});

test.each([
  [{ status: "ok", result: { payloads: [{ text: "I broke", isError: true }] } }, "I broke"],
  [{ status: "timeout", summary: "aborted", result: { payloads: [{ text: "Half" }] } }, "timeout"],
  [{ status: "ok", result: { payloads: [] } }, "ok: no answer"],
  [{ status: "error", summary: "transcript keyed user is outside the current turn" }, "error"],
])("what is no answer is never sent as one: %j", async (payload, told) => {
  const openclaw = scriptedOpenClaw((run) => (run.key === "m1" ? { end: payload } : { say: "ok" }));
  const engine = await engineOn(openclaw);
  const failing = engine.run(turn("m1", "hi"));
  await expect(failing).rejects.toMatchObject({ name: "EngineError", retryable: true });
  await expect(failing).rejects.toThrow(told);
  // OpenClaw would answer the used key with the old failure.
  expect(await engine.run(turn("m1", "hi"))).toMatchObject({ text: "ok" });
  expect(openclaw.runs.map(({ key }) => key)).toEqual(["m1", "m1.1"]);
});

test("a run whose lease is lost is aborted, by its key", async () => {
  const openclaw = scriptedOpenClaw(() => "hang");
  const engine = await engineOn(openclaw);
  const lease = new AbortController();
  const running = engine.run(turn("m1", "long", { signal: lease.signal }));
  running.catch(() => undefined);
  await expect.poll(() => openclaw.runs.length).toBe(1);
  lease.abort();
  await expect(running).rejects.toThrow("Aborted");
  expect(openclaw.aborts).toEqual([{ sessionKey: sessionKeyOf("Conv:ABC"), runId: "m1" }]);
});

test("a gateway that is busy is asked again", async () => {
  const openclaw = scriptedOpenClaw(say("at last"));
  const engine = await engineOn(openclaw);
  openclaw.state.unavailable = 3;
  expect(await engine.run(turn("m1", "hi"))).toMatchObject({ text: "at last" });
  expect(openclaw.runs).toHaveLength(1);
});

test("a key that was set aside is not asked for again and again: the message waits until it is back", async () => {
  const openclaw = scriptedOpenClaw(say("unused"));
  const engine = await engineOn(openclaw);
  openclaw.state.unavailable = 3;
  openclaw.state.busy =
    'Inline API key for provider "local" is temporarily disabled after a provider auth/billing failure. Retry after 1 minute';
  const running = engine.run(turn("m1", "hi"));
  await expect(running).rejects.toMatchObject({ retryable: true, retryAfterMs: 65_000 });
  expect(openclaw.state.unavailable).toBe(2);
  expect(openclaw.runs).toHaveLength(0);
  openclaw.state.unavailable = 0;
  await engine.run(turn("m1", "hi"));
  expect(openclaw.runs.map(({ key }) => key)).toEqual(["m1.1"]);
});

test("a key that an earlier machine used up in a refusal is left behind", async () => {
  const openclaw = scriptedOpenClaw(say("at last"));
  const engine = await engineOn(openclaw);
  for (const key of ["m1", "m1.1", "m1.2"]) openclaw.state.spentKeys.add(key);
  expect(await engine.run(turn("m1", "hi"))).toMatchObject({ text: "at last" });
  expect(openclaw.runs.map(({ key }) => key)).toEqual(["m1.3"]);
});

test("exit 78 is answered by one repair and one more start", async () => {
  const openclaw = scriptedOpenClaw(say("mended"));
  openclaw.state.refuseStarts.push(78);
  let repairs = 0;
  const doctor = () => Promise.resolve(void repairs++);
  const engine = await engineOn(openclaw, { doctor });
  expect(await engine.run(turn("m1", "hi"))).toMatchObject({ text: "mended" });
  expect(repairs).toBe(1);

  const hopeless = scriptedOpenClaw(say("never"));
  hopeless.state.refuseStarts.push(78, 78);
  await expect(engineOn(hopeless, { doctor })).rejects.toThrow("also after a repair");
  expect(repairs).toBe(2);
});

test("a gateway that dies again and again ends the worker", async () => {
  const openclaw = scriptedOpenClaw(say("never"));
  openclaw.state.refuseStarts.push(1, 1, 1, 1);
  await expect(engineOn(openclaw)).rejects.toThrow("did not become ready in 4 starts");
});

test("a memory of a newer OpenClaw is refused and left alone; an older one is taken over", async () => {
  const stamp = join(dataDir, ".clawdbot", "agent-factory.json");
  await mkdir(join(dataDir, ".clawdbot"));
  const newer = JSON.stringify({ openclawVersion: "2026.10.1", sessionKey: "k" });
  await writeFile(stamp, newer);
  const openclaw = scriptedOpenClaw(say("hi"));
  await expect(engineOn(openclaw)).rejects.toThrow("written by OpenClaw 2026.10.1");
  expect(await readFile(stamp, "utf8")).toBe(newer);
  expect(openclaw.starts).toEqual([]);

  await writeFile(stamp, JSON.stringify({ openclawVersion: "2026.9.5", sessionKey: "old:key" }));
  const engine = await engineOn(openclaw);
  await engine.run(turn("m1", "hi"));
  expect(openclaw.runs[0]?.params["sessionKey"]).toBe("old:key");
  expect(JSON.parse(await readFile(stamp, "utf8"))).toEqual({
    openclawVersion: "2026.9.6",
    sessionKey: "old:key",
  });
});

test("an archive of the existing image loses what today's OpenClaw refuses, and keeps its session", async () => {
  const state = join(dataDir, ".clawdbot");
  const files = {
    "identity/device-auth.json": "{}",
    "openclaw.json": '{"gateway":{"auth":{"token":"old-secret"}}}',
    "agents/main/agent/auth-profiles.json": "{}",
    "agents/main/sessions/sessions.json": '{"agent:main:main":{}}',
  };
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(state, path, ".."), { recursive: true });
    await writeFile(join(state, path), content);
  }
  let doctored = 0;
  const openclaw = scriptedOpenClaw(say("I remember"));
  const engine = await engineOn(openclaw, { doctor: () => Promise.resolve(void doctored++) });
  await engine.run(turn("m1", "hi"));
  expect(doctored).toBe(1);
  expect(openclaw.runs[0]?.params["sessionKey"]).toBe("agent:main:main");
  for (const gone of ["identity", "openclaw.json", "agents/main/agent/auth-profiles.json"])
    await expect(stat(join(state, gone))).rejects.toThrow("ENOENT");
  expect(await readFile(join(state, "agents/main/sessions/sessions.json"), "utf8")).toContain(
    "main",
  );
});

test("the provider's key is in no file of OpenClaw, and reaches the provider alone", async () => {
  const seen: string[] = [];
  const provider = await serve((url, auth) => {
    seen.push(`${url} ${auth}`);
    return { status: 200, headers: {} };
  });
  const openclaw = scriptedOpenClaw(say("hi"));
  await engineOn(openclaw, {
    env: {
      AGENT_FACTORY_MODEL_BASE_URL: `${provider}/v1`,
      AGENT_FACTORY_MODEL_API_KEY: "sk-mine-1",
    },
  });
  const text = await readFile(join(dataDir, ".agent-factory/openclaw/openclaw.json"), "utf8");
  expect(text).not.toMatch(/sk-mine|sk-real/);
  const { baseUrl, apiKey } = relayIn(text);
  const call = (key: string) =>
    fetch(`${baseUrl}/chat/completions`, {
      method: "POST",
      body: "{}",
      headers: { authorization: `Bearer ${key}` },
    });
  expect((await call(apiKey)).status).toBe(200);
  expect((await call("guess")).status).toBe(401);
  expect(seen).toEqual(["/v1/chat/completions Bearer sk-mine-1"]);
});

test.each([
  [401, {}, { retryable: true, retryAfterMs: 65_000 }],
  [402, {}, { retryable: true, retryAfterMs: 300_000 }],
  [429, { "retry-after": "120" }, { retryable: true, retryAfterMs: 120_000 }],
  [429, {}, { retryable: true, retryAfterMs: 30_000 }],
  [500, {}, { retryable: true, retryAfterMs: 10_000 }],
  [404, {}, { retryable: false }],
])("the provider's %i %j says whether and when to try again", async (status, headers, expected) => {
  const provider = await serve(() => ({ status, headers }));
  const openclaw = scriptedOpenClaw(() => "hang");
  const engine = await engineOn(openclaw, {
    env: { AGENT_FACTORY_MODEL_BASE_URL: provider, AGENT_FACTORY_MODEL_API_KEY: "k" },
  });
  const relay = relayIn(
    await readFile(join(dataDir, ".agent-factory/openclaw/openclaw.json"), "utf8"),
  );
  const running = engine.run(turn("m1", "hi", { timeoutMs: 50 }));
  running.catch(() => undefined);
  await expect.poll(() => openclaw.runs.length).toBe(1);
  await fetch(relay.baseUrl, { headers: { authorization: `Bearer ${relay.apiKey}` } });
  openclaw.state.finish({ status: "error", summary: "provider trouble" });
  await expect(running).rejects.toMatchObject({ name: "EngineError", ...expected });
});

test("a provider that is down ends the run after the tries of one turn; an answer in between starts over", async () => {
  let status = 503;
  const provider = await serve(() => ({ status, headers: {} }));
  const openclaw = scriptedOpenClaw(() => "hang");
  const engine = await engineOn(openclaw, {
    env: { AGENT_FACTORY_MODEL_BASE_URL: provider, AGENT_FACTORY_MODEL_API_KEY: "k" },
  });
  const relay = relayIn(
    await readFile(join(dataDir, ".agent-factory/openclaw/openclaw.json"), "utf8"),
  );
  const tries = async (count: number) => {
    for (let i = 0; i < count; i++)
      await fetch(relay.baseUrl, { headers: { authorization: `Bearer ${relay.apiKey}` } });
  };
  let over = false;
  const running = engine.run(turn("m1", "hi"));
  running.catch(() => (over = true));
  await expect.poll(() => openclaw.runs.length).toBe(1);
  await tries(7);
  status = 200;
  await tries(1);
  status = 503;
  await tries(7);
  expect(over).toBe(false);
  await tries(1);
  await expect(running).rejects.toMatchObject({ retryable: true, retryAfterMs: 10_000 });
  await expect(running).rejects.toThrow("provider answered 503");
});

test("the workspace is never empty, also when the last skill has left it", async () => {
  await engineOn(scriptedOpenClaw(say("hi")));
  expect((await stat(join(dataDir, "workspace/memory"))).isDirectory()).toBe(true);
});

test("the gateway begins no turns by itself, and offers no tool whose other end is not there", async () => {
  await engineOn(scriptedOpenClaw(say("hi")));
  const text = await readFile(join(dataDir, ".agent-factory/openclaw/openclaw.json"), "utf8");
  expect(JSON.parse(text)).toMatchObject({
    agents: { defaults: { heartbeat: { every: "0m" } } },
    tools: { exec: { notifyOnExit: false }, deny: expect.arrayContaining(["automations", "cron"]) },
    cron: { enabled: false },
  });
});

test("without a run of its own protocol it asks the OpenAI-compatible endpoint", async () => {
  const asked: string[] = [];
  const openclaw = scriptedOpenClaw(say("unused"));
  openclaw.state.onHttp = (url, headers, body) => {
    if (url !== "/readyz")
      asked.push(`${url} ${String(headers["x-openclaw-session-key"])} ${body}`);
    return { choices: [{ message: { content: " over HTTP " } }] };
  };
  const engine = await engineOn(openclaw, { env: { AGENT_FACTORY_OPENCLAW_TRANSPORT: "http" } });
  expect(await engine.run(turn("m1", "hi"))).toEqual({ text: "over HTTP", mediaUrls: [] });
  expect(asked).toHaveLength(1);
  expect(asked[0]).toContain(`/v1/chat/completions ${sessionKeyOf("Conv:ABC")}`);
  expect(asked[0]).toContain('{"role":"user","content":"hi"}');
});

function relayIn(config: string): { baseUrl: string; apiKey: string } {
  const parsed = JSON.parse(config) as {
    models: { providers: { openai: { baseUrl: string; apiKey: string } } };
  };
  return parsed.models.providers.openai;
}

async function serve(
  handle: (url: string, auth: string) => { status: number; headers: Record<string, string> },
): Promise<string> {
  const server: Server = createServer((request, response) => {
    const { status, headers } = handle(request.url ?? "", request.headers.authorization ?? "");
    response.writeHead(status, headers).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a stop ends a start that is under way, and waits for it", async () => {
  const openclaw = scriptedOpenClaw(say("never"));
  await mkdir(join(dataDir, ".clawdbot/agents/main/sessions"), { recursive: true });
  let ask: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (ask = resolve));
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  let launched = 0;
  const halted: (boolean | undefined)[] = [];
  const made = engineOn(openclaw, {
    doctor: async (_settings, _places, _log, signal) => {
      ask();
      await finished;
      halted.push(signal?.aborted);
    },
    launch: (_settings, _places, port) => {
      launched += 1;
      return openclaw.launch(port);
    },
  });
  await asked;
  const stopped = cleanups[0]!().then(() => halted.length);
  finish();
  expect(await stopped).toBe(1);
  await made;
  expect([halted, launched]).toEqual([[true], 0]);
  const stamp = await readFile(join(dataDir, ".clawdbot/agent-factory.json"), "utf8");
  expect(JSON.parse(stamp)).toMatchObject({ migrating: true });
});
