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
  blocked: () => new TelegramError(403, "Forbidden: bot was blocked by the user"),
  tooLarge: () => new TelegramError(413, "Request Entity Too Large"),
  tooManyRequests: (seconds: number) =>
    new TelegramError(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds }),
};
