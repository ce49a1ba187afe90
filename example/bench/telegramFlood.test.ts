/**
 * A flood of updates through the webhook's handler, many deliveries at a time, on the engine with optimistic
 * concurrency. TELEGRAM_FLOOD says how many updates; the promise is made for 10,000: `TELEGRAM_FLOOD=10000 npx vitest
 * run example/bench/telegramFlood.test.ts`.
 */
import { createHash } from "node:crypto";
import type { GenericActionCtx, GenericDataModel } from "convex/server";
import type { Value } from "convex/values";
import { expect, test, vi } from "vitest";
import type { ComponentApi } from "../../src/client/index.js";
import { telegramWebhook } from "../../src/client/routes/telegramWebhook.js";
import type { Engine } from "./engine/index.js";
import { measured } from "./measured.js";
import { schedulerRow } from "./rows.js";

const UPDATES = Number(process.env["TELEGRAM_FLOOD"] ?? 600);
const IN_FLIGHT = 48;
const CHATS = 400;
const BOT = "4242";
const SECRET = `af_v2_${BOT}_${"s".repeat(43)}`;

/** References are the names of the functions. */
const component = {
  lib: new Proxy({}, { get: (_lib, name) => `lib:${String(name)}` }),
} as unknown as ComponentApi;

type Handler = (ctx: GenericActionCtx<GenericDataModel>, request: Request) => Promise<Response>;

function webhookOn(engine: Engine): (body: string) => Promise<number> {
  const { _handler: handler } = telegramWebhook(component, {}) as unknown as { _handler: Handler };
  const ctx = {
    runQuery: async (name: string, args: Value) => (await engine.query(name, args)).value,
    runMutation: async (name: string, args: Value) => (await engine.mutation(name, args)).value,
  } as unknown as GenericActionCtx<GenericDataModel>;
  return async (body) => {
    const headers = { "x-telegram-bot-api-secret-token": SECRET };
    const request = new Request("https://site.test/hook", { method: "POST", headers, body });
    return (await handler(ctx, request)).status;
  };
}

function updateOf(n: number, chat: number): string {
  const from = { id: chat };
  const update =
    n % 10 === 9
      ? {
          callback_query: {
            ...{ id: `press ${n}`, from, data: `text ${n}` },
            message: { message_id: 1, chat: { id: chat, type: "private" } },
          },
        }
      : {
          message: { message_id: n, chat: { id: chat, type: "private" }, from, text: `text ${n}` },
        };
  return JSON.stringify({ update_id: 5_000_000 + n, ...update });
}

test(`${UPDATES} updates, each 1 to 5 times, in any order and ${IN_FLIGHT} at a time, give exactly ${UPDATES} messages`, async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  await measured(11, async (engine, time) => {
    engine.load("schedulerState", [schedulerRow(Date.now())]);
    engine.load("telegramBots", [
      {
        botIdentity: BOT,
        webhookSecretHash: createHash("sha256").update(SECRET).digest("hex"),
        updatedAt: 0,
      },
    ]);
    engine.load("agentProfiles", [
      { agentKey: "a", version: "1", secretsRef: [], enabled: true, botIdentity: BOT },
    ]);
    const deliveries = Array.from({ length: UPDATES }, (_, n) =>
      updateOf(n, 1 + Math.floor(time.random() * CHATS)),
    )
      .flatMap((body) => Array.from({ length: 1 + Math.floor(time.random() * 5) }, () => body))
      .map((body) => ({ body, at: time.random() }))
      .sort((a, b) => a.at - b.at);
    expect(deliveries.length).toBeGreaterThan(2 * UPDATES);

    const post = webhookOn(engine);
    let [next, comebacks] = [0, 0];
    const sender = async () => {
      for (let delivery = deliveries[next++]; delivery !== undefined; delivery = deliveries[next++])
        for (;;) {
          const status = await post(delivery.body);
          if (status === 202) break;
          // It lost against others too often: Telegram comes again.
          expect(status).toBe(503);
          comebacks++;
          await time.sleep(5_000);
        }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, sender));

    const texts = engine
      .rows("messageQueue")
      .map((row) => (row["payload"] as { messageText: string }).messageText);
    expect(texts).toHaveLength(UPDATES);
    expect(new Set(texts).size).toBe(UPDATES);
    // Otherwise nothing overlapped, and the run proved nothing.
    const conflicts = [...engine.conflictsBy.values()].reduce((sum, count) => sum + count, 0);
    expect(conflicts).toBeGreaterThan(UPDATES / 100);
    process.stdout.write(
      `${deliveries.length} deliveries, ${conflicts} conflicts, ${comebacks} answered 503\n`,
    );
  });
}, 1_200_000);
