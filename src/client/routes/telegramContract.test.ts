/** The answers of the webhook, branch by branch of the contract of 3.x, and its options one by one. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SAMPLES } from "../../component/telegram/samples.fixture.js";
import type { RegisterRoutesOptions } from "../index.js";
import {
  ADA,
  BOT,
  EVE,
  IGNORED,
  NO_BINDING,
  NO_SECRET,
  OK,
  QUARANTINED,
  SITE,
  TOKEN,
  bind,
  isolate,
  lib,
  message,
  pairingOf,
  payloads,
  start,
  startApp,
  type App,
} from "./telegram.fixture.js";

isolate({ beforeEach, afterEach });

const failed = (error: string) => ({
  status: 200,
  body: { ok: true, pairing: { status: "failed", error } },
});
const BARE = failed("missing or invalid pairing code in /start command");

type Branch = {
  options?: RegisterRoutesOptions;
  /** Default: the one that Telegram was given. */
  secret?: string | null;
  prepare?: (app: App) => Promise<unknown>;
  update: unknown;
  answer: { status: number; body: unknown };
  /** Rows of the queue and of the quarantine. Default: none. */
  queued?: object[];
  putAway?: object[];
};

const branches: Record<string, Branch> = {
  "the secret is missing": { secret: null, update: message(), answer: NO_SECRET },
  "the secret is empty": { secret: "", update: message(), answer: NO_SECRET },
  "the secret names no bot": { secret: "af_v1_", update: message(), answer: NO_SECRET },
  "the secret is the one of 3.1": { secret: `af_v1_${BOT}`, update: message(), answer: NO_SECRET },
  "the secret is the legacy one": { secret: `af:v1:${BOT}`, update: message(), answer: NO_SECRET },
  "the secret is something else": { secret: "hunter2", update: message(), answer: NO_SECRET },

  "the body is not JSON": {
    update: "{",
    answer: QUARANTINED,
    putAway: [{ reason: "not_json", botIdentity: String(BOT), body: "{" }],
  },
  "the body is JSON null": {
    update: "null",
    answer: QUARANTINED,
    putAway: [{ reason: "not_an_update" }],
  },
  "the body is a list": { update: "[]", answer: QUARANTINED, putAway: [{}] },
  "the body is longer than Telegram's": {
    update: "x".repeat(1024 * 1024 + 1),
    answer: QUARANTINED,
    putAway: [{ reason: "too_large" }],
  },

  "no message: an edit": { update: SAMPLES.edit, answer: IGNORED },
  "no message: a channel post": { update: SAMPLES.channelPost, answer: IGNORED },
  "no message: a button of a message elsewhere": {
    update: SAMPLES.inlineCallback,
    answer: IGNORED,
  },
  "no message: a kind from the future": {
    update: { update_id: 1, from_the_future: {} },
    answer: IGNORED,
  },
  "a message without chat": {
    update: { update_id: 1, message: { message_id: 1, from: { id: ADA }, text: "x" } },
    answer: IGNORED,
  },
  "a message without sender": {
    update: { update_id: 1, message: { message_id: 1, chat: { id: ADA }, text: "x" } },
    answer: IGNORED,
  },
  "a message of another bot": {
    update: message({ from: { id: 9, is_bot: true } }),
    answer: IGNORED,
  },

  "/start with an unknown code": {
    update: start("/start AAAAAAAAAA"),
    answer: failed("Pairing code not found"),
  },
  "/start with a code that an inline bot wrote": {
    update: message({ text: "/start AAAAAAAAAA", via_bot: { id: 1 } }),
    answer: BARE,
  },
  "/start with a code that was forwarded": {
    update: message({ text: "/start AAAAAAAAAA", forward_origin: { type: "user" } }),
    answer: BARE,
  },
  "/start alone": { update: start("/start"), answer: BARE },
  "/start with three characters": { update: start("/start abc"), answer: BARE },
  "/start with 129 characters": { update: start(`/start ${"a".repeat(129)}`), answer: BARE },
  "/start with two words": { update: start("/start ab cdef"), answer: BARE },
  "/start for another bot": { update: start("/start@other_bot ABCD"), answer: IGNORED },
  "/startling, which is no command": {
    update: start("/startling news"),
    answer: OK,
    queued: [{ agentKey: "default" }],
  },

  "no agent: the app answers with none": {
    options: { resolveAgentKey: () => "" },
    update: message(),
    answer: NO_BINDING,
  },
  "a binding is required and absent": {
    options: { requireBindingForTelegram: true },
    update: message(),
    answer: NO_BINDING,
  },
  "a binding is required and absent, decided before the message is found empty": {
    options: { requireBindingForTelegram: true },
    update: message({ text: undefined }),
    answer: NO_BINDING,
  },
  "a binding is required and there": {
    options: { requireBindingForTelegram: true },
    prepare: async (app) => await bind(app, "ada", ADA),
    update: message(),
    answer: OK,
    queued: [{ conversationId: "user-agent:default:ada" }],
  },
  "a binding is required and absent, and the app names an agent": {
    options: { requireBindingForTelegram: true, resolveAgentKey: () => "default" },
    update: message(),
    answer: OK,
    queued: [{ conversationId: `telegram:${BOT}:${ADA}` }],
  },

  "no text, no caption, no file": { update: message({ text: undefined }), answer: IGNORED },
  "only blanks": { update: message({ text: " \n " }), answer: IGNORED },
  "a service message": {
    update: message({ text: undefined, new_chat_title: "New" }),
    answer: IGNORED,
  },

  "the agent is missing": {
    options: { resolveAgentKey: () => "missing" },
    update: message(),
    answer: QUARANTINED,
    putAway: [
      {
        reason: "agent_unavailable",
        detail: "Agent profile 'missing' not found or disabled",
        telegramChatId: String(ADA),
      },
    ],
  },
  "the agent is disabled": {
    prepare: async (app) => await app.configure("default", { enabled: false }),
    update: message(),
    answer: QUARANTINED,
    putAway: [{ reason: "agent_unavailable" }],
  },
  "the conversation is another agent's": {
    options: { resolveAgentKey: (update) => String(update.message?.text) },
    prepare: async (app) => {
      await app.configure("other");
      await app.post(message({ text: "default" }));
    },
    update: message({ text: "other" }),
    answer: QUARANTINED,
    queued: [{ agentKey: "default" }],
    putAway: [{ reason: "conversation_mismatch" }],
  },

  "the agent speaks as another bot, and there is no other": {
    options: { allowUnsignedTelegramWebhooks: true },
    secret: "af_v1_999",
    update: message(),
    answer: QUARANTINED,
    putAway: [{ reason: "agent_of_another_bot", botIdentity: "999" }],
  },

  "enqueued: a text": { update: message(), answer: OK, queued: [{ status: "queued" }] },
  "enqueued: a caption": {
    update: message({ text: undefined, caption: " see ", voice: { file_id: "v" } }),
    answer: OK,
    queued: [{ payload: { messageText: "see" } }],
  },
  "enqueued: a file without words": {
    update: message({ text: undefined, voice: { file_id: "v" } }),
    answer: OK,
    queued: [
      {
        payload: {
          messageText: "[telegram media] voice message",
          metadata: { telegramMediaType: "voice", telegramVoiceFileId: "v" },
        },
      },
    ],
  },
};

