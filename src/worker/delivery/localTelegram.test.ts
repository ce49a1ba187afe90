/** A worker's replies against a whole Bot API over HTTP: what the user sees in the chat in the end. */
import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { tooManyRequests } from "../../../example/local/telegram/control.js";
import { startLocalTelegram, type LocalTelegram } from "../../../example/local/telegram/server.js";
import type { FakeMessage } from "../gateway.fixture.js";
import { createBench, scriptedEngine, type Bench } from "../run.fixture.js";

const CHAT = 501;
const GROUP = -77;
const SUPERGROUP = -1_001_234_567_890;
const [FIRST, SECOND] = [4242, 5151];
const tokenOf = (bot: number) => `${bot}:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`;

let telegram: LocalTelegram;
let bench: Bench | undefined;
beforeEach(async () => {
  telegram = await startLocalTelegram({
    bots: [FIRST, SECOND].map((id) => ({ id, username: `bot_${id}`, token: tokenOf(id) })),
  });
});
afterEach(async () => {
  await bench?.dispose();
  bench = undefined;
  await telegram.close();
});

type Answer = { text: string; files?: Record<string, string | number>; refs?: string[] };

/** The worker answers one message of the chat; `files` are contents or sizes, sent unless `refs` says otherwise. */
async function reply(
  { text, files = {}, refs = Object.keys(files) }: Answer,
  { bot = FIRST, chat = CHAT, threadId = "" } = {},
): Promise<FakeMessage> {
  bench = await createBench({
    conversationId: "c1",
    telegramBotToken: tokenOf(bot),
    settings: { TELEGRAM_API_BASE_URL: telegram.url },
  });
  const { dataDir, fake, clock } = bench;
  const message = fake.enqueue("draw", {
    payload: {
      ...{ provider: "telegram", providerUserId: String(CHAT), messageText: "draw" },
      metadata: {
        telegramChatId: String(chat),
        ...(threadId === "" ? {} : { telegramThreadId: threadId }),
      },
    },
  });
  bench.stopWhen(() => message.status === "done" || message.status === "dead");
  await mkdir(join(dataDir, "workspace"), { recursive: true });
  await writeFile(join(dataDir, "secret.txt"), "secret");
  const engine = {
    ...scriptedEngine(() => text),
    run: async () => {
      for (const [name, content] of Object.entries(files)) {
        const path = join(dataDir, "workspace", name);
        await writeFile(path, typeof content === "string" ? content : "");
        if (typeof content === "number") await truncate(path, content);
      }
      await symlink(join(dataDir, "secret.txt"), join(dataDir, "workspace/link.txt"));
      return { text, mediaUrls: refs };
    },
  };
  await clock.drive(bench.start({ engine }).exit);
  return message;
}

const seen = (bot = FIRST) =>
  telegram.control.sent(bot).map(({ kind, text, file }) => ({
    kind,
    text,
    ...(file === null
      ? {}
      : { name: file.name, content: new TextDecoder().decode(file.bytes.slice(0, 40)) }),
  }));

