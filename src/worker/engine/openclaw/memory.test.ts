import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listEntries } from "../../snapshot/entries.js";
import { archiveEntries, compareVersions, keepStamp, takeOver } from "./memory.js";
import { parseOpenClawSettings } from "./settings.js";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "afw-memory-"));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

async function put(path: string, content = "x"): Promise<void> {
  await mkdir(dirname(join(dataDir, path)), { recursive: true });
  await writeFile(join(dataDir, path), content);
}

test("an archive holds the workspace and the memory, no caches, config, keys or journals", async () => {
  const kept = [
    ".clawdbot/agent-factory.json",
    ".clawdbot/agents/main/sessions/old.jsonl",
    "workspace/AGENTS.md",
    "workspace/cache/mine.txt",
    "workspace/notes/openclaw.json",
  ];
  const left = [
    ".clawdbot/agents/main/agent/auth-profiles.json",
    ".clawdbot/agents/main/agent/openclaw-agent.sqlite-wal",
    ".clawdbot/agents/main/agent/openclaw-agent.sqlite-shm",
    ".clawdbot/cache/ui.js",
    ".clawdbot/config-journal-fingerprint.key",
    ".clawdbot/identity/device.json",
    ".clawdbot/openclaw.json",
    ".clawdbot/openclaw.json.bak",
    ".clawdbot/state/gateway.lock",
    ".clawdbot/state/openclaw-quarantine.sqlite",
  ];
  for (const path of [...kept, ...left]) await put(path);
  const chosen = await archiveEntries(dataDir, await listEntries(dataDir), dataDir);
  const files = chosen.filter(({ kind }) => kind === "file").map(({ path }) => path);
  expect(files.sort()).toEqual(kept.sort());
});

const hasSqlite = process.versions.node.split(".").map(Number)[0]! >= 24;

test.skipIf(!hasSqlite)("databases are copied whole while they are written", async () => {
  const { DatabaseSync } = await import("node:sqlite");
  const path = ".clawdbot/agents/main/agent/openclaw-agent.sqlite";
  await mkdir(dirname(join(dataDir, path)), { recursive: true });
  const open = new DatabaseSync(join(dataDir, path));
  open.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (n); INSERT INTO t VALUES (1), (2)");
  const temp = join(dataDir, "temp");
  await mkdir(temp);
  const chosen = await archiveEntries(dataDir, await listEntries(dataDir), temp);
  open.close();
  const entry = chosen.find((one) => one.path === path);
  expect(chosen.filter(({ kind }) => kind === "file")).toHaveLength(1);
  expect(entry?.source).toContain(temp);
  const copy = new DatabaseSync(entry?.source ?? "", { readOnly: true });
  expect(copy.prepare("SELECT count(*) AS n FROM t").get()).toMatchObject({ n: 2 });
  copy.close();
  await expect(stat(`${entry?.source}-wal`)).rejects.toThrow("ENOENT");
});

test.each([
  ["2026.9.6", "2026.9.6", 0],
  ["2026.10.1", "2026.9.30", 1],
  ["2026.9.5", "2026.9.6", -1],
  ["2026.9.6-1", "2026.9.6", 0],
  ["2027.1.1", "2026.12.31", 1],
])("versions %s and %s", (a, b, sign) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign);
});

test.each([
  [{}, "OPENCLAW_AGENT_MODEL: must be <provider>/<model>"],
  [{ OPENCLAW_AGENT_MODEL: "gpt" }, "OPENCLAW_AGENT_MODEL: must be"],
  [{ OPENCLAW_AGENT_MODEL: "openai/gpt" }, "OPENAI_API_KEY: is missing"],
  [{ OPENCLAW_AGENT_MODEL: "mine/gpt" }, "AGENT_FACTORY_MODEL_BASE_URL: is missing"],
  [
    { OPENCLAW_AGENT_MODEL: "mine/gpt", AGENT_FACTORY_MODEL_BASE_URL: "ftp://secret" },
    "AGENT_FACTORY_MODEL_BASE_URL: must be an http(s) address",
  ],
  [
    { OPENCLAW_AGENT_MODEL: "openai/gpt", OPENAI_API_KEY: "k", AGENT_FACTORY_OPENCLAW_USER: "me" },
    "AGENT_FACTORY_OPENCLAW_USER: must be <uid>:<gid>",
  ],
])("the settings %j are answered with one line", (env, line) => {
  expect(() => parseOpenClawSettings(env)).toThrow(line);
});

test("settings: providers with keys, the forwarded variables, the user", () => {
  const settings = parseOpenClawSettings({
    ...{ OPENCLAW_AGENT_MODEL: "moonshot/kimi/k2", MOONSHOT_API_KEY: " k ", OPENAI_API_KEY: "" },
    ...{ OPENCLAW_SERVICE_ID: "svc", OPENCLAW_SERVICE_KEY: " ", SECRET: "no" },
    AGENT_FACTORY_OPENCLAW_USER: "1000:1001",
  });
  expect(settings).toMatchObject({
    ...{ model: "moonshot/kimi/k2", transport: "websocket", user: { uid: 1000, gid: 1001 } },
    providers: [{ name: "moonshot", apiKey: "k" }],
    forwarded: { OPENCLAW_SERVICE_ID: "svc" },
  });
  expect(Object.keys(settings.forwarded)).toEqual(["OPENCLAW_SERVICE_ID"]);
});

const stateDir = () => join(dataDir, ".clawdbot");

test("a version that never ran leaves the memory to the one that wrote it", async () => {
  const { stamp } = await takeOver(stateDir(), "2026.9.6", "fresh");
  await keepStamp(stateDir(), stamp);
  // A newer one that does not start keeps no stamp.
  expect(await takeOver(stateDir(), "2026.12.1", "other")).toEqual({
    stamp: { openclawVersion: "2026.12.1", sessionKey: "fresh" },
    migrate: false,
  });
  expect((await takeOver(stateDir(), "2026.9.6", "other")).stamp).toEqual(stamp);
  await keepStamp(stateDir(), { openclawVersion: "2026.12.1", sessionKey: "fresh" });
  await expect(takeOver(stateDir(), "2026.9.6", "other")).rejects.toThrow(
    "The memory was written by OpenClaw 2026.12.1",
  );
});

test("a migration that did not end is begun again, with the session of the old memory", async () => {
  await put(".clawdbot/agents/main/sessions/old.jsonl");
  const first = await takeOver(stateDir(), "2026.9.6", "fresh");
  expect(first).toMatchObject({ migrate: true, stamp: { sessionKey: "agent:main:main" } });
  // The doctor had moved what tells that it is old.
  await rm(join(stateDir(), "agents"), { recursive: true });
  expect(await takeOver(stateDir(), "2026.9.6", "fresh")).toEqual(first);
  await keepStamp(stateDir(), first.stamp);
  expect(await takeOver(stateDir(), "2026.9.6", "fresh")).toEqual({ ...first, migrate: false });
});
