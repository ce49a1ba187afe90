/** The fallback: OpenClaw's OpenAI-compatible endpoint. It knows no idempotency key and returns no media. */
import { z } from "zod";
import { deadline, type Clock } from "../../clock.js";
import { describe } from "../../errors.js";
import { EngineError, type Turn } from "../engine.js";
import type { RunEnd } from "./outcome.js";

const answerSchema = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string().nullish() }) })).min(1),
});
const errorSchema = z.object({ error: z.object({ message: z.string() }) });

/** One turn. Leaving aborts the run: the gateway ends it when its client is gone. */
export async function runOverHttp(
  deps: { url: string; token: string; sessionKey: string; clock: Clock; fetch?: typeof fetch },
  turn: Turn,
  message: string,
): Promise<RunEnd> {
  const limit = deadline(turn.timeoutMs, deps.clock, turn.signal);
  const system = turn.systemPrompt === null ? [] : [{ role: "system", content: turn.systemPrompt }];
  try {
    const response = await (deps.fetch ?? fetch)(`${deps.url}/v1/chat/completions`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${deps.token}`,
        "x-openclaw-session-key": deps.sessionKey,
      },
      body: JSON.stringify({
        model: "openclaw/main",
        messages: [...system, { role: "user", content: message }],
      }),
      signal: limit.signal,
    });
    const body: unknown = await response.json().catch(() => null);
    const told = errorSchema.safeParse(body).data?.error.message;
    if (!response.ok)
      return { kind: "failed", reason: `HTTP ${response.status}: ${told ?? "error"}` };
    const text = answerSchema.safeParse(body).data?.choices[0]?.message.content?.trim() ?? "";
    if (text === "") return { kind: "failed", reason: "ok: an empty answer" };
    return { kind: "answered", text, mediaUrls: [] };
  } catch (error) {
    if (turn.signal.aborted) throw new EngineError("Aborted.", { retryable: true });
    if (limit.expired()) return { kind: "failed", reason: "timeout: no answer in time" };
    throw new EngineError(`OpenClaw could not be asked: ${describe(error)}`, { retryable: true });
  } finally {
    limit.cancel();
  }
}
