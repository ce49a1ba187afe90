import { convexTest, type TestConvex } from "convex-test";
import { anyApi, type ApiFromModules } from "convex/server";
import { beforeEach, describe, expect, it } from "vitest";
import schema from "../schema.js";
import {
  configureAgentProfile,
  linkTelegramBot,
  listProfiles,
  loadProfile,
  loadProfileByBotIdentity,
  patchPaused,
  telegramRefOf,
} from "./ops.js";
import type { ConfigureAgent } from "./validators.js";

const modules = import.meta.glob(["/src/component/**/*.ts", "!/src/component/**/*.test.ts"]);
type Modules = { "agents/host": typeof import("./host.public.js") };
const host = (anyApi as unknown as Record<string, ApiFromModules<Modules>["agents"]["host"]>)[
  "agents/host.public"
]!;

const ARGS: ConfigureAgent = { agentKey: "a", version: "1.0.0", secretsRef: [], enabled: true };
const BASE = ["convex.url", "fly.apiToken"];

let t: TestConvex<typeof schema>;
beforeEach(() => {
  t = convexTest(schema, modules);
});
const configure = async (changes: Partial<ConfigureAgent> = {}) =>
  await t.run(async (ctx) => await configureAgentProfile(ctx, { ...ARGS, ...changes }));
const profile = async (agentKey = "a") =>
  await t.run(async (ctx) => await loadProfile(ctx, agentKey));
const link = async (agentKey: string, botIdentity: string, secretRef?: string) =>
  await t.run(
    async (ctx) =>
      await linkTelegramBot(ctx, {
        agentKey,
        botIdentity,
        ...(secretRef === undefined ? {} : { secretRef }),
      }),
  );

describe("configureAgentProfile", () => {
  it("creates one profile per agent, and updates it in place", async () => {
    const first = await configure({ secretsRef: ["telegram.botToken"] });
    const second = await configure({ version: "2.0.0", companyId: "c1" });
    expect(second.id).toBe(first.id);
    const stored = await t.run(async (ctx) => await ctx.db.query("agentProfiles").take(10));
    expect(stored).toEqual([
      {
        _id: first.id,
        _creationTime: expect.any(Number),
        agentKey: "a",
        version: "2.0.0",
        secretsRef: [...BASE, "telegram.botToken"],
        enabled: true,
        companyId: "c1",
      },
    ]);
  });

  it("running a seed again keeps what onboarding added", async () => {
    const seed = { secretsRef: ["telegram.botToken"], botIdentity: "telegram-bot-default" };
    await configure(seed);
    await link("a", "4242", "telegram.botToken.a");
    await configure(seed);
    expect(await profile()).toMatchObject({
      botIdentity: "4242",
      secretsRef: expect.arrayContaining(["telegram.botToken", "telegram.botToken.a", ...BASE]),
    });
  });

  it("what is cleared is gone from the row", async () => {
    await configure({ botIdentity: "1", bridgeConfig: { enabled: true }, companyId: "c" });
    await configure({ botIdentity: "", clearBridgeConfig: true, companyId: "" });
    expect(Object.keys((await profile())!).sort()).toEqual(
      ["_creationTime", "_id", "agentKey", "enabled", "secretsRef", "version"].sort(),
    );
    expect((await profile())?.secretsRef).toEqual(BASE);
  });

  it("two agents cannot have one bot", async () => {
    await configure({ botIdentity: "42" });
    await expect(configure({ agentKey: "b", botIdentity: "42" })).rejects.toMatchObject({
      data: {
        code: "INVALID_ARGUMENT",
        message: "Telegram bot identity '42' is already assigned to agent 'a'",
      },
    });
    expect(await profile("b")).toBeNull();
    await configure({ botIdentity: "42", version: "2" });
    expect((await profile())?.version).toBe("2");
  });

  it("a profile of 3.x that shares its bot can still be updated", async () => {
    await t.run(async (ctx) => {
      for (const agentKey of ["a", "b"]) {
        await ctx.db.insert("agentProfiles", {
          agentKey,
          version: "1",
          secretsRef: [],
          enabled: true,
          botIdentity: "42",
        });
      }
    });
    await configure({ agentKey: "b", version: "2", botIdentity: "42" });
    expect(await profile("b")).toMatchObject({ version: "2", botIdentity: "42" });
  });

  it("tells when the agent starts or stops being runnable", async () => {
    const changes = [];
    for (const enabled of [true, true, false, false, true]) {
      const { runnable, runnableChanged } = await configure({ enabled });
      changes.push([runnable, runnableChanged]);
    }
    expect(changes).toEqual([
      [true, true],
      [true, false],
      [false, true],
      [false, false],
      [true, true],
    ]);
  });

  it("a paused agent stays paused, and enabling it makes nothing runnable", async () => {
    await configure({ enabled: false });
    await t.run(async (ctx) => {
      await patchPaused(ctx, (await loadProfile(ctx, "a"))!, 5);
    });
    expect(await configure({ enabled: true })).toMatchObject({
      runnable: false,
      runnableChanged: false,
    });
    expect((await profile())?.pausedAt).toBe(5);
  });
});

