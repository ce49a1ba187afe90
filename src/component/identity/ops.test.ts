import { beforeEach, describe, expect, test } from "vitest";
import { api } from "../_generated/api.js";
import { initTest, type T } from "../setup.test.js";
import { userAgentTarget } from "./ops.js";

let t: T;
const ada = { consumerUserId: "ada", agentKey: "a" };
const configure = async (agentKey: string, botIdentity?: string) =>
  await t.mutation(api.lib.configureAgent, {
    agentKey,
    version: "1",
    secretsRef: [],
    enabled: true,
    ...(botIdentity === undefined ? {} : { botIdentity }),
  });
const active = async () =>
  (await t.run(async (ctx) => await ctx.db.query("identityBindings").take(500)))
    .filter((row) => row.status === "active")
    .map((row) => `${row.consumerUserId}/${row.agentKey}/${row.telegramUserId ?? "-"}`);

beforeEach(async () => {
  t = initTest();
  await configure("a", "42");
  await configure("b", "43");
});

describe("bindUserAgent", () => {
  test("one active binding per user, and per Telegram account of a bot", async () => {
    await t.mutation(api.lib.bindUserAgent, { ...ada, telegramUserId: "1", telegramChatId: "1" });
    await t.mutation(api.lib.bindUserAgent, { ...ada, consumerUserId: "bob", telegramUserId: "1" });
    expect(await active()).toEqual(["bob/a/1"]);
    await t.mutation(api.lib.bindUserAgent, { ...ada, agentKey: "b", telegramUserId: "1" });
    // The same account at another bot is another chat.
    expect(await active()).toEqual(["bob/a/1", "ada/b/1"]);
    await t.mutation(api.lib.bindUserAgent, ada);
    expect(await active()).toEqual(["bob/a/1", "ada/a/-"]);
  });

  test("the view, with metadata of before", async () => {
    await t.mutation(api.lib.bindUserAgent, { ...ada, metadata: { displayName: "Ada" }, nowMs: 5 });
    const again = await t.mutation(api.lib.bindUserAgent, {
      ...ada,
      telegramChatId: "9",
      metadata: { note: "x" },
      nowMs: 5,
    });
    expect(again).toEqual({
      ...ada,
      conversationId: "user-agent:a:ada",
      botIdentity: "42",
      status: "active",
      source: "api",
      telegramUserId: null,
      telegramChatId: "9",
      metadata: { displayName: "Ada", note: "x" },
      boundAt: 6,
      revokedAt: null,
    });
    expect(await t.query(api.lib.getUserAgentBinding, { consumerUserId: "ada" })).toEqual(again);
  });

  test("refusals", async () => {
    await configure("c");
    await expect(t.mutation(api.lib.bindUserAgent, { ...ada, agentKey: "x" })).rejects.toThrow(
      "Agent profile 'x' not found",
    );
    await expect(
      t.mutation(api.lib.bindUserAgent, { ...ada, agentKey: "c", telegramUserId: "1" }),
    ).rejects.toThrow("Agent 'c' is missing botIdentity");
    await expect(
      t.mutation(api.lib.bindUserAgent, { ...ada, consumerUserId: " " }),
    ).rejects.toThrow("consumerUserId must have");
  });

  test("revoking, resolving, and where messages go", async () => {
    await t.mutation(api.lib.bindUserAgent, { ...ada, telegramUserId: "1", telegramChatId: "7" });
    const target = async () => await t.run(async (ctx) => await userAgentTarget(ctx, ada));
    expect(await target()).toMatchObject({
      provider: "telegram",
      providerUserId: "1",
      active: true,
      chatBlocked: false,
    });
    const of = async (args: object) => await t.query(api.lib.resolveAgentForTelegram, args);
    expect(await of({ botIdentity: "42", telegramUserId: "1" })).toMatchObject({ agentKey: "a" });
    expect(await of({ botIdentity: "43", telegramUserId: "1" })).toMatchObject({ agentKey: null });
    expect(await of({ telegramUserId: "2", telegramChatId: "7" })).toMatchObject({
      agentKey: null,
    });
    expect(await of({ telegramChatId: "7" })).toMatchObject({ consumerUserId: "ada" });
    expect(await t.mutation(api.lib.revokeUserAgentBinding, { consumerUserId: "ada" })).toEqual({
      revoked: 1,
    });
    expect(await target()).toMatchObject({ provider: "telegram", active: false });
    expect(await t.query(api.lib.resolveAgentForUser, { consumerUserId: "ada" })).toEqual({
      consumerUserId: "ada",
      agentKey: null,
    });
    expect(
      await t.run(async (ctx) => await userAgentTarget(ctx, { ...ada, consumerUserId: "new" })),
    ).toMatchObject({
      conversationId: "user-agent:a:new",
      provider: "system_push",
      providerUserId: "new",
      binding: null,
    });
  });
});

describe("pairing codes", () => {
  test("a new code ends the former one; the sender may repeat it", async () => {
    const first = await t.mutation(api.lib.createPairingCode, ada);
    const second = await t.mutation(api.lib.createPairingCode, ada);
    const status = async (code: string) =>
      (await t.query(api.lib.getPairingCodeStatus, { code }))?.status;
    expect(await status(first.code)).toBe("expired");
    expect(await t.query(api.lib.getUserAgentPairingStatus, ada)).toEqual(second);
    const sender = { code: second.code, telegramUserId: "1", telegramChatId: "1" };
    await t.mutation(api.lib.consumePairingCode, { ...sender, botIdentity: "42" });
    expect(await t.mutation(api.lib.consumePairingCode, sender)).toMatchObject({ status: "used" });
    expect(await active()).toEqual(["ada/a/1"]);
    await expect(
      t.mutation(api.lib.consumePairingCode, { ...sender, telegramUserId: "2" }),
    ).rejects.toThrow("Pairing code already used or expired");
    expect(await t.query(api.lib.getUserAgentsOverview, { consumerUserId: "ada" })).toMatchObject({
      activeAgentKey: "a",
      canCreateNewAgent: false,
      agents: [{ agentKey: "a", status: "active", pairingStatus: "used" }],
    });
  });

  test("an agent without a bot, disabled or missing gives none", async () => {
    await configure("c");
    await expect(t.mutation(api.lib.createPairingCode, { ...ada, agentKey: "c" })).rejects.toThrow(
      "Import and verify the Telegram token first.",
    );
    await expect(t.mutation(api.lib.createPairingCode, { ...ada, agentKey: "x" })).rejects.toThrow(
      "Agent profile 'x' not found or disabled",
    );
  });
});

test("the soft reset marks and ends what names no bot, and nothing else, in batches", async () => {
  const row = { ...ada, conversationId: "c", boundAt: 1, status: "active" as const };
  await t.run(async (ctx) => {
    for (let i = 0; i < 201; i++)
      await ctx.db.insert("identityBindings", { ...row, source: "telegram_pairing" });
    await ctx.db.insert("identityBindings", { ...row, source: "api" });
    await ctx.db.insert("identityBindings", {
      ...row,
      source: "telegram_pairing",
      botIdentity: "42",
    });
  });
  const run = async () => await t.mutation(api.lib.softResetTelegramBindingsMissingBotIdentity, {});
  expect(await run()).toMatchObject({ revokedBindings: 200, annotatedBindings: 200, more: true });
  expect(await run()).toMatchObject({ revokedBindings: 1, more: false });
  expect(await active()).toHaveLength(2);
});
