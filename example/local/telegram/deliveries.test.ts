import { expect, test } from "vitest";
import { createLocalTelegramCore } from "./core.js";
import { backoffMs } from "./deliveries.js";
import { BOT, CHAT, TOKEN } from "./client.setup.js";

/** A server whose webhook answers what `answers` says, the last one for ever. */
async function withWebhook(...answers: (number | { status: number; retryAfter: number })[]) {
  const received: { secret: string | null; update: { update_id: number } }[] = [];
  const core = createLocalTelegramCore({
    clock: "virtual",
    bots: [{ id: BOT, username: "helper_bot", token: TOKEN }],
    deliver: async (_url, init) => {
      const request = new Request("http://hook.test", init);
      const secret = request.headers.get("x-telegram-bot-api-secret-token");
      received.push({ secret, update: (await request.json()) as { update_id: number } });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      return typeof answer === "object"
        ? new Response("", {
            status: answer.status,
            headers: { "retry-after": String(answer.retryAfter) },
          })
        : new Response("", { status: answer ?? 200 });
    },
  });
  await core.fetch(`http://t/bot${TOKEN}/setWebhook?url=https://a.example/hook&secret_token=s3`);
  const advance = async (ms: number) => {
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      await core.control.advance(i === 0 ? ms : 0);
    }
  };
  const info = async () =>
    (
      (await (await core.fetch(`http://t/bot${TOKEN}/getWebhookInfo`)).json()) as {
        result: Record<string, unknown>;
      }
    ).result;
  return { core, control: core.control, received, advance, info };
}

test("an update arrives with the secret, and counts as pending until then", async () => {
  const { control, received, advance, info } = await withWebhook(200);
  control.say(BOT, { id: CHAT }, "hi");
  expect(await info()).toMatchObject({ pending_update_count: 1 });
  await advance(0);
  expect(received).toMatchObject([{ secret: "s3", update: { message: { text: "hi" } } }]);
  expect(await info()).toMatchObject({ pending_update_count: 0 });
});

test("a refusal is repeated and holds back the same chat only", async () => {
  const { control, received, advance, info } = await withWebhook(500, 500, 200);
  control.say(BOT, { id: CHAT }, "one");
  control.say(BOT, { id: CHAT }, "two");
  await advance(0);
  expect(received.every(({ update }) => update.update_id === received[0]?.update.update_id)).toBe(
    true,
  );
  expect(await info()).toMatchObject({
    last_error_message: "Wrong response from the webhook: 500",
  });
  await advance(2_000);
  await advance(0);
  expect(control.deliveries(BOT).map(({ status }) => status)).toEqual([500, 500, 200, 200]);
  expect(await info()).toMatchObject({ pending_update_count: 0 });
});

test("Retry-After is obeyed", async () => {
  const { control, received, advance } = await withWebhook({ status: 503, retryAfter: 5 }, 200);
  control.say(BOT, { id: CHAT }, "one");
  await advance(0);
  await advance(4_900);
  expect(received).toHaveLength(1);
  await advance(200);
  expect(received).toHaveLength(2);
});

test("pauses grow to one or two minutes", () => {
  expect([1, 2, 3, 7, 20].map((fails) => backoffMs(fails, 0.5))).toEqual([
    0, 2_000, 4_000, 64_000, 90_000,
  ]);
});

test("410 for 23 hours removes the webhook; anything else in between starts anew", async () => {
  const { control, advance } = await withWebhook(410);
  control.say(BOT, { id: CHAT }, "one");
  for (let hour = 0; hour < 22; hour++) await advance(3_600_000);
  expect(control.webhook(BOT)).not.toBeNull();
  for (let hour = 0; hour < 3; hour++) await advance(3_600_000);
  expect(control.webhook(BOT)).toBeNull();
});

test("updates can come twice, and kinds can overtake each other", async () => {
  const { control, received, advance } = await withWebhook(200);
  control.repeatUpdates(BOT, 1);
  control.delayUpdates(BOT, "message", 500);
  const { messageId } = control.say(BOT, { id: CHAT }, "one");
  control.press(BOT, { id: CHAT }, "yes");
  await advance(0);
  await advance(600);
  control.repeatUpdates(BOT, 0);
  control.edit(BOT, { id: CHAT }, messageId, "two");
  await advance(0);
  expect(received.map(({ update }) => Object.keys(update)[1])).toEqual([
    ...["callback_query", "callback_query", "message", "message", "edited_message"],
  ]);
});

test("blocking and unblocking is told once, and only what was asked for is sent", async () => {
  const { core, control, received, advance } = await withWebhook(200);
  for (const act of [control.block, control.block, control.unblock]) act(CHAT);
  await advance(0);
  expect(received).toMatchObject([
    { update: { my_chat_member: { new_chat_member: { status: "kicked" } } } },
    { update: { my_chat_member: { new_chat_member: { status: "member" } } } },
  ]);
  const allowed = encodeURIComponent('["message"]');
  await advance(1_000);
  await core.fetch(
    `http://t/bot${TOKEN}/setWebhook?url=https://a.example/hook&allowed_updates=${allowed}`,
  );
  control.press(BOT, { id: CHAT }, "yes");
  await advance(0);
  expect(received).toHaveLength(2);
});