describe("patchPaused", () => {
  it("holds and lets go, and tells what changed", async () => {
    await configure();
    const change = async (pausedAt: number | null) =>
      await t.run(async (ctx) => await patchPaused(ctx, (await loadProfile(ctx, "a"))!, pausedAt));
    expect(await change(5)).toEqual({ runnable: false, runnableChanged: true });
    expect(await change(6)).toEqual({ runnable: false, runnableChanged: false });
    expect((await profile())?.pausedAt).toBe(6);
    expect(await change(null)).toEqual({ runnable: true, runnableChanged: true });
    expect(await profile()).not.toHaveProperty("pausedAt");
  });

  it("letting a disabled agent go makes nothing runnable", async () => {
    await configure({ enabled: false });
    const change = await t.run(
      async (ctx) => await patchPaused(ctx, (await loadProfile(ctx, "a"))!, null),
    );
    expect(change).toEqual({ runnable: false, runnableChanged: false });
  });
});

describe("linkTelegramBot", () => {
  it("adds the ref once, in front because the first token answers, and sets the identity", async () => {
    await configure();
    await link("a", "42", "telegram.botToken.a");
    await link("a", "42", "telegram.botToken.a");
    expect(await profile()).toMatchObject({
      botIdentity: "42",
      secretsRef: ["telegram.botToken.a", ...BASE],
    });
    expect((await t.run(async (ctx) => await loadProfileByBotIdentity(ctx, "42")))?.agentKey).toBe(
      "a",
    );
  });

  it.each([
    ["", "42", "INVALID_ARGUMENT", "agentKey and botIdentity are required"],
    ["a", " ", "INVALID_ARGUMENT", "agentKey and botIdentity are required"],
    ["none", "42", "AGENT_NOT_FOUND", "Agent profile 'none' not found"],
    ["a", "43", "INVALID_ARGUMENT", "Telegram bot identity '43' is already assigned to agent 'b'"],
  ])("agent '%s', bot '%s' -> %s", async (agentKey, botIdentity, code, message) => {
    await configure();
    await configure({ agentKey: "b", botIdentity: "43" });
    await expect(link(agentKey, botIdentity)).rejects.toMatchObject({ data: { code, message } });
  });

  it("the ref of an agent's token is its first Telegram ref, or the one scoped to it", async () => {
    await configure();
    expect(telegramRefOf((await profile())!)).toBe("telegram.botToken.a");
    await configure({ secretsRef: ["telegram.botToken"] });
    expect(telegramRefOf((await profile())!)).toBe("telegram.botToken");
  });
});

describe("queries", () => {
  beforeEach(async () => {
    await configure({ agentKey: "c", companyId: "x" });
    await configure({ agentKey: "a", companyId: "x", enabled: false });
    await configure({ agentKey: "b", companyId: "y", botIdentity: "42" });
    await configure({ agentKey: "d" });
  });

  it("getAgentProfile shows everything but ids, with null for what is absent", async () => {
    expect(await t.query(host.getAgentProfile, { agentKey: "b" })).toEqual({
      agentKey: "b",
      version: "1.0.0",
      secretsRef: BASE,
      botIdentity: "42",
      bridgeConfig: null,
      enabled: true,
      companyId: "y",
      pausedAt: null,
    });
    expect(await t.query(host.getAgentProfile, { agentKey: "none" })).toBeNull();
  });

  it.each([
    [{}, ["a", "b", "c", "d"]],
    [{ enabled: true }, ["b", "c", "d"]],
    [{ enabled: false }, ["a"]],
    [{ companyId: "x" }, ["a", "c"]],
    [{ companyId: "x", enabled: true }, ["c"]],
    [{ companyId: "none" }, []],
    [{ limit: 2 }, ["a", "b"]],
    [{ limit: 2, afterAgentKey: "b" }, ["c", "d"]],
    [{ limit: 0 }, ["a"]],
    [{ limit: NaN }, ["a", "b", "c", "d"]],
    [{ enabled: true, afterAgentKey: "c" }, ["d"]],
    [{ companyId: "x", afterAgentKey: "a" }, ["c"]],
  ])("listAgentProfiles(%j) -> %j", async (args, expected) => {
    const listed = await t.query(host.listAgentProfiles, args);
    expect(listed.map((view) => view.agentKey)).toEqual(expected);
  });

  it("companyId null lists the agents without a company", async () => {
    const listed = await t.run(async (ctx) => await listProfiles(ctx, { companyId: null }));
    expect(listed.map((row) => row.agentKey)).toEqual(["d"]);
  });

  it("lists at most 200", async () => {
    for (let i = 0; i < 200; i += 1) await configure({ agentKey: `z${i}` });
    expect(await t.query(host.listAgentProfiles, { limit: 1_000 })).toHaveLength(200);
    expect(await t.query(host.listAgentProfiles, {})).toHaveLength(100);
  });
});
