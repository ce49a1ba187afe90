/** The webhook over HTTP: who gets in, who is paired, who hears what. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  ADA,
  BOT,
  EVE,
  IGNORED,
  NO_BINDING,
  NO_SECRET,
  OK,
  SITE,
  TOKEN,
  bind,
  heard,
  isolate,
  lib,
  message,
  pairingOf,
  start,
  startApp,
} from "./telegram.fixture.js";

isolate({ beforeEach, afterEach });

describe("who gets in", () => {
  test.each([
    ["no header", () => null],
    ["an empty header", () => ""],
    ["the guessable secret of 3.1", () => `af_v1_${BOT}`],
    ["a forged secret of this bot", () => `af_v2_${BOT}_${"x".repeat(43)}`],
    ["the right random part for another bot", (s: string) => s.replace(String(BOT), "77")],
    ["a secret with something behind it", (s: string) => `${s}x`],
  ])("%s is refused with 403 and writes nothing", async (_what, forge) => {
    const app = await startApp();
    const before = await app.dump();
    for (const body of [message(), start("/start AAAAAAAAAA"), "not json"])
      expect(await app.post(body, forge(app.secret()))).toEqual({ ...NO_SECRET, retryAfter: null });
    expect(await app.dump()).toEqual(before);
  });

  test("a rotated secret opens; the former one for ten minutes more", async () => {
    const app = await startApp();
    const former = app.secret();
    await app.t.action(async (ctx) => {
      await ctx.runAction(lib.configureTelegramWebhook, {
        convexSiteUrl: SITE,
        agentKey: "default",
      });
    });
    expect(app.secret()).not.toBe(former);
    expect(await app.post(message(), former)).toMatchObject(OK);
    expect(await app.post(message())).toMatchObject(OK);
    vi.advanceTimersByTime(10 * 60_000 + 1);
    expect(await app.post(message(), former)).toMatchObject(NO_SECRET);
    expect(await app.post(message())).toMatchObject(OK);
  });

  test("a setWebhook that Telegram refuses leaves the working secret in place", async () => {
    const app = await startApp();
    // Two settings within a second are too many.
    const again = app.t.action(async (ctx) => {
      await ctx.runAction(lib.configureTelegramWebhook, { convexSiteUrl: SITE });
      await ctx.runAction(lib.configureTelegramWebhook, { convexSiteUrl: SITE });
    });
    await expect(again).rejects.toThrow("Telegram setWebhook failed: Too Many Requests");
    expect(await app.post(message())).toMatchObject(OK);
  });

  test("neither secret nor token is stored or told", async () => {
    const app = await startApp();
    const secret = app.secret();
    await app.post(message());
    for (const table of ["telegramBots", "secrets", "messageQueue", "agentProfiles"]) {
      const text = JSON.stringify(await app.rows(table));
      expect(text).not.toContain(secret);
      expect(text).not.toContain(TOKEN);
    }
  });

  test("unsigned updates are an option for bots that were not set up yet", async () => {
    const app = await startApp({ allowUnsignedTelegramWebhooks: true }, false);
    expect(await app.post(message(), null)).toMatchObject(OK);
    expect(await app.post(message(), `af_v1_${BOT}`)).toMatchObject(OK);
    const secured = await startApp({ allowUnsignedTelegramWebhooks: true });
    expect(await secured.post(message(), `af_v1_${BOT}`)).toMatchObject(NO_SECRET);
  });
});

describe("pairing", () => {
  test("a code binds the sender, tells the chat once, and succeeds again when Telegram repeats it", async () => {
    const app = await startApp({ requireBindingForTelegram: true });
    const { pairing, deepLink } = await pairingOf(app);
    expect(pairing.code).toMatch(/^[0-9A-Z]{10}$/);
    expect(deepLink).toBe(`https://t.me/helper_bot?start=${pairing.code}`);
    const update = start(`/start ${pairing.code}`);
    const used = {
      status: 200,
      body: {
        ok: true,
        pairing: { status: "used", consumerUserId: "ada", agentKey: "default" },
      },
    };
    expect(await app.post(update)).toMatchObject(used);
    expect(await app.post(update)).toMatchObject(used);
    await app.settle();
    expect(heard(app)).toEqual([[ADA, expect.stringContaining("now linked")]]);
    expect(await app.post(message())).toMatchObject(OK);
    expect(await app.rows("messageQueue")).toMatchObject([
      { conversationId: "user-agent:default:ada" },
    ]);
  });

  test("/start@bot, lower case and spaces are understood; another bot's command is not ours", async () => {
    const app = await startApp();
    const { pairing } = await pairingOf(app);
    expect(await app.post(start(`/start@other_bot ${pairing.code}`))).toMatchObject(IGNORED);
    const answer = await app.post(start(`/start@Helper_Bot  ${pairing.code.toLowerCase()} `));
    expect(answer.body).toMatchObject({ pairing: { status: "used" } });
  });

  test.each([
    ["an unknown code", "/start AAAAAAAAAA", "Pairing code not found", "do not know"],
    [
      "no code",
      "/start",
      "missing or invalid pairing code in /start command",
      "open the link that the app shows",
    ],
    [
      "something that cannot be a code",
      "/start a b",
      "missing or invalid pairing code in /start command",
      "open the link that the app shows",
    ],
  ])("%s: 200 with the error, and an answer in the chat", async (_what, text, error, notice) => {
    const app = await startApp();
    const failed = { status: 200, body: { ok: true, pairing: { status: "failed", error } } };
    const update = start(text);
    expect(await app.post(update)).toMatchObject(failed);
    expect(await app.post(update)).toMatchObject(failed);
    await app.settle();
    expect(heard(app)).toEqual([[ADA, expect.stringContaining(notice)]]);
    expect(await app.rows("messageQueue")).toEqual([]);
  });

  test("an expired code is refused, said so, and written down", async () => {
    const app = await startApp();
    const { pairing } = await pairingOf(app, "ada", 60_000);
    vi.advanceTimersByTime(60_001);
    const { body } = await app.post(start(`/start ${pairing.code}`));
    expect(body).toMatchObject({ pairing: { status: "failed", error: "Pairing code expired" } });
    expect(await app.rows("pairingCodes")).toMatchObject([{ status: "expired" }]);
    await app.settle();
    expect(heard(app)).toEqual([[ADA, expect.stringContaining("expired")]]);
  });

  test("a used code is refused to somebody else", async () => {
    const app = await startApp();
    const { pairing } = await pairingOf(app);
    await app.post(start(`/start ${pairing.code}`));
    expect((await app.post(start(`/start ${pairing.code}`, EVE))).body).toMatchObject({
      pairing: { status: "failed", error: "Pairing code already used or expired" },
    });
  });

  test("after five wrong codes even a right one waits; other chats do not", async () => {
    const app = await startApp();
    const { pairing } = await pairingOf(app);
    for (let i = 0; i < 5; i++) await app.post(start(`/start WRONG${i}`, EVE));
    const right = `/start ${pairing.code}`;
    expect((await app.post(start(right, EVE))).body).toMatchObject({
      pairing: { status: "failed", error: expect.stringContaining("Too many wrong") },
    });
    expect((await app.post(start(right))).body).toMatchObject({ pairing: { status: "used" } });
  });

  test("/startling is a message like any other", async () => {
    const app = await startApp();
    expect(await app.post(start("/startling news"))).toMatchObject(OK);
  });
});

describe("groups", () => {
  const GROUP = { id: -1_001_234, type: "supergroup" };

  test("a bound user's message in a group stays out of the user's own conversation", async () => {
    const app = await startApp();
    await bind(app, "ada", ADA);
    expect(await app.post(message({}, ADA, GROUP))).toMatchObject(OK);
    expect(await app.post(message())).toMatchObject(OK);
    expect((await app.rows("messageQueue")).map((row) => row["conversationId"])).toEqual([
      `telegram:${BOT}:${GROUP.id}`,
      "user-agent:default:ada",
    ]);
  });

  test("a group that 3.x paired lends nobody the user's conversation", async () => {
    const app = await startApp();
    await bind(app, "ada", ADA, { telegramChatId: String(GROUP.id) });
    expect(await app.post(message({}, EVE, GROUP))).toMatchObject(OK);
    expect(await app.rows("messageQueue")).toMatchObject([
      { conversationId: `telegram:${BOT}:${GROUP.id}` },
    ]);
  });

  test("with required bindings strangers in a group are refused", async () => {
    const app = await startApp({ requireBindingForTelegram: true });
    await bind(app, "ada", ADA);
    expect(await app.post(message({}, EVE, GROUP))).toMatchObject(NO_BINDING);
    expect(await app.post(message({}, ADA, GROUP))).toMatchObject(OK);
  });

  test("a code sent to a group pairs nobody and stays unused", async () => {
    const app = await startApp();
    const { pairing } = await pairingOf(app);
    const { body } = await app.post(start(`/start ${pairing.code}`, ADA, GROUP));
    expect(body).toMatchObject({ pairing: { status: "failed" } });
    expect(await app.rows("identityBindings")).toEqual([]);
    expect(await app.rows("pairingCodes")).toMatchObject([{ status: "pending" }]);
  });

  test("a binding counts only for its user, also in a chat that it names", async () => {
    const app = await startApp();
    await bind(app, "ada", ADA, { telegramChatId: String(EVE) });
    expect(await app.post(message({}, EVE))).toMatchObject(OK);
    expect(await app.rows("messageQueue")).toMatchObject([
      { conversationId: `telegram:${BOT}:${EVE}` },
    ]);
  });

  test("an agent that the app chose does not get the binding's conversation of another", async () => {
    const app = await startApp({ resolveAgentKey: () => "other" });
    await app.t.mutation(async (ctx) => {
      await ctx.runMutation(lib.configureAgent, {
        agentKey: "other",
        version: "1",
        secretsRef: [],
        enabled: true,
      });
    });
    await bind(app, "ada", ADA);
    expect(await app.post(message())).toMatchObject(OK);
    expect(await app.rows("messageQueue")).toMatchObject([
      { agentKey: "other", conversationId: `telegram:${BOT}:${ADA}` },
    ]);
  });
});

describe("edits and blocks", () => {
  test("an edit changes what still waits; an older one, or another person's, does not", async () => {
    const app = await startApp();
    const sent = message({ text: "first" });
    await app.post(sent);
    const edit = async (text: string, edit_date: number, from = ADA) =>
      await app.post({
        update_id: 99 + edit_date,
        edited_message: { ...sent.message, from: { id: from }, text, edit_date },
      });
    const text = async () =>
      (await app.rows("messageQueue")).map(
        (row) => (row["payload"] as { messageText: string }).messageText,
      );
    expect(await edit("third", 30)).toMatchObject(IGNORED);
    await edit("second", 20);
    await edit("forged", 40, EVE);
    expect(await text()).toEqual(["third"]);
  });

  test("a user who blocks the bot is listed until heard of again; the binding stays", async () => {
    const app = await startApp();
    await bind(app, "ada", ADA);
    const membership = (update_id: number, status: string) => ({
      update_id,
      my_chat_member: {
        chat: { id: ADA, type: "private" },
        from: { id: ADA },
        new_chat_member: { status },
      },
    });
    expect(await app.post(membership(1, "kicked"))).toMatchObject(IGNORED);
    expect(await app.rows("telegramBlockedChats")).toMatchObject([{ telegramChatId: "501" }]);
    expect(await app.rows("identityBindings")).toMatchObject([{ status: "active" }]);
    await app.post(message());
    expect(await app.rows("telegramBlockedChats")).toEqual([]);
    // A repetition of the old update says nothing new.
    await app.post(membership(1, "kicked"));
    expect(await app.rows("telegramBlockedChats")).toEqual([]);
  });
});
