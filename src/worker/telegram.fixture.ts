/** A Bot API behind `fetch`. */
export const TELEGRAM_TOKEN = "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/** A Bot API that answers `sendMessage` from a script, then with success. */
export function telegram(...script: ("ok" | "reset" | { status: number; body: object })[]) {
  const sent: string[] = [];
  const fetch = ((url: string, init: { body: string }) => {
    const body = JSON.parse(init.body) as { text?: string };
    if (url.endsWith("/sendMessage")) {
      sent.push(body.text ?? "");
      const step = script.shift() ?? "ok";
      if (step === "reset") {
        return Promise.reject(new TypeError("fetch failed", { cause: { code: "ECONNRESET" } }));
      }
      if (step !== "ok") return Promise.resolve(Response.json(step.body, { status: step.status }));
    }
    return Promise.resolve(Response.json({ ok: true, result: { message_id: sent.length } }));
  }) as typeof globalThis.fetch;
  return { sent, fetch };
}
