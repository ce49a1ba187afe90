import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { virtualClock } from "../clock.fixture.js";
import { createBench, scriptedEngine } from "../run.fixture.js";
import { TELEGRAM_TOKEN as TOKEN } from "../telegram.fixture.js";
import { kindOf, mediaPart, mediaRef, plainText } from "./media.js";
import { telegramChannel } from "./telegram.js";
import type { TelegramAnswer, Upload } from "./telegramApi.js";

let dataDir = "";
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "af-media-"));
  await mkdir(join(dataDir, "workspace"));
});
afterEach(async () => await rm(dataDir, { recursive: true, force: true }));

const ok: TelegramAnswer = { kind: "ok", result: { message_id: 5 } };
const refused = (status: number, description: string): TelegramAnswer => ({
  ...{ kind: "refused", status, description },
  ...{ retryAfterMs: undefined, migrateToChatId: undefined },
});

function channelAnswering(...answers: TelegramAnswer[]) {
  const calls: { method: string; body: Record<string, unknown>; upload?: Upload }[] = [];
  const api = (method: string, body: Record<string, unknown>, upload?: Upload) => {
    calls.push({ method, body, ...(upload === undefined ? {} : { upload }) });
    return Promise.resolve(answers.shift() ?? ok);
  };
  const target = { chatId: "-100", threadId: 7 };
  return { calls, channel: telegramChannel(api, target, { clock: virtualClock(), dataDir }) };
}
const addressed = { chat_id: "-100", message_thread_id: 7 };

test.each([
  ["a.PNG", "photo"],
  ["a.jpeg", "photo"],
  ["a.gif", "animation"],
  ["a.mp4", "video"],
  ["a.ogg", "voice"],
  ["a.mp3", "audio"],
  ["a.pdf", "document"],
  ["png", "document"],
])("%s goes out as %s", (name, kind) => expect(kindOf(name)).toBe(kind));

test("an agent cannot write a file's part by talking", () => {
  expect(mediaRef(mediaPart("x"))).toBe("x");
  expect(mediaRef(plainText(mediaPart("x")))).toBeNull();
});

test("a file of the workspace is uploaded into the topic", async () => {
  await writeFile(join(dataDir, "workspace/chart.png"), "pixels");
  for (const ref of ["chart.png", "./chart.png", join(dataDir, "workspace/chart.png")]) {
    const { calls, channel } = channelAnswering();
    expect(await channel.send(mediaPart(ref))).toEqual({ kind: "sent", externalMessageId: "5" });
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({ method: "sendPhoto", body: addressed });
    expect(calls[0]?.upload).toMatchObject({ field: "photo", name: "chart.png" });
    expect(Buffer.from(calls[0]?.upload?.bytes ?? []).toString()).toBe("pixels");
  }
});

test("so is a file that a tool made beside the workspace", async () => {
  await mkdir(join(dataDir, ".clawdbot/media"), { recursive: true });
  await writeFile(join(dataDir, ".clawdbot/media/voice.ogg"), "sound");
  const { calls, channel } = channelAnswering();
  await channel.send(mediaPart(join(dataDir, ".clawdbot/media/voice.ogg")));
  expect(calls[0]).toMatchObject({ method: "sendVoice", upload: { field: "voice" } });
});

test("an https address is for Telegram to fetch", async () => {
  const { calls, channel } = channelAnswering();
  await channel.send(mediaPart("https://example.com/a/song.mp3?x=1"));
  expect(calls).toEqual([
    { method: "sendAudio", body: { ...addressed, audio: "https://example.com/a/song.mp3?x=1" } },
  ]);
});

