/** A refusal in the envelope of the Bot API; `code` is also the HTTP status. */
export class TelegramError extends Error {
  constructor(
    readonly code: number,
    description: string,
    readonly parameters?: { retry_after?: number; migrate_to_chat_id?: number },
  ) {
    super(description);
    this.name = "TelegramError";
  }
}

export const badRequest = (reason: string) => new TelegramError(400, `Bad Request: ${reason}`);

export const errors = {
  unauthorized: () => new TelegramError(401, "Unauthorized"),
  malformedToken: () => new TelegramError(401, "Unauthorized: invalid token specified"),
  notFound: () => new TelegramError(404, "Not Found"),
  unknownMethod: () => new TelegramError(404, "Not Found: method not found"),
  blocked: (chatId: number) => new TelegramError(403, `Forbidden: ${whyBlocked(chatId)}`),
  migrated: (chatId: number) =>
    new TelegramError(400, "Bad Request: group chat was upgraded to a supergroup chat", {
      migrate_to_chat_id: chatId,
    }),
  webhookIsActive: () =>
    new TelegramError(
      409,
      "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    ),
  tooLarge: () => new TelegramError(413, "Request Entity Too Large"),
  tooManyRequests: (seconds: number) =>
    new TelegramError(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds }),
};

function whyBlocked(chatId: number): string {
  if (chatId > 0) return "bot was blocked by the user";
  return `bot was kicked from the ${chatId < -1_000_000_000_000 ? "supergroup" : "group"} chat`;
}
