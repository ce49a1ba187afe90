/** Files, albums, captions that follow; onboarding step by step. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { tooManyRequests } from "../../../example/local/telegram/control.js";
import {
  BOT,
  SITE,
  TOKEN,
  isolate,
  lib,
  message,
  payloads,
  start,
  startApp,
  type App,
} from "./telegram.fixture.js";

isolate({ beforeEach, afterEach });

const claim = async (app: App) =>
  await app.t.mutation(async (ctx) => await ctx.runMutation(lib.claim, { workerId: "w1" }));
const photo = (id: string, more: Record<string, unknown> = {}) => ({
  text: undefined,
  photo: [
    { file_id: `${id}-small`, width: 90, height: 60, file_size: 10 },
    { file_id: id, width: 900, height: 600, file_size: 20 },
  ],
  ...more,
});
const file = (app: App, fileId: string, bytes: string | Uint8Array<ArrayBuffer> = "content") =>
  app.telegram.control.setFile(BOT, { fileId, bytes, name: `${fileId}.bin` });

describe("files", () => {
  test("the webhook answers before any download; the message waits for the file and then has it", async () => {
    const app = await startApp();
    file(app, "p1");
    expect(await app.post(message(photo("p1", { caption: "look" })))).toMatchObject({
      status: 202,
    });
    expect(app.telegram.control.log().filter(({ method }) => method === "getFile")).toEqual([]);
    expect(await claim(app)).toBeNull();
    await app.settle();
    expect(await payloads(app)).toMatchObject([
      {
        messageText: "look",
        metadata: { telegramMediaType: "photo", telegramPhotoFileId: "p1" },
        attachments: [{ kind: "photo", status: "ready", mimeType: "image/jpeg", sizeBytes: 7 }],
      },
    ]);
    expect(await claim(app)).toMatchObject({ agentKey: "default" });
    expect(await app.rows("messageAttachments")).toHaveLength(1);
    expect(await app.rows("telegramTurns")).toEqual([]);
  });

  test.each([
    ["video", { video: { file_id: "f" } }, "video", "[telegram media] video message"],
    ["audio", { audio: { file_id: "f" } }, "audio", "[telegram media] audio message"],
    ["voice", { voice: { file_id: "f" } }, "voice", "[telegram media] voice message"],
    ["document", { document: { file_id: "f" } }, "document", "[telegram media] document message"],
    [
      "video note",
      { video_note: { file_id: "f" } },
      "document",
      "[telegram media] video_note message",
    ],
    [
      "animation, which is also a document",
      { animation: { file_id: "f" }, document: { file_id: "f" } },
      "document",
      "[telegram media] animation message",
    ],
    [
      "sticker",
      { sticker: { file_id: "f", emoji: "😀" } },
      "document",
      "[telegram media] sticker 😀 message",
    ],
  ])("a %s", async (_what, content, kind, text) => {
    const app = await startApp();
    file(app, "f");
    await app.post(message({ text: undefined, ...content }));
    await app.settle();
    expect(await payloads(app)).toMatchObject([{ messageText: text, attachments: [{ kind }] }]);
  });

  test.each([
    ["that is announced as too large", { file_size: 20 * 1024 * 1024 + 1 }, "larger than 20 MB"],
    ["that Telegram does not know", {}, "invalid file_id"],
  ])("a file %s is named in the text, and the message goes", async (_what, more, error) => {
    const app = await startApp();
    const document = { file_id: "gone", file_name: "plan.pdf", ...more };
    await app.post(message({ text: undefined, caption: "see", document }));
    await app.settle();
    const [payload] = await payloads(app);
    expect(payload?.messageText).toMatch(
      /^see\n\n\[attachment unavailable: document "plan\.pdf", /,
    );
    expect(payload?.messageText).toContain(error);
    expect(payload?.attachments).toBeUndefined();
    expect(await claim(app)).not.toBeNull();
  });

  test("trouble that passes is tried again", async () => {
    const app = await startApp();
    file(app, "p1");
    app.telegram.control.fault({
      match: { action: "getFile" },
      times: 2,
      effect: tooManyRequests(3),
    });
    await app.post(message(photo("p1")));
    await app.settle(12_000);
    expect(await payloads(app)).toMatchObject([{ attachments: [{ kind: "photo" }] }]);
  });

  test("a message behind one that waits for its file keeps its place", async () => {
    const app = await startApp();
    file(app, "p1");
    await app.post(message(photo("p1", { caption: "first" })));
    await app.post(message({ text: "second" }));
    expect(await claim(app)).toBeNull();
    await app.settle();
    expect(await claim(app)).toMatchObject({ payload: { messageText: "first" } });
  });
});

describe("turns", () => {
  test("an album is one message, replayed or not", async () => {
    const app = await startApp();
    const updates = ["a", "b", "c"].map((id, i) => {
      file(app, id);
      return message(photo(id, { media_group_id: "g1", ...(i === 1 ? { caption: "three" } : {}) }));
    });
    for (const update of [...updates, ...updates])
      expect((await app.post(update)).status).toBe(202);
    await app.settle();
    const [album, ...others] = await payloads(app);
    expect(others).toEqual([]);
    expect(album?.messageText).toBe("three");
    expect(album?.attachments).toHaveLength(3);
    expect(await claim(app)).not.toBeNull();
    for (const update of updates) expect((await app.post(update)).status).toBe(202);
    expect(await app.rows("messageQueue")).toHaveLength(1);
  });

  test("a text right behind media without caption is its caption; later it is a message", async () => {
    const app = await startApp();
    file(app, "p1");
    await app.post(message(photo("p1")));
    vi.setSystemTime(Date.now() + 500);
    await app.post(message({ text: "what is this?" }));
    vi.setSystemTime(Date.now() + 5_000);
    await app.post(message({ text: "and this?" }));
    await app.settle();
    expect((await payloads(app)).map(({ messageText }) => messageText)).toEqual([
      "what is this?",
      "and this?",
    ]);
  });
});

test("onboarding walks from the token to the linked chat", async () => {
  const app = await startApp({ requireBindingForTelegram: true }, false);
  const user = { consumerUserId: "ada", agentKey: "default" };
  const state = async () =>
    await app.t.query(async (ctx) => await ctx.runQuery(lib.getUserAgentOnboardingState, user));
  const run = async (f: Parameters<typeof app.t.action>[0]) => await app.t.action(f);

  expect(await state()).toMatchObject({ nextAction: "import_token", tokenImported: false });
  await run(async (ctx) => {
    await ctx.runAction(lib.importTelegramTokenForAgent, { ...user, plaintextValue: ` ${TOKEN} ` });
  });
  expect(await state()).toMatchObject({
    nextAction: "configure_webhook",
    telegramUsername: "helper_bot",
    botIdentity: String(BOT),
    tokenSecretRef: "telegram.botToken.default",
  });
  const configured = await run(
    async (ctx) =>
      await ctx.runAction(lib.configureTelegramWebhook, {
        convexSiteUrl: `${SITE.replace(".site", ".cloud")}/`,
        agentKey: "default",
      }),
  );
  expect(configured).toMatchObject({
    ok: true,
    isReady: true,
    webhookUrl: `${SITE}/agent-factory/telegram/webhook`,
    botIdentity: String(BOT),
    secretTokenConfigured: true,
    description: "Telegram webhook configured and verified.",
  });
  expect(await state()).toMatchObject({ nextAction: "create_pairing", webhookReady: true });
  const { pairing } = await app.t.mutation(
    async (ctx) => await ctx.runMutation(lib.createUserAgentPairing, user),
  );
  expect(await state()).toMatchObject({
    nextAction: "complete_pairing",
    pairingCode: pairing.code,
    pairingDeepLink: `https://t.me/helper_bot?start=${pairing.code}`,
  });
  await app.post(start(`/start ${pairing.code}`));
  expect(await state()).toMatchObject({ nextAction: "ready", pairingStatus: "used" });

  // Somebody else takes the webhook: the next look at Telegram says so.
  await app.telegram.control.advance(2_000);
  await app.telegram.fetch(`http://t/bot${TOKEN}/setWebhook?url=https://elsewhere.example/hook`);
  const readiness = await run(
    async (ctx) => await ctx.runAction(lib.getWebhookReadiness, { agentKey: "default" }),
  );
  expect(readiness).toMatchObject({ webhookReady: false });
  expect(await state()).toMatchObject({ nextAction: "configure_webhook" });
});

test("a stranger cannot replace the token of somebody's agent", async () => {
  const app = await startApp();
  const steal = app.t.action(async (ctx) => {
    await ctx.runAction(lib.importTelegramTokenForAgent, {
      consumerUserId: "eve",
      agentKey: "default",
      plaintextValue: TOKEN,
    });
  });
  await expect(steal).rejects.toThrow("not yet associated");
});
