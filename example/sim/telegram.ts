/** The local Telegram in this world: one bot, whose updates come to the component's webhook over a network with faults. */
import { createHash } from "node:crypto";
import { api } from "../../src/component/_generated/api.js";
import { createLocalTelegramCore, type LocalTelegramCore } from "../local/telegram/core.js";
import { AGENT, ask } from "./asking.js";
import type { World } from "./world.js";

export const BOT = "4242";
export const BOT_TOKEN = `${BOT}:aSimulatedTokenThatNobodyWouldGuess`;
const WEBHOOK_SECRET = "a-simulated-webhook-secret";
export const WEBHOOK_SECRET_HASH = createHash("sha256").update(WEBHOOK_SECRET).digest("hex");

/** As much of a Response as the local Telegram reads; a real one would take turns of the event loop. */
const answerOf = (status: number) =>
  ({
    status,
    headers: { get: () => null },
    arrayBuffer: () => Promise.resolve(new ArrayBuffer(0)),
  }) as unknown as Response;

export async function openTelegram(world: World): Promise<LocalTelegramCore> {
  const core = createLocalTelegramCore({
    clock: world.clock,
    seed: 1,
    bots: [{ id: Number(BOT), username: "simulated_bot", token: BOT_TOKEN }],
    deliver: async (_url, init) => {
      const headers = init?.headers as Record<string, string>;
      return answerOf(
        await receive(world, String(init?.body), headers["x-telegram-bot-api-secret-token"] ?? ""),
      );
    },
  });
  const { status } = await core.handle({
    ...{ method: "POST", url: `https://api.telegram.org/bot${BOT_TOKEN}/setWebhook` },
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      url: "https://simulated.example/webhook",
      secret_token: WEBHOOK_SECRET,
    }),
  });
  if (status !== 200) throw new Error(`The webhook could not be set: ${status}`);
  return core;
}

/** The status of the webhook's answer. An update may arrive again, and long after Telegram gave up waiting for it. */
async function receive(world: World, body: string, secret: string): Promise<number> {
  const { message } = JSON.parse(body) as { message: { text: string; chat: { id: number } } };
  const { text, chat } = message;
  const key = text.split(" ")[1] ?? text;
  const secretHash = createHash("sha256").update(secret).digest("hex");
  const post = async (): Promise<number> => {
    const outcome = await ask(world, "telegram", "ingestTelegramUpdate", async () =>
      world.t.mutation(api.lib.ingestTelegramUpdate, {
        credentials: { botIdentity: BOT, secretHash },
        body,
        tooLarge: false,
        options: {
          resolveAgentKeyFromBinding: true,
          fallbackAgentKey: AGENT,
          requireBinding: false,
          allowUnsigned: false,
        },
      }),
    );
    if (outcome?.kind === "accepted") world.model.accept(text, `telegram:${BOT}:${chat.id}`, null);
    else world.violate("updates are accepted", `"${text}" was ${outcome?.kind ?? "refused"}`);
    return 200;
  };
  const later = (ms: number) => void world.clock.schedule(ms, () => void post());
  if (world.strike("updateAgain", key)) later(world.between(0, 90_000, `againAfter/${key}`));
  if (world.strike("updateLate", key)) {
    // Telegram gives up on it and asks again at once; this one arrives after later ones.
    later(world.between(100, 60_000, `lateBy/${key}`));
    if (world.draws.at(`answered/${key}`) < 0.5) return 504;
  }
  return await post();
}
