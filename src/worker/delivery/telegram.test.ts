import { describe, expect, test } from "vitest";
import { virtualClock } from "../clock.fixture.js";
import { serve } from "../server.fixture.js";
import { telegramChannel, telegramTarget } from "./telegram.js";
import { telegramApi, type TelegramAnswer } from "./telegramApi.js";

const ok: TelegramAnswer = { kind: "ok", result: { message_id: 5 } };
const refused = (status: number, description: string, more = {}): TelegramAnswer => ({
  kind: "refused",
  status,
  description,
  retryAfterMs: undefined,
  migrateToChatId: undefined,
  ...more,
});

function channelAnswering(...answers: TelegramAnswer[]) {
  const calls: { method: string; body: Record<string, unknown> }[] = [];
  const clock = virtualClock();
  const api = (method: string, body: Record<string, unknown>) => {
    calls.push({ method, body });
    return Promise.resolve(method === "sendMessage" ? (answers.shift() ?? ok) : ok);
  };
  const channel = telegramChannel(
    api,
    { chatId: "-100", threadId: 7 },
    { clock, dataDir: "/nowhere" },
  );
  return { calls, clock, channel, bodies: () => calls.map((call) => call.body) };
}

test("the target comes from the metadata, else from the user", () => {
  const payload = { provider: "telegram", providerUserId: "42", messageText: "" };
  expect(telegramTarget(payload)).toEqual({ chatId: "42", threadId: null });
  const metadata = { telegramChatId: "-100", telegramThreadId: "7" };
  expect(telegramTarget({ ...payload, metadata })).toEqual({ chatId: "-100", threadId: 7 });
  for (const telegramThreadId of ["1", "", "x", "-3"]) {
    expect(telegramTarget({ ...payload, metadata: { telegramThreadId } }).threadId).toBeNull();
  }
});

describe("sending", () => {
  test("HTML into the topic", async () => {
    const { channel, bodies } = channelAnswering();
    expect(await channel.send("<b>hi</b>")).toEqual({ kind: "sent", externalMessageId: "5" });
    const body = { chat_id: "-100", message_thread_id: 7, text: "<b>hi</b>", parse_mode: "HTML" };
    expect(bodies()).toEqual([body]);
  });

  test("what Telegram cannot parse goes out as plain text, the next part as HTML again", async () => {
    const { channel, bodies } = channelAnswering(
      refused(400, `Bad Request: can't parse entities: Unsupported start tag "3" at byte offset 2`),
    );
    expect(await channel.send("2 <3")).toMatchObject({ kind: "sent" });
    await channel.send("next");
    expect(bodies().map((body) => [body["text"], body["parse_mode"]])).toEqual([
      ["2 <3", "HTML"],
      ["2 <3", undefined],
      ["next", "HTML"],
    ]);
  });

  test("a moved chat and a vanished topic are followed, for later parts too", async () => {
    const { channel, bodies } = channelAnswering(
      refused(400, "Bad Request: group chat was upgraded to a supergroup chat", {
        migrateToChatId: "-200",
      }),
      refused(400, "Bad Request: message thread not found"),
    );
    await channel.send("one");
    await channel.send("two");
    expect(bodies().map((body) => [body["chat_id"], body["message_thread_id"]])).toEqual([
      ["-100", 7],
      ["-200", 7],
      ["-200", undefined],
      ["-200", undefined],
    ]);
  });

  test.each([
    [
      refused(429, "Too Many Requests", { retryAfterMs: 9_000 }),
      { permanent: false, retryAfterMs: 9_000 },
    ],
    [refused(403, "Forbidden: bot was blocked by the user"), { permanent: true }],
    [refused(400, "Bad Request: chat not found"), { permanent: true }],
    [refused(401, "Unauthorized"), { permanent: true }],
    [refused(500, "Internal Server Error"), { permanent: false }],
    [{ kind: "unsent", reason: "ECONNREFUSED" } as const, { permanent: false }],
  ])("%o", async (answer, expected) => {
    const { channel } = channelAnswering(answer);
    expect(await channel.send("hi")).toMatchObject({ kind: "refused", ...expected });
  });

  test("a refusal of every shape ends", async () => {
    const parse = refused(400, "Bad Request: can't parse entities: x");
    const { channel, calls } = channelAnswering(parse, parse, parse, parse, parse);
    expect(await channel.send("hi")).toMatchObject({ kind: "refused", permanent: true });
    expect(calls).toHaveLength(2);
  });
});

test("typing is shown while it works and no longer", async () => {
  const { channel, calls, clock } = channelAnswering();
  const stop = channel.working();
  await clock.advance(9_000);
  stop();
  await clock.advance(60_000);
  expect(calls.map((call) => call.method)).toEqual(Array(3).fill("sendChatAction"));
  expect(calls[0]?.body).toEqual({ chat_id: "-100", message_thread_id: 7, action: "typing" });
});

describe("the API over HTTP", () => {
  const token = "1:short-secret";
  const ask = async (status: number, body: string, timeoutMs = 2_000) => {
    const server = await serve((_request, _body, response) => {
      if (status > 0) response.writeHead(status).end(body);
    });
    try {
      return await telegramApi({ baseUrl: server.url, token, timeoutMs })("sendMessage", {});
    } finally {
      await server.close();
    }
  };

  test("gives a file the time of its transfer beside that of a call", async () => {
    const server = await serve((_request, _body, response) => {
      setTimeout(() => response.end('{"ok":true,"result":{"message_id":1}}'), 300);
    });
    const call = telegramApi({ baseUrl: server.url, token, timeoutMs: 100 });
    const bytes = new Uint8Array(200_000);
    try {
      const sent = await call("sendDocument", {}, { field: "document", name: "a.bin", bytes });
      expect(sent).toMatchObject({ kind: "ok" });
      expect(await call("sendMessage", {})).toMatchObject({ kind: "unknown" });
    } finally {
      await server.close();
    }
  });

  test("knows what certainly did not happen", async () => {
    expect(await ask(200, '{"ok":true,"result":{"message_id":1}}')).toMatchObject({ kind: "ok" });
    const flood = '{"ok":false,"error_code":429,"parameters":{"retry_after":3}}';
    expect(await ask(429, flood)).toMatchObject({ kind: "refused", retryAfterMs: 3_000 });
    expect(await ask(500, '{"ok":false,"error_code":500}')).toMatchObject({ kind: "refused" });
    expect(await ask(413, "<html>")).toMatchObject({ kind: "refused", status: 413 });
    expect(await ask(502, "<html>")).toMatchObject({ kind: "unknown" });
    expect(await ask(200, "garbage")).toMatchObject({ kind: "unknown" });
    const hung = await ask(0, "", 100);
    expect(hung).toMatchObject({ kind: "unknown" });
    const nobody = telegramApi({ baseUrl: "http://127.0.0.1:9", token, timeoutMs: 1_000 });
    const unsent = await nobody("sendMessage", {});
    expect(unsent.kind).toMatch(/unsent|unknown/); // port 9 is one that fetch may refuse by itself
    expect(JSON.stringify([hung, unsent])).not.toContain("short-secret");
  });
});
