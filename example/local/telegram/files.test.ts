import { expect, test } from "vitest";
import { BOT, CHAT, refused, setup, TOKEN } from "./client.setup.js";
import { startLocalTelegram } from "./server.js";

test("a file of a user is downloaded by the path that getFile gives, for an hour", async () => {
  const { call, core, control } = setup();
  const fileId = control.setFile(BOT, {
    bytes: "voice",
    name: "file_3.oga",
    mimeType: "audio/ogg",
  });
  const { json } = await call("getFile", { file_id: fileId });
  expect(json).toMatchObject({ ok: true, result: { file_id: fileId, file_size: 5 } });
  const path = /"file_path":"(voice\/[^"]+)"/.exec(JSON.stringify(json))?.[1] ?? "none";
  const download = () => core.fetch(`http://telegram.test/file/bot${TOKEN}/${path}`);
  const file = await download();
  expect(file.headers.get("content-type")).toBe("application/octet-stream");
  expect(await file.text()).toBe("voice");
  await control.advance(3_600_000);
  expect((await download()).status).toBe(404);
  const stranger = await core.fetch(`http://telegram.test/file/bot77001:wrong/${path}`);
  expect(stranger.status).toBe(401);
});

test("a file that is unknown or over 20 MB cannot be had", async () => {
  const { call, control } = setup();
  expect(await call("getFile", { file_id: "x" })).toMatchObject(
    refused(400, "Bad Request: invalid file_id"),
  );
  const fileId = control.setFile(BOT, { bytes: new Uint8Array(20 * 2 ** 20 + 1) });
  expect(await call("getFile", { file_id: fileId })).toMatchObject(
    refused(400, "Bad Request: file is too big"),
  );
});

test.each(["audio", "document", "photo"] as const)(
  "an uploaded %s arrives with its bytes and caption, and can be sent again by id",
  async (kind) => {
    const { call, control } = setup();
    const method = `send${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
    const form = new FormData();
    form.set("chat_id", String(CHAT));
    form.set("caption", "<b>listen</b>");
    form.set("parse_mode", "HTML");
    form.set(kind, new File(["bytes"], "name.bin", { type: "application/x-test" }));
    expect(await call(method, form)).toMatchObject({
      status: 200,
      json: { result: { caption: "listen", caption_entities: [{ type: "bold" }] } },
    });
    const [sent] = control.sent(BOT);
    expect(sent).toMatchObject({ kind, text: "listen", file: { name: "name.bin" } });
    expect(new TextDecoder().decode(sent?.file?.bytes)).toBe("bytes");

    const again = await call(method, { chat_id: CHAT, [kind]: sent?.file?.fileId });
    expect(again.status).toBe(200);
    expect(await call(method, { chat_id: CHAT, [kind]: "nothing" })).toMatchObject(
      refused(400, "Bad Request: wrong file identifier/HTTP URL specified"),
    );
    expect(await call(method, { chat_id: CHAT })).toMatchObject(
      refused(400, `Bad Request: there is no ${kind} in the request`),
    );
    const caption = "a".repeat(1025);
    expect(
      await call(method, { chat_id: CHAT, [kind]: sent?.file?.fileId, caption }),
    ).toMatchObject(refused(400, "Bad Request: message caption is too long"));
  },
);

test("over HTTP, multipart and downloads keep every byte, and close frees the port", async () => {
  const telegram = await startLocalTelegram({
    bots: [{ id: BOT, username: "helper_bot", token: TOKEN }],
  });
  expect(telegram.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const bytes = new Uint8Array(256).map((_, index) => index);
  const form = new FormData();
  form.set("chat_id", String(CHAT));
  form.set("document", "attach://data");
  form.set("data", new File([bytes], "all.bin"));
  const url = `${telegram.url}/bot${TOKEN}`;
  await fetch(`${url}/sendDocument`, { method: "POST", body: form });
  const file = telegram.control.sent(BOT)[0]?.file;
  expect(file?.bytes).toEqual(bytes);

  const answer = await fetch(`${url}/getFile?file_id=${file?.fileId}`);
  const path = /"file_path":"([^"]+)"/.exec(await answer.text())?.[1] ?? "none";
  const download = await fetch(`${telegram.url}/file/bot${TOKEN}/${path}`);
  expect(new Uint8Array(await download.arrayBuffer())).toEqual(bytes);
  await telegram.close();
  await expect(fetch(telegram.url)).rejects.toThrow("fetch failed");
});
