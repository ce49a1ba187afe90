import type { Update } from "@grammyjs/types";
import { describe, expect, expectTypeOf, test } from "vitest";
import type { z } from "zod";
import { SAMPLES } from "./samples.fixture.js";
import type { vUpdate } from "./schemas.js";
import { readUpdate } from "./update.js";

const said = (more: Record<string, unknown>) =>
  readUpdate({
    update_id: 1,
    message: { message_id: 1, chat: { id: 5, type: "private" }, from: { id: 5 }, ...more },
  });
const textOf = (update: unknown) => {
  const read = readUpdate(update);
  return read !== null && "message" in read ? read.message.text : null;
};

test("everything the Bot API can send is something the schema takes, with the same types", () => {
  type Read = z.input<typeof vUpdate>;
  expectTypeOf<Pick<Update, keyof Read & keyof Update>>().toExtend<Read>();
  expectTypeOf<keyof Read>().toExtend<keyof Update>();
});

describe("what is read", () => {
  test.each([
    ["text", { kind: "message", message: { text: "hello", isPrivate: true, isTyped: true } }],
    ["photo", { message: { text: "look", files: [{ kind: "photo", telegramFileId: "p" }] } }],
    ["album", { message: { mediaGroupId: "g", text: "" } }],
    ["location", { message: { text: "[location] 45.46, 9.19", isTyped: false } }],
    ["venue", { message: { text: "[venue] Duomo, Piazza del Duomo (45.46, 9.19)" } }],
    ["contact", { message: { text: "[contact] Bob Stone, +39 02 1234" } }],
    ["dice", { message: { text: "[dice] 🎲 4" } }],
    ["topic", { message: { threadId: 7, isPrivate: false } }],
    ["edit", { kind: "edit", message: { messageId: 1, editedAt: 1_800_000_005 } }],
    [
      "callback",
      { kind: "callback", message: { callbackId: "99001", text: "yes", userId: "501" } },
    ],
    ["inlineCallback", { kind: "stray_callback", callbackId: "99002" }],
    ["blocked", { kind: "membership", status: "kicked", isPrivate: true }],
    ["migrateTo", { kind: "migration", fromChatId: "-4321", toChatId: "-1001234567890" }],
    ["migrateFrom", { kind: "migration", fromChatId: "-4321", toChatId: "-1001234567890" }],
    ["channelPost", { kind: "other" }],
  ] as const)("%s", (name, read) => {
    expect(readUpdate(SAMPLES[name])).toMatchObject(read);
  });

  test.each([
    [
      "poll",
      { question: "Where?", options: [{ text: "A" }, { text: "B" }] },
      "[poll] Where?\n- A\n- B",
    ],
    ["checklist", { title: "Buy", tasks: [{ text: "milk" }] }, "[checklist] Buy\n- milk"],
    [
      "rich_message",
      {
        blocks: [
          { type: "heading", text: ["A ", { type: "bold", text: "list" }] },
          { type: "list", items: [{ label: "1", blocks: [{ type: "paragraph", text: "one" }] }] },
        ],
      },
      "A list\none",
    ],
  ])("a %s is told in words", (field, content, words) => {
    expect(said({ [field]: content })).toMatchObject({ message: { text: words } });
  });

  test("a story is named, so that the person can be told", () => {
    expect(said({ story: { id: 1, chat: {} } })).toMatchObject({
      message: { text: "", unreadable: "story" },
    });
  });

  test.each([
    ["another bot", { from: { id: 9, is_bot: true } }],
    ["an anonymous admin", { sender_chat: { id: -1 } }],
    ["a channel's automatic forward", { is_automatic_forward: true }],
  ])("%s is nobody to answer", (_who, more) => {
    expect(said(more)).toMatchObject({ message: { isAutomatic: true } });
  });

  test("nested beyond reason, or with half a character, it is still read", () => {
    let blocks: unknown = "deep";
    for (let depth = 0; depth < 5_000; depth++) blocks = { blocks: [blocks] };
    expect(
      textOf({ message: { chat: { id: 1 }, from: { id: 1 }, rich_message: { blocks: [blocks] } } }),
    ).toBe("");
    expect(said({ text: "a\ud800b" })).toMatchObject({ message: { text: "a\ufffdb" } });
  });
});
