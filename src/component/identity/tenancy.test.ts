/** What one user's calls say about another's, and what senseless arguments do: nothing. */
import { beforeEach, describe, expect, test } from "vitest";
import { api } from "../_generated/api.js";
import { initTest, type T } from "../setup.test.js";
import { MAX_IDENTITY_TEXT_LENGTH } from "./validators.js";

const NOW = 1_800_000_000_000;
const ADA = { consumerUserId: "ada", agentKey: "a" };
const CHAT = { telegramUserId: "501", telegramChatId: "501" };

let t: T;
let code = "";
const configure = async (agentKey: string, botIdentity: string) =>
  await t.mutation(api.lib.configureAgent, {
    ...{ agentKey, version: "1", secretsRef: [], enabled: true, botIdentity },
  });
const stored = async () =>
  await t.run(async (ctx) => ({
    bindings: await ctx.db.query("identityBindings").take(500),
    codes: await ctx.db.query("pairingCodes").take(500),
  }));
/** Ada is bound to her agent and has a code that waits; Eve has nothing. */
beforeEach(async () => {
  t = initTest();
  await configure("a", "111");
  await configure("b", "222");
  await t.mutation(api.lib.bindUserAgent, {
    ...{ ...ADA, ...CHAT, metadata: { note: "private" }, nowMs: NOW },
  });
  code = (await t.mutation(api.lib.createPairingCode, { ...ADA, nowMs: NOW })).code;
});

/** Each reading function, asked for one user and agent; nobody else's rows may show. */
const reads: Record<string, (who: string, agent: string) => Promise<unknown>> = {
  resolveAgentForUser: async (consumerUserId) =>
    await t.query(api.lib.resolveAgentForUser, { consumerUserId }),
  getUserAgentBinding: async (consumerUserId) =>
    await t.query(api.lib.getUserAgentBinding, { consumerUserId }),
  getUserAgentPairingStatus: async (consumerUserId, agentKey) =>
    await t.query(api.lib.getUserAgentPairingStatus, { consumerUserId, agentKey, nowMs: NOW }),
  listUserAgents: async (consumerUserId) =>
    await t.query(api.lib.listUserAgents, { consumerUserId, nowMs: NOW }),
  getUserAgent: async (consumerUserId, agentKey) =>
    await t.query(api.lib.getUserAgent, { consumerUserId, agentKey, nowMs: NOW }),
  getActiveUserAgent: async (consumerUserId) =>
    await t.query(api.lib.getActiveUserAgent, { consumerUserId, nowMs: NOW }),
  getUserAgentsOverview: async (consumerUserId) =>
    await t.query(api.lib.getUserAgentsOverview, { consumerUserId, nowMs: NOW }),
  getUserAgentOnboardingState: async (consumerUserId, agentKey) =>
    await t.query(api.lib.getUserAgentOnboardingState, { consumerUserId, agentKey, nowMs: NOW }),
  getTelegramAgentReadiness: async (consumerUserId, agentKey) =>
    await t.query(api.lib.getTelegramAgentReadiness, { consumerUserId, agentKey }),
  getAgentOperationalReadiness: async (consumerUserId, agentKey) =>
    await t.query(api.lib.getAgentOperationalReadiness, { consumerUserId, agentKey }),
};
const NAMES = Object.keys(reads);
const SENSELESS = ["", " ", "\u0000", "ada ", "ADA", "ada\u200b", "__proto__", "x".repeat(5_000)];

describe("somebody else", () => {
  test.each(NAMES)("%s says nothing of Ada to Eve, asked about Ada's agent", async (name) => {
    const answer = JSON.stringify(await reads[name]?.("eve", "a"));
    for (const secret of ["ada", "501", "private", code]) expect(answer).not.toContain(secret);
    expect(answer).not.toMatch(/"(activeAgentKey)":"a"/);
  });

  test.each([
    "resolveAgentForUser",
    "getUserAgentBinding",
    "getUserAgentPairingStatus",
    "listUserAgents",
    "getUserAgent",
    "getActiveUserAgent",
    "getUserAgentsOverview",
    "getUserAgentOnboardingState",
  ])("%s says it to Ada", async (name) => {
    // What the test above looks for is there to be found.
    expect(JSON.stringify(await reads[name]?.("ada", "a"))).toMatch(new RegExp(`ada|${code}`));
  });

  test("revokes only what is their own", async () => {
    const before = await stored();
    expect(await t.mutation(api.lib.revokeUserAgentBinding, { consumerUserId: "eve" })).toEqual({
      revoked: 0,
    });
    expect(await stored()).toEqual(before);
  });

  test("is not found through another bot, nor by a chat that is another user's", async () => {
    const none = { consumerUserId: null, agentKey: null, conversationId: null };
    for (const sender of [
      { ...CHAT, botIdentity: "222" },
      { telegramUserId: "666", telegramChatId: "501", botIdentity: "111" },
      { telegramUserId: "666", botIdentity: "111" },
      { botIdentity: "111" },
      {},
    ])
      expect(await t.query(api.lib.resolveAgentForTelegram, sender)).toEqual(none);
    expect(
      await t.query(api.lib.resolveAgentForTelegram, { ...CHAT, botIdentity: "111" }),
    ).toMatchObject({ consumerUserId: "ada", agentKey: "a" });
  });

  test("cannot use a code at another bot, which leaves it as it was", async () => {
    const before = await stored();
    const sender = { telegramUserId: "666", telegramChatId: "666" };
    await expect(
      t.mutation(api.lib.consumePairingCode, { code, botIdentity: "222", ...sender, nowMs: NOW }),
    ).rejects.toMatchObject({ data: { code: "PAIRING_REFUSED" } });
    expect(await stored()).toEqual(before);
  });

  test("a new code of Eve's leaves Ada's pending", async () => {
    await t.mutation(api.lib.createPairingCode, {
      ...{ consumerUserId: "eve", agentKey: "a", nowMs: NOW },
    });
    await t.mutation(api.lib.createUserAgentPairing, {
      ...{ consumerUserId: "eve", agentKey: "b", nowMs: NOW },
    });
    expect(await t.query(api.lib.getPairingCodeStatus, { code, nowMs: NOW })).toMatchObject({
      status: "pending",
      consumerUserId: "ada",
    });
  });
});