describe("files of the workspace", () => {
  test.each([
    ["chart.png", "photo"],
    ["dance.gif", "animation"],
    ["clip.mp4", "video"],
    ["note.ogg", "voice"],
    ["song.mp3", "audio"],
    ["plan.pdf", "document"],
  ])("%s arrives as %s, behind the text, with its bytes", async (name, kind) => {
    const message = await reply({ text: "Here.", files: { [name]: `bytes of ${name}` } });
    expect(seen()).toEqual([
      { kind: "message", text: "Here." },
      { kind, text: "", name, content: `bytes of ${name}` },
    ]);
    expect(telegram.control.sent(FIRST).map(({ chatId }) => chatId)).toEqual([CHAT, CHAT]);
    expect(message).toMatchObject({
      status: "done",
      answer: {
        parts: [
          { state: "sent", externalMessageId: "1", sequence: 2 },
          { state: "sent", externalMessageId: "2", sequence: 2 },
        ],
      },
    });
  });

  test("several arrive in their order, into the topic of the question", async () => {
    await reply(
      { text: "", files: { "a.png": "1", "b.pdf": "2", "c.ogg": "3" } },
      { chat: SUPERGROUP, threadId: "9" },
    );
    expect(telegram.control.sent(FIRST)).toMatchObject([
      { kind: "photo", chatId: SUPERGROUP, threadId: 9 },
      { kind: "document", chatId: SUPERGROUP, threadId: 9 },
      { kind: "voice", chatId: SUPERGROUP, threadId: 9 },
    ]);
  });

  test("a photo above Telegram's 10 MB arrives as a document", async () => {
    await reply({ text: "", files: { "huge.png": 10 * 2 ** 20 + 1 } });
    expect(seen()).toMatchObject([{ kind: "document", name: "huge.png" }]);
  });

  test("what is above 50 MB is said and not sent", async () => {
    const message = await reply({ text: "", files: { "huge.bin": 50 * 2 ** 20 + 1 } });
    expect(seen()).toEqual([
      { kind: "message", text: "(huge.bin could not be sent: it is larger than 50 MB)" },
    ]);
    expect(telegram.control.log().map(({ method }) => method)).not.toContain("sendDocument");
    expect(message.status).toBe("done");
  });

  test("what Telegram itself finds too large is said", async () => {
    telegram.control.fault({
      match: { action: "sendDocument" },
      effect: {
        ...{ kind: "status", status: 413 },
        json: { ok: false, error_code: 413, description: "Request Entity Too Large" },
      },
    });
    await reply({ text: "", files: { "a.pdf": "x" } });
    expect(seen()).toEqual([
      { kind: "message", text: "(a.pdf could not be sent: Request Entity Too Large)" },
    ]);
  });

  test.each(["../secret.txt", "/etc/passwd", "link.txt", "file:///etc/passwd"])(
    "%s is outside of the workspace: said, not sent",
    async (ref) => {
      const message = await reply({ text: "", refs: [ref] });
      const name = ref.split("/").at(-1) ?? "";
      expect(seen()).toEqual([
        {
          kind: "message",
          text: `(${name} could not be sent: it is not a file of the workspace)`,
        },
      ]);
      expect(message.status).toBe("done");
    },
  );

  test("a flood is waited for, and the file arrives once", async () => {
    const effect = tooManyRequests(2);
    telegram.control.fault({ match: { action: "sendVideo" }, times: 1, effect });
    const message = await reply({ text: "", files: { "a.mp4": "x" } });
    expect(seen()).toMatchObject([{ kind: "video" }]);
    // sending, failed, sending, sent
    expect(message.answer?.parts).toMatchObject([{ state: "sent", sequence: 4 }]);
  });
});

describe("texts", () => {
  test("markup that Telegram cannot parse arrives as it was written", async () => {
    const message = await reply({ text: "1 < 2 and <b>bold" });
    expect(telegram.control.sent(FIRST)).toMatchObject([
      { text: "1 < 2 and <b>bold", parseMode: null, entities: [] },
    ]);
    expect(message).toMatchObject({ status: "done", attempts: 0 });
  });

  test("a long one arrives whole, in parts that the real limits take", async () => {
    const words = Array.from({ length: 3_000 }, (_, i) => `😀${i}`).join(" ");
    await reply({ text: words });
    const parts = telegram.control.sent(FIRST).map(({ text }) => text);
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.join(" ")).toBe(words);
  });

  test("a group that became a supergroup gets its answer there", async () => {
    telegram.control.migrate(FIRST, GROUP, SUPERGROUP);
    const message = await reply({ text: "yes", files: { "a.png": "x" } }, { chat: GROUP });
    expect(telegram.control.sent(FIRST)).toMatchObject([
      { kind: "message", chatId: SUPERGROUP, text: "yes" },
      { kind: "photo", chatId: SUPERGROUP },
    ]);
    expect(message.status).toBe("done");
  });

  test.each([
    ["a user who blocked the bot", () => telegram.control.block(CHAT), /403.*blocked by the user/],
    ["a chat that is gone", () => telegram.control.removeChat(FIRST, CHAT), /400.*chat not found/],
  ])("%s ends the message once, for good", async (_what, happen, reason) => {
    happen();
    const message = await reply({ text: "hello?" });
    expect(message).toMatchObject({ status: "dead", attempts: 1, retryable: false });
    expect(message.lastError).toMatch(reason);
    expect(seen()).toEqual([]);
    const tries = telegram.control.log().filter(({ method }) => method === "sendMessage");
    expect(tries).toHaveLength(1);
  });

  test("leave from the bot whose token came with the message, and from no other", async () => {
    await reply({ text: "second", files: { "a.png": "x" } }, { bot: SECOND });
    expect(seen(SECOND)).toHaveLength(2);
    expect(seen(FIRST)).toEqual([]);
    expect(telegram.control.actions(FIRST)).toEqual([]);
    expect(telegram.control.actions(SECOND)).toMatchObject([{ action: "typing", chatId: CHAT }]);
  });
});
