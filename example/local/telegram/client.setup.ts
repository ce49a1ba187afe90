import { createLocalTelegramCore } from "./core.js";

export const TOKEN = "77001:a-token-that-nobody-would-guess-xx";
export const BOT = 77001;
export const CHAT = 555;

export interface Answer {
  status: number;
  json: unknown;
  headers: Headers;
}

/** A virtual-clock server with one bot, and the calls of that bot. */
export function setup() {
  const core = createLocalTelegramCore({
    clock: "virtual",
    bots: [{ id: BOT, username: "helper_bot", token: TOKEN, firstName: "Helper" }],
  });

  async function call(
    method: string,
    parameters: Record<string, unknown> | FormData = {},
    token = TOKEN,
  ): Promise<Answer> {
    const response = await core.fetch(`http://telegram.test/bot${token}/${method}`, {
      method: "POST",
      ...(parameters instanceof FormData
        ? { body: parameters }
        : {
            headers: { "content-type": "application/json" },
            body: JSON.stringify(parameters),
          }),
    });
    return { status: response.status, json: await response.json(), headers: response.headers };
  }
  const send = (text: string, more: Record<string, unknown> = {}) =>
    call("sendMessage", { chat_id: CHAT, text, ...more });

  return { core, control: core.control, call, send };
}

export function refused(code: number, description: string) {
  return { status: code, json: { ok: false, error_code: code, description } };
}
