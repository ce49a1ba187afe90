import { expect, test } from "vitest";
import { BOT, refused, setup } from "./client.setup.js";

const URL_ = "https://happy-animal-123.convex.site/agent-factory/telegram/webhook";

test("a webhook is kept with its secret, and shown without it", async () => {
  const { call, control } = setup();
  const given = { url: URL_, secret_token: "a_secret-1", max_connections: 20 };
  expect(await call("setWebhook", given)).toMatchObject({
    status: 200,
    json: { ok: true, result: true, description: "Webhook was set" },
  });
  expect(control.webhook(BOT)).toEqual({
    url: URL_,
    secretToken: "a_secret-1",
    maxConnections: 20,
  });
  const info = await call("getWebhookInfo");
  expect(info.json).toMatchObject({
    result: {
      url: URL_,
      has_custom_certificate: false,
      pending_update_count: 0,
      max_connections: 20,
    },
  });
  expect(JSON.stringify(info.json)).not.toContain("a_secret-1");
  expect(info.json).not.toHaveProperty("result.allowed_updates");
});

test("setting it again without a secret drops the secret and keeps the allowed updates", async () => {
  const { call, control } = setup();
  const allowed = ["callback_query", "message", "no_such_update"];
  await call("setWebhook", { url: URL_, secret_token: "a", allowed_updates: allowed });
  await control.advance(1000);
  await call("setWebhook", { url: URL_ });
  expect(control.webhook(BOT)?.secretToken).toBeNull();
  expect((await call("getWebhookInfo")).json).toMatchObject({
    result: { allowed_updates: ["message", "callback_query"] },
  });
  await control.advance(1000);
  expect((await call("setWebhook", { url: URL_ })).json).toMatchObject({
    description: "Webhook is already set",
  });
  await control.advance(1000);
  await call("setWebhook", { url: URL_, allowed_updates: "[]" });
  expect((await call("getWebhookInfo")).json).not.toHaveProperty("result.allowed_updates");
});

test("more than one setting in a second is too many", async () => {
  const { call, control } = setup();
  await call("setWebhook", { url: URL_ });
  expect((await call("setWebhook", { url: URL_ })).json).toMatchObject({
    error_code: 429,
    parameters: { retry_after: 1 },
  });
  await control.advance(1000);
  expect((await call("setWebhook", { url: URL_ })).status).toBe(200);
});

test.each([
  [{ url: "http://example.com/hook" }, "bad webhook: An HTTPS URL must be provided for webhook"],
  [
    { url: "https://example.com:3000/hook" },
    "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
  ],
  [{ url: "nowhere" }, "invalid webhook URL specified"],
  [{ url: URL_, secret_token: "with space" }, "secret token contains unallowed characters"],
  [{ url: URL_, secret_token: "a".repeat(257) }, "secret token is too long"],
])("%j is refused and changes nothing", async (given, reason) => {
  const { call, control } = setup();
  expect(await call("setWebhook", given)).toMatchObject(refused(400, `Bad Request: ${reason}`));
  expect(control.webhook(BOT)).toBeNull();
});

test("plain HTTP will do on the loopback interface", async () => {
  const { call } = setup();
  expect((await call("setWebhook", { url: "http://127.0.0.1:3211/hook" })).status).toBe(200);
});

test.each([
  ["deleteWebhook", {}],
  ["setWebhook", { url: "" }],
])("%s removes it", async (method, given) => {
  const { call, control } = setup();
  await call("setWebhook", { url: URL_ });
  expect((await call(method, given)).json).toMatchObject({ description: "Webhook was deleted" });
  expect(control.webhook(BOT)).toBeNull();
  expect((await call("getWebhookInfo")).json).toMatchObject({ result: { url: "" } });
  expect((await call(method, given)).json).toMatchObject({
    result: true,
    description: "Webhook is already deleted",
  });
});
