import type { Clock } from "../clock.js";
import { JobFailure } from "../errors.js";
import type { Bundle } from "../protocol.js";
import type { Channel } from "./channel.js";
import { noChannel } from "./none.js";
import { telegramChannel, telegramTarget } from "./telegram.js";
import { telegramApi } from "./telegramApi.js";

const TELEGRAM_TIMEOUT_MS = 30_000;

/** The channel of a message. Asked before the engine runs: an answer that cannot be sent is not worth a run. */
export function chooseChannel(
  bundle: Bundle,
  options: {
    telegramBaseUrl: string;
    dataDir: string;
    clock: Clock;
    fetch?: typeof globalThis.fetch;
  },
): Channel {
  if (bundle.payload.provider !== "telegram") return noChannel;
  const token = bundle.telegramBotToken;
  if (token === null || token === "") {
    throw new JobFailure(
      `Agent "${bundle.agentKey}" has no Telegram bot token: import one, then redrive this message.`,
      { retryable: false },
    );
  }
  const api = telegramApi({
    baseUrl: options.telegramBaseUrl,
    token,
    timeoutMs: TELEGRAM_TIMEOUT_MS,
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  });
  return telegramChannel(api, telegramTarget(bundle.payload), options);
}
