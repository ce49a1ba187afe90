/** Answers of the routes. None of them repeats what came in. */
import type { ErrorCode } from "../../shared/errors.js";

/** A JSON answer that nobody may cache. */
export function json(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}

/** A refusal in the shape of Convex's HTTP API. */
export function refusal(status: number, code: ErrorCode, message: string): Response {
  return json(status, {
    status: "error",
    errorMessage: message,
    errorData: { code, message },
    logLines: [],
  });
}