describe("branch by branch", () => {
  test.each(Object.entries(branches))("%s", async (_name, branch) => {
    const app = await startApp(branch.options);
    await branch.prepare?.(app);
    const secret = branch.secret === undefined ? app.secret() : branch.secret;
    const answer = await app.post(branch.update, secret);
    expect(answer).toEqual({ ...branch.answer, retryAfter: null });
    expect(await app.rows("messageQueue")).toMatchObject(branch.queued ?? []);
    expect(await app.rows("telegramQuarantine")).toMatchObject(branch.putAway ?? []);

    // Telegram comes again with the same: nothing more is stored, and the chat is not held up by a refusal.
    const again = await app.post(branch.update, secret);
    expect(again.status).toBe(branch.answer === NO_SECRET ? 403 : again.status);
    expect([200, 202, 403]).toContain(again.status);
    if (branch.answer !== NO_SECRET) expect(again.status).not.toBe(403);
    expect(await app.rows("messageQueue")).toHaveLength((branch.queued ?? []).length);
    expect(await app.rows("telegramQuarantine")).toHaveLength((branch.putAway ?? []).length);
  });

  test("/start with a good code, and with the same again", async () => {
    const app = await startApp();
    const { pairing } = await pairingOf(app);
    const used = { status: "used", consumerUserId: "ada", agentKey: "default" };
    for (const update of [start(`/start ${pairing.code}`), start(`/start ${pairing.code}`)])
      expect(await app.post(update)).toEqual({
        status: 200,
        body: { ok: true, pairing: used },
        retryAfter: null,
      });
    expect(await app.rows("identityBindings")).toMatchObject([{ source: "telegram_pairing" }]);
  });

  test("the enqueued message carries everything a worker of 3.x reads", async () => {
    const app = await startApp({ fallbackAgentKey: "nobody" });
    const update = message({ text: "  hi  " });
    expect(await app.post(update)).toMatchObject(OK);
    const [row] = await app.rows("messageQueue");
    expect(row).toMatchObject({
      conversationId: `telegram:${BOT}:${ADA}`,
      agentKey: "default",
      status: "queued",
      payload: {
        provider: "telegram",
        providerUserId: String(ADA),
        messageText: "hi",
        externalMessageId: String(update.message.message_id),
        rawUpdateJson: JSON.stringify(update),
        metadata: {
          telegramChatId: String(ADA),
          telegramUserId: String(ADA),
          telegramBotIdentity: String(BOT),
        },
      },
    });
  });

  test("trouble that passes: 503 with Retry-After, and nothing was taken", async () => {
    let broken = true;
    const app = await startApp({
      resolveAgentKey: () => {
        if (broken) throw new Error("the app's database is away");
        return undefined;
      },
    });
    const update = message();
    const before = await app.dump();
    expect(await app.post(update)).toEqual({
      status: 503,
      body: { ok: false, error: "temporarily unavailable" },
      retryAfter: "5",
    });
    expect(await app.dump()).toEqual(before);
    broken = false;
    expect(await app.post(update)).toMatchObject(OK);
  });
});

