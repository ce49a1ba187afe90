import { z } from "zod";
import type { Clock } from "../clock.js";
import type { Payload } from "../protocol.js";
import type { Channel, SendOutcome } from "./channel.js";
import { boundParts, splitText } from "./split.js";
import type { TelegramAnswer, TelegramApi } from "./telegramApi.js";

/** Telegram counts code points, after its own parsing; ours are counted before, which is never more. */
export const TELEGRAM_TEXT_LIMIT = 4_096;
/** What the gateway stores for one answer. */
export const MAX_PARTS = 64;
/** Telegram shows "typing" for five seconds. */
const TYPING_INTERVAL_MS = 4_000;
/** Adjustments of one message: plain text, without topic, to the migrated chat. */
const MAX_ADJUSTMENTS = 3;

const sentMessage = z.object({ message_id: z.number() });

export type TelegramTarget = { chatId: string; threadId: number | null };

/** Where a message's answer goes. */
export function telegramTarget(payload: Payload): TelegramTarget {
  const thread = Number(payload.metadata?.["telegramThreadId"] ?? Number.NaN);
  return {
    chatId: payload.metadata?.["telegramChatId"] ?? payload.providerUserId,
    // The "General" topic has number 1 and must not be named.
    threadId: Number.isSafeInteger(thread) && thread > 1 ? thread : null,
  };
}

type Shape = { chatId: string; threadId: number | null; html: boolean };

/** How to send again after a refusal that another shape of the same message may avoid; null if there is none. */
export function adjust(shape: Shape, refusal: TelegramAnswer & { kind: "refused" }): Shape | null {
  if (refusal.migrateToChatId !== undefined && refusal.migrateToChatId !== shape.chatId) {
    return { ...shape, chatId: refusal.migrateToChatId };
  }
  if (
    shape.html &&
    /can't parse .*entities|entit(y|ies)\b.*(invalid|too long)/i.test(refusal.description)
  ) {
    return { ...shape, html: false };
  }
  if (
    shape.threadId !== null &&
    /message thread not found|TOPIC_(CLOSED|DELETED)/i.test(refusal.description)
  ) {
    return { ...shape, threadId: null };
  }
  return null;
}

/** What a final refusal means for the message. */
export function judge(refusal: TelegramAnswer & { kind: "refused" }): SendOutcome {
  const reason = `Telegram refused the message (${refusal.status}): ${refusal.description}`;
  if (refusal.status === 429) {
    return {
      kind: "refused",
      reason,
      permanent: false,
      retryAfterMs: refusal.retryAfterMs ?? 5_000,
    };
  }
  return { kind: "refused", reason, permanent: refusal.status < 500 };
}

/** Sends to one chat. HTML first; what Telegram cannot parse goes out as plain text. */
export function telegramChannel(api: TelegramApi, target: TelegramTarget, clock: Clock): Channel {
  let shape: Shape = { ...target, html: true };
  const addressed = (to: Shape) => ({
    chat_id: to.chatId,
    ...(to.threadId === null ? {} : { message_thread_id: to.threadId }),
  });

  return {
    name: "telegram",
    split: (text) =>
      boundParts(splitText(text, TELEGRAM_TEXT_LIMIT), MAX_PARTS, TELEGRAM_TEXT_LIMIT),

    send: async (text) => {
      let attempt: Shape = shape;
      for (let adjustments = 0; ; adjustments++) {
        const answer = await api("sendMessage", {
          ...addressed(attempt),
          text,
          ...(attempt.html ? { parse_mode: "HTML" } : {}),
        });
        if (answer.kind === "unknown") return { kind: "unknown", reason: answer.reason };
        if (answer.kind === "unsent") {
          return { kind: "refused", reason: answer.reason, permanent: false };
        }
        if (answer.kind === "ok") {
          // A moved chat or a vanished topic holds for the next parts; broken markup is one part's own.
          shape = { ...attempt, html: true };
          const id = sentMessage.safeParse(answer.result).data?.message_id;
          return id === undefined
            ? { kind: "sent" }
            : { kind: "sent", externalMessageId: String(id) };
        }
        const next = adjustments < MAX_ADJUSTMENTS ? adjust(attempt, answer) : null;
        if (next === null) return judge(answer);
        attempt = next;
      }
    },

    working: () => {
      const stopped = new AbortController();
      const show = async () => {
        while (!stopped.signal.aborted) {
          // Nobody misses an indicator: whatever the call answers, the work goes on.
          await api("sendChatAction", { ...addressed(shape), action: "typing" }).catch(
            () => undefined,
          );
          await clock.sleep(TYPING_INTERVAL_MS, stopped.signal);
        }
      };
      void show();
      return () => stopped.abort();
    },
  };
}
