/** An agent with two bots: what came through one is answered through the same. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { ADA, SITE, TOKEN, isolate, lib, message, startApp } from "./telegram.fixture.js";

isolate({ beforeEach, afterEach });

const OTHER = 9_191;
const OTHER_TOKEN = "9191:another-token-that-nobody-would-guess";

test("a message that waits while the agent gets another bot is answered by the bot that received it", async () => {
  const app = await startApp();
  app.telegram.control.addBot({ id: OTHER, username: "other_bot", token: OTHER_TOKEN });
  expect((await app.post(message({ text: "through the first" }))).status).toBe(202);
  await app.t.action(async (ctx) => {
    const secretRef = "telegram.botToken.other";
    await ctx.runMutation(lib.importSecret, { secretRef, plaintextValue: OTHER_TOKEN });
    await ctx.runAction(lib.configureTelegramWebhook, {
      ...{ convexSiteUrl: SITE, agentKey: "default", secretRef },
    });
  });
  const other = app.telegram.control.webhook(OTHER)?.secretToken ?? "";
  expect(other).not.toBe("");
  expect((await app.post(message({ text: "through the other" }), other)).status).toBe(202);

  const tokens = new Map<string, string | null>();
  for (const workerId of ["w1", "w2"]) {
    const job = await app.t.mutation(async (ctx) => await ctx.runMutation(lib.claim, { workerId }));
    const bundle = await app.t.query(
      async (ctx) =>
        await ctx.runQuery(lib.getHydrationBundle, {
          ...{ messageId: job?.messageId ?? "", workspaceId: "default", workerId },
        }),
    );
    expect(bundle?.payload.metadata).toMatchObject({ telegramChatId: String(ADA) });
    tokens.set(bundle?.userText ?? "", bundle?.telegramBotToken ?? null);
  }
  expect([...tokens].sort()).toEqual([
    ["through the first", TOKEN],
    ["through the other", OTHER_TOKEN],
  ]);
  expect((await app.rows("agentProfiles"))[0]).toMatchObject({ botIdentity: String(OTHER) });
});