describe("options", () => {
  describe("pathPrefix", () => {
    const readiness = async (app: App, pathPrefix?: string) =>
      await app.t.action(
        async (ctx) =>
          await ctx.runAction(lib.getWebhookReadiness, {
            agentKey: "default",
            ...(pathPrefix === undefined ? {} : { pathPrefix }),
          }),
      );
    /** Telegram posts to the address that it was given, and the routes of the app answer or not. */
    const delivered = async (app: App) => {
      const { url, secretToken } = app.telegram.control.webhook(BOT) ?? {
        url: "",
        secretToken: "",
      };
      expect(url.startsWith(SITE)).toBe(true);
      const response = await app.t.fetch(url.slice(SITE.length), {
        method: "POST",
        headers: { "x-telegram-bot-api-secret-token": secretToken ?? "" },
        body: JSON.stringify(message()),
      });
      return response.status;
    };
    const importAndConfigure = async (app: App, more: { pathPrefix?: string } = {}) =>
      await app.t.action(async (ctx) => {
        await ctx.runAction(lib.importTelegramTokenForAgent, {
          consumerUserId: "ada",
          agentKey: "default",
          plaintextValue: TOKEN,
        });
        return await ctx.runAction(lib.configureTelegramWebhook, {
          convexSiteUrl: SITE,
          agentKey: "default",
          ...more,
        });
      });

    test("given to the configuration: set, delivered to the route, found ready", async () => {
      const app = await startApp({ pathPrefix: "/bots" }, false);
      const webhookUrl = `${SITE}/bots/telegram/webhook`;
      expect(await importAndConfigure(app, { pathPrefix: "/bots" })).toMatchObject({
        ...{ isReady: true, webhookUrl, currentUrl: webhookUrl },
      });
      expect(await delivered(app)).toBe(202);
      expect(await app.rows("messageQueue")).toHaveLength(1);
      expect(await readiness(app)).toMatchObject({ webhookReady: true, currentUrl: webhookUrl });
      expect(await readiness(app, "/bots")).toMatchObject({ webhookReady: true });
      expect(await readiness(app, "/other")).toMatchObject({ webhookReady: false });
      // Asking about a wrong prefix does not make the right one unverified.
      expect((await app.rows("telegramBots"))[0]).toHaveProperty("webhookVerifiedAt");
    });

    test("stored in the worker runtime config: used by the configuration, readiness and the doctor", async () => {
      const app = await startApp({ pathPrefix: "/my/bots" }, false);
      await app.t.mutation(async (ctx) => {
        await ctx.runMutation(lib.setWorkerRuntimeConfig, {
          workerConfig: { pathPrefix: "/my/bots" },
        });
      });
      const webhookUrl = `${SITE}/my/bots/telegram/webhook`;
      expect(await importAndConfigure(app)).toMatchObject({ isReady: true, webhookUrl });
      expect(await delivered(app)).toBe(202);
      expect(await readiness(app)).toMatchObject({ webhookReady: true });
      await app.t.action(async (ctx) => {
        await ctx.runAction(lib.reconcileTelegramBotIdentityForAgent, { agentKey: "default" });
      });
      expect(await readiness(app)).toMatchObject({ webhookReady: true, currentUrl: webhookUrl });
      const { checks } = await app.t.action(async (ctx) => await ctx.runAction(lib.diagnose, {}));
      const about = checks.filter((check) => check.name === "webhook");
      expect(about).toMatchObject([{ status: "ok" }]);
    });

    test("of the default finds no route in an app that mounts another", async () => {
      const app = await startApp({ pathPrefix: "/bots" });
      expect(await delivered(app)).toBe(404);
    });

    test.each(["bots", "/bots/", "/../x", "", ".evil.example/x"])(
      "%j is refused before Telegram hears of it",
      async (pathPrefix) => {
        const app = await startApp({}, false);
        await expect(importAndConfigure(app, { pathPrefix })).rejects.toMatchObject({
          data: { code: "INVALID_ARGUMENT" },
        });
        expect(app.telegram.control.webhook(BOT)).toBeNull();
        await expect(readiness(app, pathPrefix)).rejects.toThrow("pathPrefix must start with");
      },
    );
  });

  test("resolveAgentKey gets the update, and its key wins over the binding's", async () => {
    const seen: unknown[] = [];
    const app = await startApp({
      resolveAgentKey: (update) => {
        seen.push(update);
        return "other";
      },
    });
    await app.configure("other");
    await bind(app, "ada", ADA);
    const update = message();
    expect(await app.post(update)).toMatchObject(OK);
    expect(seen).toEqual([JSON.parse(JSON.stringify(update))]);
    expect(await app.rows("messageQueue")).toMatchObject([
      { agentKey: "other", conversationId: `telegram:${BOT}:${ADA}` },
    ]);
  });

  test.each([null, undefined])("resolveAgentKey may leave it open: %s", async (key) => {
    const app = await startApp({ resolveAgentKey: () => key });
    await bind(app, "ada", ADA);
    expect(await app.post(message())).toMatchObject(OK);
    expect(await app.rows("messageQueue")).toMatchObject([
      { conversationId: "user-agent:default:ada" },
    ]);
  });

  test("resolveAgentKeyFromBinding: false leaves bindings alone", async () => {
    const app = await startApp({ resolveAgentKeyFromBinding: false });
    await bind(app, "ada", ADA);
    expect(await app.post(message())).toMatchObject(OK);
    expect(await app.rows("messageQueue")).toMatchObject([
      { conversationId: `telegram:${BOT}:${ADA}` },
    ]);
  });

  test.each([
    [undefined, OK, "default"],
    ["spare", OK, "spare"],
    ["", NO_BINDING, null],
  ])("fallbackAgentKey %j where neither bot nor binding has one", async (key, answer, agentKey) => {
    const app = await startApp(
      {
        allowUnsignedTelegramWebhooks: true,
        ...(key === undefined ? {} : { fallbackAgentKey: key }),
      },
      false,
    );
    await app.configure("spare");
    expect(await app.post(message({}, EVE), null)).toMatchObject(answer);
    expect((await app.rows("messageQueue")).map((row) => row["agentKey"])).toEqual(
      agentKey === null ? [] : [agentKey],
    );
  });

  test("providerConfig is stored with the first message, and not with one that is refused", async () => {
    const providerConfig = {
      kind: "fly" as const,
      appName: "workers",
      organizationSlug: "me",
      image: "registry.fly.io/workers:1",
      region: "fra",
      volumeName: "data",
      volumePath: "/data",
      volumeSizeGb: 1,
    };
    const app = await startApp({ providerConfig });
    await app.post("{");
    expect(await app.rows("runtimeConfig")).toEqual([]);
    await app.post(message());
    expect(await app.rows("runtimeConfig")).toMatchObject([{ key: "provider", providerConfig }]);
  });

  test("a file of a bot without token is named in the text, and the message goes", async () => {
    const app = await startApp({ allowUnsignedTelegramWebhooks: true }, false);
    await app.post(message({ text: undefined, document: { file_id: "d" } }), "af_v1_999");
    await app.settle();
    expect(await payloads(app)).toMatchObject([
      { messageText: expect.stringContaining("the bot has no token") },
    ]);
  });
});
