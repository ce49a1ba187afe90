import { expect, test, vi } from "vitest";
import { BOT, CHAT, refused } from "./client.setup.js";
import { createLocalTelegramCore } from "./core.js";

function setup() {
  const deliver = vi.fn(() => Promise.resolve(new Response(null, { status: 200 })));
  const core = createLocalTelegramCore({
    clock: "virtual",
    bots: [{ id: BOT, username: "helper_bot", token: "77001:secret" }],
    deliver,
  });
  const call = async (method: string, parameters: Record<string, unknown> = {}) => {
    const response = await core.fetch(`http://telegram.test/bot77001:secret/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(parameters),
    });
    return { status: response.status, json: (await response.json()) as { result: Update[] } };
  };
  return { ...core, call, deliver };
}
type Update = { update_id: number; message: Record<string, unknown> };
const texts = (updates: Update[]) => updates.map((update) => update.message["text"]);

test("updates wait for whoever asks, until they are confirmed", async () => {
  const { call, control } = setup();
  for (const text of ["one", "two", "three"]) control.say(BOT, { id: CHAT }, text);
  const first = (await call("getUpdates", { limit: 2 })).json.result;
  expect(texts(first)).toEqual(["one", "two"]);
  expect((await call("getUpdates")).json.result).toHaveLength(3);
  const offset = (first[1]?.update_id ?? 0) + 1;
  expect(texts((await call("getUpdates", { offset })).json.result)).toEqual(["three"]);
  expect(texts((await call("getUpdates")).json.result)).toEqual(["three"]);
});

test("not beside a webhook, which gets what waits", async () => {
  const { call, control, deliver } = setup();
  control.say(BOT, { id: CHAT }, "early");
  await control.advance(0);
  await call("setWebhook", { url: "https://x.y/hook" });
  expect(await call("getUpdates")).toMatchObject(
    refused(
      409,
      "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    ),
  );
  await control.advance(120_000);
  expect(deliver).toHaveBeenCalledTimes(1);
  await call("deleteWebhook");
  expect((await call("getUpdates")).json.result).toEqual([]);
});

test("a confirmed update is not delivered, and the next of its chat is, once", async () => {
  const { call, control, deliver } = setup();
  const { updateId } = control.say(BOT, { id: CHAT }, "confirmed");
  await control.advance(3_000);
  await call("getUpdates", { offset: updateId + 1 });
  control.say(BOT, { id: CHAT }, "next");
  await call("setWebhook", { url: "https://x.y/hook" });
  await control.advance(300_000);
  expect(deliver).toHaveBeenCalledTimes(1);
  expect(JSON.stringify(deliver.mock.calls)).toContain("next");
});

test("an album and a migration are told as Telegram tells them", async () => {
  const { call, control } = setup();
  const files = [
    { kind: "photo", fileId: "p" },
    { kind: "video", fileId: "v" },
  ] as const;
  const said = control.sendAlbum(BOT, { id: CHAT }, files, "both");
  expect(said.map(({ messageId }) => messageId)).toEqual([1, 2]);
  control.migrate(BOT, -77, -1001234567890);
  const { result } = (await call("getUpdates")).json;
  expect(result.map(({ message }) => message)).toMatchObject([
    { caption: "both", photo: [{ file_id: "p" }], chat: { type: "private" } },
    { video: { file_id: "v" } },
    { chat: { id: -77, type: "group" }, migrate_to_chat_id: -1001234567890 },
    { chat: { id: -1001234567890, type: "supergroup" }, migrate_from_chat_id: -77 },
  ]);
  const [one, two] = result.map(({ message }) => message["media_group_id"]);
  expect(one).toBe(two);
  expect(result[1]?.message).not.toHaveProperty("caption");
});