test("what Telegram cannot show as a picture goes out as a document, what it refuses as that is said", async () => {
  await writeFile(join(dataDir, "workspace/a.png"), "odd");
  const one = channelAnswering(refused(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"));
  expect(await one.channel.send(mediaPart("a.png"))).toMatchObject({ kind: "sent" });
  expect(one.calls.map((call) => call.method)).toEqual(["sendPhoto", "sendDocument"]);
  const two = channelAnswering(refused(400, "no"), refused(413, "Request Entity Too Large"));
  expect(await two.channel.send(mediaPart("a.png"))).toMatchObject({ kind: "sent" });
  expect(two.calls[2]).toEqual({
    method: "sendMessage",
    body: { ...addressed, text: "(a.png could not be sent: Request Entity Too Large)" },
  });
});

test("a blocked bot, a full hour and a lost answer mean what they mean for texts", async () => {
  const ref = mediaPart("https://example.com/a.png");
  const blocked = channelAnswering(refused(403, "Forbidden: bot was blocked by the user"));
  expect(await blocked.channel.send(ref)).toMatchObject({ kind: "refused", permanent: true });
  const busy = channelAnswering(refused(429, "Too Many Requests"));
  expect(await busy.channel.send(ref)).toMatchObject({ kind: "refused", retryAfterMs: 5_000 });
  const lost = channelAnswering({ kind: "unknown", reason: "reset" });
  expect(await lost.channel.send(ref)).toEqual({ kind: "unknown", reason: "reset" });
});

describe("what is no file of the workspace is not given away", () => {
  test.each([
    ["/etc/passwd", /not a file of the workspace/],
    ["../secret.txt", /not a file of the workspace/],
    ["workspace/../../secret.txt", /not there|not a file of the workspace/],
    ["link.txt", /not a file of the workspace/],
    ["file:///etc/passwd", /not a file of the workspace/],
    ["http://169.254.169.254/latest", /not there/],
    ["gone.txt", /not there/],
    ["folder", /not a file/],
    ["empty.txt", /empty/],
    ["huge.bin", /larger than 50 MB/],
    ["", /not a file/],
  ])("%s", async (ref, why) => {
    await writeFile(join(dataDir, "secret.txt"), "secret");
    await symlink(join(dataDir, "secret.txt"), join(dataDir, "workspace/link.txt"));
    await mkdir(join(dataDir, "workspace/folder"));
    await writeFile(join(dataDir, "workspace/empty.txt"), "");
    await writeFile(join(dataDir, "workspace/huge.bin"), "");
    await truncate(join(dataDir, "workspace/huge.bin"), 50 * 1024 * 1024 + 1);
    const { calls, channel } = channelAnswering();
    expect(await channel.send(mediaPart(ref))).toMatchObject({ kind: "sent" });
    expect(calls).toHaveLength(1);
    expect(calls[0]?.method).toBe("sendMessage");
    expect(String(calls[0]?.body["text"])).toMatch(why);
  });
});

describe("a worker", () => {
  /** What Telegram got: a text, or the name of an uploaded file. */
  const listening = () => {
    const heard: string[] = [];
    const fetch = ((url: string, init: { body: string | FormData }) => {
      if (init.body instanceof FormData) {
        const file = [...init.body.values()].find((value) => value instanceof File);
        heard.push(`${url.split("/").at(-1)} ${(file as File | undefined)?.name}`);
      } else if (!url.endsWith("sendChatAction"))
        heard.push((JSON.parse(init.body) as { text: string }).text);
      return Promise.resolve(Response.json({ ok: true, result: { message_id: heard.length } }));
    }) as typeof globalThis.fetch;
    return { heard, fetch };
  };
  const answering = async (text: string) => {
    const bench = await createBench({ conversationId: "c1", telegramBotToken: TOKEN });
    const message = bench.fake.enqueue("draw", { provider: "telegram" });
    bench.stopWhen(() => message.status === "done" || message.status === "dead");
    await mkdir(join(bench.dataDir, "workspace"), { recursive: true });
    const engine = {
      ...scriptedEngine(() => text),
      run: async () => {
        await writeFile(join(bench.dataDir, "workspace/chart.png"), "pixels");
        return { text, mediaUrls: ["chart.png"] };
      },
    };
    const { heard, fetch } = listening();
    await bench.clock.drive(bench.start({ engine, fetch }).exit);
    await bench.dispose();
    return { message, heard };
  };

  test("sends the text, then the file, each recorded as a part", async () => {
    const { message, heard } = await answering("Here it is.");
    expect(heard).toEqual(["Here it is.", "sendPhoto chart.png"]);
    expect(message).toMatchObject({ status: "done", answer: { text: "Here it is." } });
    expect(message.answer?.parts.map((part) => part.state)).toEqual(["sent", "sent"]);
  });

  test("says of files that no channel takes that they were not sent", async () => {
    const bench = await createBench({ conversationId: "c1" });
    const message = bench.fake.enqueue("draw");
    bench.stopWhen(() => message.status === "done");
    const engine = {
      ...scriptedEngine(() => ""),
      run: () => Promise.resolve({ text: "", mediaUrls: ["chart.png"] }),
    };
    await bench.clock.drive(bench.start({ engine }).exit);
    await bench.dispose();
    expect(message.answer).toMatchObject({ text: "(not sent: chart.png)" });
  });

  test("sends a file without a text, and the history says so", async () => {
    const { message, heard } = await answering("");
    expect(heard).toEqual(["sendPhoto chart.png"]);
    expect(message.answer).toMatchObject({ text: "(sent chart.png)" });
  });
});
