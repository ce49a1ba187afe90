import { describe, expect, test } from "vitest";
import { BOT, CHAT, refused, setup } from "./client.setup.js";

const form = (fields: Record<string, string | Blob>) => {
  const body = new FormData();
  for (const [name, value] of Object.entries({ chat_id: String(CHAT), ...fields }))
    if (typeof value === "string") body.set(name, value);
    else body.set(name, value, `${name}.bin`);
  return body;
};

describe("a file that is uploaded", () => {
  test.each([
    ["sendPhoto", "photo", [{ width: 800 }]],
    ["sendVideo", "video", { duration: 0, width: 800, file_name: "video.bin" }],
    ["sendAnimation", "animation", { duration: 0, file_name: "animation.bin" }],
    ["sendVoice", "voice", { duration: 0 }],
    ["sendAudio", "audio", { duration: 0, file_name: "audio.bin" }],
    ["sendDocument", "document", { file_name: "document.bin" }],
  ])("by %s is shown as such", async (method, kind, view) => {
    const { call, control } = setup();
    const answer = await call(
      method,
      form({ [kind]: new Blob(["bytes"]), caption: "<i>see</i>", parse_mode: "HTML" }),
    );
    expect(answer.json).toMatchObject({
      ok: true,
      result: { message_id: 1, chat: { id: CHAT }, caption: "see", [kind]: view },
    });
    expect(control.sent(BOT)).toMatchObject([
      { kind, text: "see", entities: [{ type: "italic" }], file: { name: `${kind}.bin` } },
    ]);
    const bytes = control.sent(BOT)[0]?.file?.bytes;
    expect(new TextDecoder().decode(bytes)).toBe("bytes");
    const { result } = answer.json as { result: Record<string, unknown> };
    expect("document" in result).toBe(kind === "document" || kind === "animation");
  });

  test.each([
    ["sendPhoto", "photo", 10],
    ["sendVideo", "video", 50],
    ["sendVoice", "voice", 50],
  ])("by %s has at most its size", async (method, kind, megabytes) => {
    const { call, control } = setup();
    const large = new Blob([new Uint8Array(megabytes * 2 ** 20 + 1)]);
    expect(await call(method, form({ [kind]: large }))).toMatchObject(
      refused(413, "Request Entity Too Large"),
    );
    expect(await call(method, form({ [kind]: new Blob([]) }))).toMatchObject(
      refused(400, "Bad Request: file must be non-empty"),
    );
    expect(control.sent(BOT)).toEqual([]);
  });

  test("needs a chat that takes it and a caption that can be read", async () => {
    const { call, control } = setup();
    const photo = new Blob(["x"]);
    const broken = await call(
      "sendPhoto",
      form({ photo, caption: "a.b", parse_mode: "MarkdownV2" }),
    );
    expect(broken).toMatchObject({ status: 400 });
    expect(await call("sendPhoto", form({ photo, caption: "a".repeat(1025) }))).toMatchObject(
      refused(400, "Bad Request: message caption is too long"),
    );
    control.block(CHAT);
    expect(await call("sendPhoto", form({ photo }))).toMatchObject({ status: 403 });
    expect(control.sent(BOT)).toEqual([]);
  });
});

describe("sendMediaGroup", () => {
  const album = (media: object[]) => JSON.stringify(media);

  test("shows uploads, known files and addresses together", async () => {
    const { call, control } = setup();
    const fileId = control.setFile(BOT, { bytes: "known", name: "known.mp4" });
    const answer = await call(
      "sendMediaGroup",
      form({
        one: new Blob(["first"]),
        media: album([
          { type: "photo", media: "attach://one", caption: "*two*", parse_mode: "MarkdownV2" },
          { type: "video", media: fileId },
          { type: "photo", media: "https://x.y/z.png" },
        ]),
      }),
    );
    const { result } = answer.json as { result: { media_group_id: string; message_id: number }[] };
    expect(result.map((message) => message.message_id)).toEqual([1, 2, 3]);
    expect(new Set(result.map((message) => message.media_group_id)).size).toBe(1);
    expect(result[0]?.media_group_id).toMatch(/^\d+$/);
    expect(control.sent(BOT)).toMatchObject([
      { kind: "photo", text: "two", entities: [{ type: "bold" }] },
      { kind: "video", text: "", file: { name: "known.mp4" } },
      { kind: "photo", text: "" },
    ]);
  });

  const photo = { type: "photo", media: "https://x.y/z.png" };
  test.each([
    ["none", [], "there are no messages to send"],
    ["eleven", Array.from({ length: 11 }, () => photo), "too many messages to send as an album"],
    [
      "documents among photos",
      [photo, { type: "document", media: "https://x.y/z.pdf" }],
      "Document can't be mixed with other media types",
    ],
    [
      "one that is unknown",
      [photo, { ...photo, media: "gone" }],
      "wrong file identifier/HTTP URL specified",
    ],
  ])("with %s sends nothing", async (_what, media, reason) => {
    const { call, control } = setup();
    expect(await call("sendMediaGroup", { chat_id: CHAT, media })).toMatchObject(
      refused(400, `Bad Request: ${reason}`),
    );
    expect(control.sent(BOT)).toEqual([]);
  });
});
