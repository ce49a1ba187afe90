import { z } from "zod";
import type { Clock } from "../clock.js";
import { describe } from "../errors.js";
import type { Payload } from "../protocol.js";
import type { Channel, SendOutcome } from "./channel.js";
import { mediaRef, nameOf, openMedia, type MediaFile } from "./media.js";
import { boundParts, splitText } from "./split.js";
import type { TelegramAnswer, TelegramApi } from "./telegramApi.js";

/** Telegram counts code points, after its own parsing; ours are counted before, which is never more. */
export const TELEGRAM_TEXT_LIMIT = 4_096;
/** What the gateway stores for one answer. */
export const MAX_PARTS = 64;
/** Files of one answer, as many as an album could hold; texts get the other parts. */
const MAX_MEDIA = 10;
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
export function telegramChannel(
  api: TelegramApi,
  target: TelegramTarget,
  { clock, dataDir }: { clock: Clock; dataDir: string },
): Channel {
  let shape: Shape = { ...target, html: true };
  const addressed = (to: Shape) => ({
    chat_id: to.chatId,
    ...(to.threadId === null ? {} : { message_thread_id: to.threadId }),
  });

  /** Sends in the shape of the moment, and again in another one when that is why it was refused. */
  const sendShaped = async (
    call: (to: Shape) => Promise<TelegramAnswer>,
    html: boolean,
  ): Promise<SendOutcome | (TelegramAnswer & { kind: "refused" })> => {
    let attempt: Shape = { ...shape, html };
    for (let adjustments = 0; ; adjustments++) {
      const answer = await call(attempt);
      if (answer.kind === "unknown") return { kind: "unknown", reason: answer.reason };
      if (answer.kind === "unsent")
        return { kind: "refused", reason: answer.reason, permanent: false };
      if (answer.kind === "ok") {
        // A moved chat or a vanished topic holds for the next parts; broken markup is one part's own.
        shape = { ...attempt, html: true };
        const id = sentMessage.safeParse(answer.result).data?.message_id;
        return id === undefined
          ? { kind: "sent" }
          : { kind: "sent", externalMessageId: String(id) };
      }
      const next = adjustments < MAX_ADJUSTMENTS ? adjust(attempt, answer) : null;
      if (next === null) return answer;
      attempt = next;
    }
  };
  const judged = (outcome: Awaited<ReturnType<typeof sendShaped>>): SendOutcome =>
    "status" in outcome ? judge(outcome) : outcome;

  const sendText = async (text: string, html = true) =>
    judged(
      await sendShaped(
        async (to) =>
          await api("sendMessage", {
            ...addressed(to),
            text,
            ...(to.html ? { parse_mode: "HTML" } : {}),
          }),
        html,
      ),
    );

  /** As what it is; what Telegram cannot show as that goes out as a document. */
  const sendMedia = async (file: MediaFile): Promise<SendOutcome> => {
    const { kind, name } = file;
    const outcome = await sendShaped(async (to) => {
      const method = `send${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
      if ("url" in file) return await api(method, { ...addressed(to), [kind]: file.url });
      return await api(method, addressed(to), { field: kind, name, bytes: file.bytes });
    }, false);
    if (!("status" in outcome)) return outcome;
    if (kind !== "document" && outcome.status === 400)
      return await sendMedia({ ...file, kind: "document" });
    if (outcome.status === 400 || outcome.status === 413)
      return await sendText(`(${name} could not be sent: ${outcome.description})`, false);
    return judge(outcome);
  };

  return {
    name: "telegram",
    split: (text) =>
      boundParts(splitText(text, TELEGRAM_TEXT_LIMIT), MAX_PARTS - MAX_MEDIA, TELEGRAM_TEXT_LIMIT),

    maxMedia: MAX_MEDIA,
    send: async (part) => {
      const ref = mediaRef(part);
      if (ref === null) return await sendText(part);
      let file: MediaFile;
      try {
        file = await openMedia(ref, dataDir);
      } catch (error) {
        return await sendText(`(${nameOf(ref)} could not be sent: ${describe(error)})`, false);
      }
      return await sendMedia(file);
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
