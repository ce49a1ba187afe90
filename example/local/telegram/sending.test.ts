import { describe, expect, test } from "vitest";
import { BOT, CHAT, refused, setup, TOKEN } from "./client.setup.js";
import { tooManyRequests } from "./control.js";

describe("who calls", () => {
  test("a bot learns who it is", async () => {
    const { call } = setup();
    expect((await call("getMe")).json).toMatchObject({
      ok: true,
      result: { id: BOT, is_bot: true, first_name: "Helper", username: "helper_bot" },
    });
    expect((await call("GETME")).status).toBe(200);
  });

  test("a wrong token, a malformed one and an unknown method are told apart", async () => {
    const { call, core, control } = setup();
    expect(await call("getMe", {}, "77001:wrong")).toMatchObject(refused(401, "Unauthorized"));
    expect(await call("getMe", {}, "wrong")).toMatchObject(
      refused(401, "Unauthorized: invalid token specified"),
    );
    expect(await call("toString")).toMatchObject(refused(404, "Not Found: method not found"));
    const elsewhere = await core.fetch("http://telegram.test/elsewhere");
    expect(await elsewhere.json()).toEqual({
      ok: false,
      error_code: 404,
      description: "Not Found",
    });
    control.rotateToken(BOT, "77001:new");
    expect((await call("getMe")).status).toBe(401);
    expect((await call("getMe", {}, "77001:new")).status).toBe(200);
  });
});

