/** What becomes of everything else than plain text: places, buttons, topics, groups that move, agents of other bots. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SAMPLES } from "../../component/telegram/samples.fixture.js";
import {
  ADA,
  BOT,
  EVE,
  IGNORED,
  NO_BINDING,
  OK,
  QUARANTINED,
  bind,
  heard,
  isolate,
  lib,
  message,
  payloads,
  startApp,
  type App,
} from "./telegram.fixture.js";

isolate({ beforeEach, afterEach });

const texts = async (app: App) => (await payloads(app)).map(({ messageText }) => messageText);
const calls = (app: App, method: string) =>
  app.telegram.control.log().filter((entry) => entry.method === method).length;

describe("contents", () => {
  test.each([
    ["location", "[location] 45.46, 9.19"],
    ["venue", "[venue] Duomo, Piazza del Duomo (45.46, 9.19)"],
    ["contact", "[contact] Bob Stone, +39 02 1234"],
    ["dice", "[dice] 🎲 4"],
  ] as const)("a %s is a turn in words, once", async (name, words) => {
    const app = await startApp();
    for (let i = 0; i < 2; i++) expect(await app.post(SAMPLES[name])).toMatchObject(OK);
    expect(await texts(app)).toEqual([words]);
  });

  test("a live location that moves while it waits is where it moved to", async () => {
    const app = await startApp();
    const sent = message({ text: undefined, location: { latitude: 1, longitude: 2 } });
    await app.post(sent);
    const location = { latitude: 3, longitude: 4 };
    await app.post({ update_id: 5, edited_message: { ...sent.message, location, edit_date: 9 } });
    expect(await texts(app)).toEqual(["[location] 3, 4"]);
  });

  test("a place right behind a photo is not its caption", async () => {
    const app = await startApp();
    await app.post(message({ text: undefined, photo: [{ file_id: "p" }] }));
    await app.post(message({ text: undefined, location: { latitude: 1, longitude: 2 } }));
    expect(await texts(app)).toEqual(["[telegram media] photo message", "[location] 1, 2"]);
  });

  test("what cannot be read is ignored, and the person is told once; a group is not", async () => {
    const app = await startApp();
    const story = message({ text: undefined, story: { id: 1 } });
    for (let i = 0; i < 2; i++) expect(await app.post(story)).toMatchObject(IGNORED);
    const group = { id: -100_5, type: "supergroup" };
    await app.post(message({ text: undefined, story: { id: 1 } }, ADA, group));
    await app.settle();
    expect(heard(app)).toEqual([[ADA, expect.stringContaining("(story)")]]);
    expect(await app.rows("messageQueue")).toEqual([]);
  });
});

describe("buttons", () => {
  test("a press is a turn of who pressed, acknowledged at once and once", async () => {
    const app = await startApp();
    for (let i = 0; i < 3; i++) expect(await app.post(SAMPLES.callback)).toMatchObject(OK);
    await app.settle(200);
    expect(calls(app, "answerCallbackQuery")).toBe(1);
    expect(await app.rows("messageQueue")).toMatchObject([
      {
        conversationId: `telegram:${BOT}:${ADA}`,
        payload: {
          messageText: "yes",
          providerUserId: String(ADA),
          externalMessageId: "99001",
          metadata: { telegramChatId: String(ADA), telegramCallbackQueryId: "99001" },
        },
      },
    ]);
  });

  test("two presses of the same button are two turns", async () => {
    const app = await startApp();
    const { callback_query: pressed } = SAMPLES.callback;
    await app.post(SAMPLES.callback);
    await app.post({ update_id: 77, callback_query: { ...pressed, id: "99003" } });
    expect(await texts(app)).toEqual(["yes", "yes"]);
  });

  test("a button of a message elsewhere is acknowledged and ignored", async () => {
    const app = await startApp();
    for (let i = 0; i < 2; i++)
      expect(await app.post(SAMPLES.inlineCallback)).toMatchObject(IGNORED);
    await app.settle(200);
    expect(calls(app, "answerCallbackQuery")).toBe(1);
    expect(await app.rows("messageQueue")).toEqual([]);
  });

  test("a button cannot pair, whatever it says", async () => {
    const app = await startApp();
    const pressed = { ...SAMPLES.callback.callback_query, data: "/start ABCDEFGH12" };
    expect(await app.post({ update_id: 1, callback_query: pressed })).toMatchObject(OK);
    expect(await texts(app)).toEqual(["/start ABCDEFGH12"]);
  });

  test("the app is asked for an agent with who pressed as the sender", async () => {
    const seen: unknown[] = [];
    const app = await startApp({
      resolveAgentKey: ({ message: said }) => {
        seen.push([said?.from?.id, said?.chat?.id, said?.text]);
        return undefined;
      },
    });
    await app.post(SAMPLES.callback);
    expect(seen).toEqual([[ADA, ADA, "yes"]]);
  });

  test("with required bindings a stranger's press is refused", async () => {
    const app = await startApp({ requireBindingForTelegram: true });
    expect(await app.post(SAMPLES.callback)).toMatchObject(NO_BINDING);
    expect(await app.post(SAMPLES.callback)).toMatchObject(IGNORED);
  });
});

describe("topics", () => {
  test("the topic goes all the way to the worker", async () => {
    const app = await startApp();
    await app.post(SAMPLES.topic);
    const job = await app.t.mutation(
      async (ctx) => await ctx.runMutation(lib.claim, { workerId: "w1" }),
    );
    const bundle = await app.t.query(
      async (ctx) =>
        await ctx.runQuery(lib.getHydrationBundle, {
          messageId: job?.messageId ?? "",
          workspaceId: "default",
        }),
    );
    expect(bundle?.payload.metadata).toMatchObject({
      telegramThreadId: "7",
      telegramChatId: String(SAMPLES.topic.message.chat.id),
    });
  });

  test("a thread of replies in a group without topics is none", async () => {
    const app = await startApp();
    await app.post(message({ message_thread_id: 7 }, ADA, { id: -100_5, type: "supergroup" }));
    expect((await payloads(app))[0]?.metadata).not.toHaveProperty("telegramThreadId");
  });

  test("a text in another topic is not the caption of a photo", async () => {
    const app = await startApp();
    const forum = { id: -100_5, type: "supergroup" };
    const inTopic = (thread: number, more: object) =>
      message({ is_topic_message: true, message_thread_id: thread, ...more }, ADA, forum);
    await app.post(inTopic(7, { text: undefined, photo: [{ file_id: "p" }] }));
    await app.post(inTopic(8, { text: "something else" }));
    await app.post(inTopic(7, { text: "its caption" }));
    expect(await texts(app)).toEqual(["its caption", "something else"]);
  });

  test("an answer of the component goes to the topic as well", async () => {
    const app = await startApp();
    const where = { is_topic_message: true, message_thread_id: 7 };
    await app.post(
      message({ text: "/start ABCDEFGH", ...where }, ADA, { id: -100_5, type: "supergroup" }),
    );
    await app.settle();
    expect(app.telegram.control.sent(BOT)).toMatchObject([{ chatId: -100_5, threadId: 7 }]);
  });
});

describe("a group that becomes a supergroup", () => {
  const { chat: oldChat } = SAMPLES.migrateTo.message;
  const { chat: newChat } = SAMPLES.migrateFrom.message;
  const said = (text: string, chat: object) => message({ text }, ADA, chat);

  test.each([
    ["told by the old chat", ["migrateTo"]],
    ["told by the new chat", ["migrateFrom"]],
    ["told by both, and again", ["migrateFrom", "migrateTo", "migrateFrom"]],
  ] as const)("%s: conversation, binding and what waits follow", async (_how, order) => {
    const app = await startApp();
    await bind(app, "ada", ADA, { telegramChatId: String(oldChat.id) });
    await app.insert("telegramBlockedChats", {
      botIdentity: String(BOT),
      telegramChatId: String(oldChat.id),
      reason: "gone",
      since: 1,
    });
    await app.post(said("before", oldChat));
    for (const name of order) expect(await app.post(SAMPLES[name])).toMatchObject(IGNORED);
    await app.post(said("after", newChat));

    expect(await app.rows("messageQueue")).toMatchObject([
      {
        conversationId: `telegram:${BOT}:${oldChat.id}`,
        payload: { messageText: "before", metadata: { telegramChatId: String(newChat.id) } },
      },
      {
        conversationId: `telegram:${BOT}:${oldChat.id}`,
        payload: { messageText: "after", metadata: { telegramChatId: String(newChat.id) } },
      },
    ]);
    expect(await app.rows("identityBindings")).toMatchObject([
      { status: "active", telegramChatId: String(newChat.id) },
    ]);
    expect(await app.rows("telegramBlockedChats")).toEqual([]);
    expect(await app.rows("telegramChatMoves")).toHaveLength(1);
  });

  test("told when the component writes to it", async () => {
    const app = await startApp();
    app.telegram.control.fault({
      match: { action: "sendMessage" },
      times: 1,
      effect: {
        kind: "status",
        status: 400,
        json: {
          ok: false,
          error_code: 400,
          description: "Bad Request: group chat was upgraded to a supergroup chat",
          parameters: { migrate_to_chat_id: newChat.id },
        },
      },
    });
    await app.post(said("/start ABCDEFGH", oldChat));
    await app.settle();
    expect(heard(app)).toEqual([[newChat.id, expect.stringContaining("private chat")]]);
    expect(await app.rows("telegramChatMoves")).toMatchObject([{ toChatId: String(newChat.id) }]);
  });
});

describe("an agent of another bot", () => {
  const withOther = async (options: Parameters<typeof startApp>[0]) => {
    const app = await startApp(options);
    await app.configure("other", { botIdentity: "777" });
    return app;
  };

  test("chosen by the app: the receiving bot's agent answers", async () => {
    const app = await withOther({ resolveAgentKey: () => "other" });
    expect(await app.post(message())).toMatchObject(OK);
    expect(await app.rows("messageQueue")).toMatchObject([{ agentKey: "default" }]);
  });

  test("chosen by the app, for a bound user: the user's own conversation with this bot", async () => {
    const app = await withOther({ resolveAgentKey: () => "other" });
    await bind(app, "ada", ADA);
    expect(await app.post(message())).toMatchObject(OK);
    expect(await app.rows("messageQueue")).toMatchObject([
      { agentKey: "default", conversationId: "user-agent:default:ada" },
    ]);
  });

  test("the fallback: put away, and nobody answers with another bot's token", async () => {
    const app = await startApp({ allowUnsignedTelegramWebhooks: true, fallbackAgentKey: "other" });
    await app.configure("other", { botIdentity: "777" });
    expect(await app.post(message({}, EVE), "af_v1_999")).toMatchObject(QUARANTINED);
    expect(await app.rows("telegramQuarantine")).toMatchObject([
      { reason: "agent_of_another_bot", detail: expect.stringContaining("'other'") },
    ]);
  });

  test("an agent without a bot may be shared; the identity that 3.x seeded is none", async () => {
    const app = await startApp({ resolveAgentKey: ({ message: m }) => m?.text });
    await app.configure("shared");
    await app.configure("seeded", { botIdentity: "telegram-bot-default" });
    expect(await app.post(message({ text: "shared" }, 1))).toMatchObject(OK);
    expect(await app.post(message({ text: "seeded" }, 2))).toMatchObject(OK);
    expect(await app.rows("messageQueue")).toMatchObject([
      { agentKey: "shared" },
      { agentKey: "seeded" },
    ]);
  });
});

describe("sending in again", () => {
  const listed = async (app: App) =>
    await app.t.query(async (ctx) => await ctx.runQuery(lib.listQuarantinedTelegramUpdates, {}));
  const resubmit = async (app: App, quarantineId: string, agentKey?: string) =>
    await app.t.mutation(
      async (ctx) =>
        await ctx.runMutation(lib.resubmitQuarantinedTelegramUpdate, {
          quarantineId,
          ...(agentKey === undefined ? {} : { agentKey }),
        }),
    );

  test("refused while the cause is there, then enqueued once, whoever repeats it", async () => {
    const app = await startApp();
    await app.configure("default", { enabled: false });
    const update = message({ text: "help" });
    await app.post(update);
    const [row] = await listed(app);
    const id = row?.quarantineId ?? "";
    expect(row).toMatchObject({ reason: "agent_unavailable", messageId: null });
    expect(await resubmit(app, id)).toMatchObject({
      status: "refused",
      reason: "agent_unavailable",
    });
    await app.configure("default");
    const sent = await resubmit(app, id);
    expect(sent).toMatchObject({ status: "enqueued" });
    expect(await resubmit(app, id)).toEqual(sent);
    expect(await app.post(update)).toMatchObject(OK);
    expect(await app.rows("messageQueue")).toMatchObject([
      { payload: { messageText: "help", providerUserId: String(ADA) } },
    ]);
    expect(await listed(app)).toMatchObject([{ messageId: expect.any(String) }]);
  });

  test("to an agent that the operator names", async () => {
    const app = await startApp({ resolveAgentKey: () => "missing" });
    await app.post(message());
    const id = (await listed(app))[0]?.quarantineId ?? "";
    expect(await resubmit(app, id)).toMatchObject({ status: "refused" });
    expect(await resubmit(app, id, "default")).toMatchObject({ status: "enqueued" });
    expect(await app.rows("messageQueue")).toMatchObject([{ agentKey: "default" }]);
  });

  test("what holds no message can only be deleted", async () => {
    const app = await startApp();
    await app.post("{");
    const id = (await listed(app))[0]?.quarantineId ?? "";
    await expect(resubmit(app, id)).rejects.toThrow("holds no complete message (not_json)");
    await app.t.mutation(
      async (ctx) =>
        await ctx.runMutation(lib.deleteQuarantinedTelegramUpdate, { quarantineId: id }),
    );
    await expect(resubmit(app, id)).rejects.toThrow("not found");
  });
});