describe("senseless arguments", () => {
  test.each(NAMES)("%s finds nothing for them", async (name) => {
    for (const text of SENSELESS) {
      const answer = JSON.stringify(await reads[name]?.(text, text));
      for (const secret of ["501", "private", code, '"a"']) expect(answer).not.toContain(secret);
    }
  });

  test("a code that is none is not found, and binds nobody", async () => {
    const before = await stored();
    for (const text of [...SENSELESS, code.slice(1), `${code} `, `${code}\n${code}`]) {
      expect(await t.query(api.lib.getPairingCodeStatus, { code: text })).toBeNull();
      await expect(
        t.mutation(api.lib.consumePairingCode, { code: text, botIdentity: "111", ...CHAT }),
      ).rejects.toMatchObject({ data: { code: "PAIRING_REFUSED" } });
    }
    expect(await stored()).toEqual(before);
  });

  const long = "x".repeat(MAX_IDENTITY_TEXT_LENGTH + 1);
  test.each([
    ["consumerUserId", ""],
    ["consumerUserId", long],
    ["telegramUserId", " "],
    ["telegramUserId", long],
    ["telegramChatId", ""],
    ["telegramChatId", long],
    ["botIdentity", " "],
    ["botIdentity", long],
  ])("bindUserAgent refuses a blank or endless %s and changes nothing", async (field, value) => {
    const before = await stored();
    await expect(
      t.mutation(api.lib.bindUserAgent, { ...ADA, ...CHAT, [field]: value }),
    ).rejects.toMatchObject({ data: { code: "INVALID_ARGUMENT" } });
    expect(await stored()).toEqual(before);
  });

  test.each(["telegramUserId", "telegramChatId"])(
    "consumePairingCode refuses a blank or endless %s and the code stays good",
    async (field) => {
      for (const value of ["", " ", long])
        await expect(
          t.mutation(api.lib.consumePairingCode, {
            ...{ code, botIdentity: "111", ...CHAT, nowMs: NOW },
            [field]: value,
          }),
        ).rejects.toMatchObject({ data: { code: "INVALID_ARGUMENT" } });
      expect(
        await t.mutation(api.lib.consumePairingCode, {
          ...{ code, botIdentity: "111", ...CHAT, nowMs: NOW },
        }),
      ).toMatchObject({ status: "used" });
    },
  );

  test("no code for a user or an agent that makes no sense", async () => {
    const before = await stored();
    for (const consumerUserId of ["", " ", long])
      await expect(
        t.mutation(api.lib.createPairingCode, { consumerUserId, agentKey: "a" }),
      ).rejects.toMatchObject({ data: { code: "INVALID_ARGUMENT" } });
    for (const agentKey of SENSELESS)
      await expect(
        t.mutation(api.lib.createUserAgentPairing, { consumerUserId: "ada", agentKey }),
      ).rejects.toMatchObject({ data: { code: "AGENT_NOT_READY" } });
    expect(await stored()).toEqual(before);
  });

  test("getRequiredSecretRefs names no other agent's secrets", async () => {
    await t.mutation(api.lib.configureAgent, {
      ...{ agentKey: "a", version: "1", enabled: true, secretsRef: ["telegram.botToken.a"] },
    });
    for (const agentKey of ["b", ...SENSELESS]) {
      const { secretRefs } = await t.query(api.lib.getRequiredSecretRefs, { agentKey });
      expect(secretRefs).not.toContain("telegram.botToken.a");
    }
    const own = await t.query(api.lib.getRequiredSecretRefs, { agentKey: "a" });
    expect(own.secretRefs).toContain("telegram.botToken.a");
  });
});
