import { expect, test } from "vitest";
import { readTelegramAnswer } from "./telegramAnswer.js";

test("an answer of Telegram's own is read, whatever the status says", () => {
  expect(readTelegramAnswer(200, { ok: true, result: 7 })).toEqual({ kind: "ok", result: 7 });
  const parameters = { retry_after: 5, migrate_to_chat_id: -1001234567890123 };
  const body = { ok: false, error_code: 429, description: "Too Many Requests", parameters };
  expect(readTelegramAnswer(500, body)).toEqual({
    ...{ kind: "refused", status: 429, description: "Too Many Requests" },
    ...{ retryAfterMs: 5_000, migrateToChatId: "-1001234567890123" },
  });
});

test.each([200, 204, 500, 502])("status %i of a front end: it may have been acted on", (status) => {
  for (const body of [undefined, null, "<html>", { ok: "yes" }])
    expect(readTelegramAnswer(status, body)).toBeNull();
});

test.each([302, 404, 413])("status %i of a front end is a refusal", (status) => {
  expect(readTelegramAnswer(status, undefined)).toMatchObject({
    ...{ kind: "refused", status, description: `status ${status}`, retryAfterMs: undefined },
  });
});