describe("sendMessage", () => {
  test("shows up in the chat with an id of its own", async () => {
    const { send, control } = setup();
    expect((await send("hello")).json).toMatchObject({
      ok: true,
      result: {
        message_id: 1,
        text: "hello",
        chat: { id: CHAT, type: "private" },
        from: { id: BOT, is_bot: true },
        date: 1767225600,
      },
    });
    await send("again");
    await send("elsewhere", { chat_id: "-1001234567890", message_thread_id: 7 });
    expect(control.sent(BOT)).toMatchObject([
      { kind: "message", messageId: 1, chatId: CHAT, text: "hello" },
      { messageId: 2, text: "again" },
      { messageId: 1, chatId: -1001234567890, threadId: 7 },
    ]);
  });

  test("4096 code points pass, one more does not, however many bytes they take", async () => {
    const { send, control } = setup();
    expect((await send("😀".repeat(4096))).status).toBe(200);
    const long = refused(400, "Bad Request: message is too long");
    expect(await send("😀".repeat(4097))).toMatchObject(long);
    expect(await send("a".repeat(4097))).toMatchObject(long);
    expect(await send("a".repeat(32_769))).toMatchObject(
      refused(400, "Bad Request: text is too long"),
    );
    expect(control.sent(BOT)).toHaveLength(1);
  });

  test.each(["", "  \n ", "\t"])("%j is empty", async (text) => {
    const { send } = setup();
    expect(await send(text)).toMatchObject(refused(400, "Bad Request: message text is empty"));
  });

  test("the limit counts what is left after the formatting was taken out", async () => {
    const { send, control } = setup();
    const bold = `<b>${"a".repeat(4096)}</b>`;
    expect((await send(bold, { parse_mode: "HTML" })).status).toBe(200);
    expect((await send(bold)).status).toBe(400);
    expect(control.sent(BOT)[0]?.entities).toEqual([{ type: "bold", offset: 0, length: 4096 }]);
  });

  test.each([
    ["<div>x</div>", 'Unsupported start tag "div" at byte offset 0'],
    ["é <br>", 'Unsupported start tag "br" at byte offset 3'],
    ["<b>x", 'Can\'t find end tag corresponding to start tag "b"'],
    ["<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'],
    ["x</b>", "Unexpected end tag at byte offset 1"],
    ["1 < 2", "Unclosed start tag at byte offset 2"],
    ["<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'],
  ])("the HTML %s is refused", async (text, reason) => {
    const { send, control } = setup();
    const answer = await send(text, { parse_mode: "HTML" });
    expect(answer).toMatchObject(refused(400, `Bad Request: can't parse entities: ${reason}`));
    expect(control.sent(BOT)).toEqual([]);
    expect((await send(text)).status).toBe(200);
  });

  test.each([
    ["1.", "Character '.' is reserved and must be escaped with the preceding '\\'"],
    ["a-b", "Character '-' is reserved and must be escaped with the preceding '\\'"],
    ["a | b", "Character '|' is reserved and must be escaped with the preceding '\\'"],
    ["é *b", "Can't find end of Bold entity at byte offset 3"],
    ["_b", "Can't find end of Italic entity at byte offset 0"],
    ["__b_", "Can't find end of Italic entity at byte offset 3"],
    ["`b", "Can't find end of Code entity at byte offset 0"],
    ["[b](http://x", "Can't find end of a URL at byte offset 3"],
  ])("the MarkdownV2 %s is refused", async (text, reason) => {
    const { send, control } = setup();
    const answer = await send(text, { parse_mode: "MarkdownV2" });
    expect(answer).toMatchObject(refused(400, `Bad Request: can't parse entities: ${reason}`));
    expect(control.sent(BOT)).toEqual([]);
    expect((await send(text)).status).toBe(200);
  });

  test("MarkdownV2 becomes text and entities", async () => {
    const { send, control } = setup();
    const lines = [
      "😀 *a _b_* __c__ ~d~ ||e||",
      "[f\\]](https://x.y/\\)z) `g*\\``",
      "```ts",
      "1.2",
      "```",
      ">quote",
      ">more",
    ];
    await send(lines.join("\n"), { parse_mode: "MarkdownV2" });
    expect(control.sent(BOT)[0]).toMatchObject({
      text: "😀 a b c d e\nf] g*`\n1.2\n\nquote\nmore",
      entities: [
        { type: "bold", offset: 3, length: 3 },
        { type: "italic", offset: 5, length: 1 },
        { type: "underline", offset: 7, length: 1 },
        { type: "strikethrough", offset: 9, length: 1 },
        { type: "spoiler", offset: 11, length: 1 },
        { type: "text_link", offset: 13, length: 2, url: "https://x.y/)z" },
        { type: "code", offset: 16, length: 3 },
        { type: "pre", offset: 20, length: 4, language: "ts" },
        { type: "blockquote", offset: 25, length: 10 },
      ],
    });
  });

  test("HTML becomes text and entities", async () => {
    const { send, control } = setup();
    const html = ' 😀 <b>a<i>b</i></b> <a href="https://x.y">&lt;c&gt;</a> &nbsp;&#33;<pre>d</pre>';
    await send(html, { parse_mode: "html" });
    expect(control.sent(BOT)[0]).toMatchObject({
      text: "😀 ab <c> &nbsp;!d",
      entities: [
        { type: "bold", offset: 3, length: 2 },
        { type: "italic", offset: 4, length: 1 },
        { type: "text_link", offset: 6, length: 3, url: "https://x.y" },
        { type: "pre", offset: 17, length: 1 },
      ],
    });
  });

  test("entities may be given as they are, and an unknown parse mode is refused", async () => {
    const { send, control } = setup();
    const entities = [{ type: "bold", offset: 0, length: 2 }];
    await send("hi", { entities });
    expect(control.sent(BOT)[0]?.entities).toEqual(entities);
    expect(await send("hi", { parse_mode: "RTF" })).toMatchObject(
      refused(400, "Bad Request: unsupported parse_mode"),
    );
  });

  test("a reply points to its message, in the new form and in the old one", async () => {
    const { send, control } = setup();
    const reply = await send("yes", { reply_parameters: JSON.stringify({ message_id: 12 }) });
    expect(reply.json).toMatchObject({ result: { reply_to_message: { message_id: 12 } } });
    await send("yes", { reply_to_message_id: 13 });
    expect(control.sent(BOT).map(({ replyToMessageId }) => replyToMessageId)).toEqual([12, 13]);

    control.deleteMessage(BOT, CHAT, 12);
    expect(await send("no", { reply_parameters: { message_id: 12 } })).toMatchObject(
      refused(400, "Bad Request: message to be replied not found"),
    );
    const anyway = { message_id: 12, allow_sending_without_reply: true };
    expect((await send("still", { reply_parameters: anyway })).status).toBe(200);
    expect(control.sent(BOT).at(-1)?.replyToMessageId).toBeNull();
  });

  test("a chat must be given, and must exist", async () => {
    const { send } = setup();
    expect(await send("x", { chat_id: "" })).toMatchObject(
      refused(400, "Bad Request: chat_id is empty"),
    );
    expect(await send("x", { chat_id: "nobody" })).toMatchObject(
      refused(400, "Bad Request: chat not found"),
    );
  });

  test("a user who blocked the bot gets nothing until they think better of it", async () => {
    const { send, control } = setup();
    control.block(CHAT);
    expect(await send("x")).toMatchObject(refused(403, "Forbidden: bot was blocked by the user"));
    control.unblock(CHAT);
    expect((await send("x")).status).toBe(200);
  });

  test("a group that became a supergroup names it, one that is gone is not found", async () => {
    const { send, control } = setup();
    control.migrate(BOT, -77, -1001234567890);
    expect(await send("x", { chat_id: -77 })).toMatchObject({
      status: 400,
      json: {
        description: "Bad Request: group chat was upgraded to a supergroup chat",
        parameters: { migrate_to_chat_id: -1001234567890 },
      },
    });
    expect((await send("x", { chat_id: -1001234567890 })).status).toBe(200);
    control.block(-1001234567890);
    expect(await send("x", { chat_id: -1001234567890 })).toMatchObject(
      refused(403, "Forbidden: bot was kicked from the supergroup chat"),
    );
    control.removeChat(BOT, CHAT);
    expect(await send("x")).toMatchObject(refused(400, "Bad Request: chat not found"));
  });

  test("a form and a query say the same as JSON", async () => {
    const { core, control } = setup();
    const url = `http://telegram.test/bot${TOKEN}/sendMessage`;
    const body = new URLSearchParams({ chat_id: String(CHAT), text: "form" });
    await core.fetch(url, { method: "POST", body });
    await core.fetch(`${url}?chat_id=${CHAT}&text=query`);
    expect(control.sent(BOT).map(({ text }) => text)).toEqual(["form", "query"]);
  });
});

describe("bad days", () => {
  test("429 says when to come back", async () => {
    const { send, control } = setup();
    control.fault({ match: { action: "sendMessage" }, times: 1, effect: tooManyRequests(7) });
    const answer = await send("x");
    expect(answer.json).toMatchObject({ error_code: 429, parameters: { retry_after: 7 } });
    expect(answer.headers.get("retry-after")).toBe("7");
    expect((await send("x")).status).toBe(200);
    expect(control.sent(BOT)).toHaveLength(1);
  });

  test("an answer may be lost after the message was sent", async () => {
    const { send, control } = setup();
    control.fault({ times: 1, phase: "after", effect: { kind: "reset" } });
    await expect(send("x")).rejects.toThrow(TypeError);
    expect(control.sent(BOT)).toHaveLength(1);
  });

  test("nothing is sent by a server that is down", async () => {
    const { core, control } = setup();
    control.fault({ effect: { kind: "status", status: 502, html: "<h1>Bad Gateway</h1>" } });
    const answer = await core.fetch(
      `http://telegram.test/bot${TOKEN}/sendMessage?chat_id=1&text=a`,
    );
    expect(answer.status).toBe(502);
    expect(control.sent(BOT)).toEqual([]);
  });

  test("the log knows the methods and no token", async () => {
    const { send, control } = setup();
    await send("x");
    expect(control.log()).toEqual([
      { at: expect.any(Number) as number, botId: BOT, method: "sendMessage", status: 200 },
    ]);
  });
});

describe("editMessageText", () => {
  test("changes what was sent, and says when there is nothing to change", async () => {
    const { call, send, control } = setup();
    await send("draft");
    const edit = (text: string, message_id: number, more = {}) =>
      call("editMessageText", { chat_id: CHAT, message_id, text, ...more });
    expect((await edit("<b>final</b>", 1, { parse_mode: "HTML" })).json).toMatchObject({
      result: { message_id: 1, text: "final", entities: [{ type: "bold" }] },
    });
    expect(control.sent(BOT)).toMatchObject([{ messageId: 1, text: "final", parseMode: "HTML" }]);
    const same = await edit("<b>final</b>", 1, { parse_mode: "HTML" });
    expect(same).toMatchObject({
      status: 400,
      json: { description: expect.stringContaining("message is not modified") as unknown },
    });
    expect(await edit("x", 9)).toMatchObject(
      refused(400, "Bad Request: message to edit not found"),
    );
    expect((await edit("<b>x", 1, { parse_mode: "HTML" })).json).toMatchObject({
      description:
        "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"",
    });
    await call("sendPhoto", { chat_id: CHAT, photo: "https://x.y/a.png" });
    expect(await edit("x", 2)).toMatchObject(
      refused(400, "Bad Request: there is no text in the message to edit"),
    );
    expect(control.sent(BOT)[0]).toMatchObject({ text: "final" });
  });
});

test("a chat action is noted, an unknown one is refused", async () => {
  const { call, control } = setup();
  const act = (action: string) => call("sendChatAction", { chat_id: CHAT, action });
  expect((await act("typing")).json).toEqual({ ok: true, result: true });
  expect(control.actions(BOT)).toMatchObject([{ chatId: CHAT, action: "typing" }]);
  expect((await act("dancing")).status).toBe(400);
});
