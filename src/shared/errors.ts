/**
 * Every error that leaves the component: a `ConvexError` whose data is `{code, message, …}`.
 * The codes are the contract for programs; the messages say what happened, to which id, and what to do.
 */
import { ConvexError, type Value } from "convex/values";

export const ERROR_CODES = [
  "AGENT_NOT_FOUND",
  "AGENT_NOT_READY",
  "BINDING_MISSING",
  "BROADCAST_NOT_FOUND",
  "CONFIG_INCOMPLETE",
  "CONFIG_MISSING",
  "CONVERSATION_BOUND",
  "CONVERSATION_NOT_FOUND",
  "FORBIDDEN",
  "GATEWAY_NOT_MOUNTED",
  "INVALID_ARGUMENT",
  "LEASE_LOST",
  "MESSAGE_NOT_FOUND",
  "PAIRING_REFUSED",
  "PAYLOAD_TOO_LARGE",
  "PROVIDER_FAILED",
  "PROVIDER_UNSUPPORTED",
  "PUSH_JOB_NOT_FOUND",
  "SECRET_MISSING",
  "SECRETS_KEY_MISSING",
  "SECRET_UNREADABLE",
  "SNAPSHOT_REFUSED",
  "TELEGRAM_FAILED",
  "TEMPLATE_NOT_FOUND",
  "TOKEN_INVALID",
  "WORKER_NOT_FOUND",
  "WORKER_TRANSITION",
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

export type AgentFactoryErrorData = { code: ErrorCode; message: string; [detail: string]: Value };

/** The error with this code; details are ids and limits, never secrets. */
export function agentFactoryError(
  code: ErrorCode,
  message: string,
  details: Record<string, Value> = {},
): ConvexError<AgentFactoryErrorData> {
  return new ConvexError<AgentFactoryErrorData>({ ...details, code, message });
}

/** Throws the error with this code. */
export function refuse(code: ErrorCode, message: string, details?: Record<string, Value>): never {
  throw agentFactoryError(code, message, details);
}

/**
 * True when `error` came from this component. Told by its data, not its class: an error that crossed a boundary may be
 * an instance of another copy of `ConvexError`.
 */
export function isAgentFactoryError(error: unknown): error is ConvexError<AgentFactoryErrorData> {
  if (!(error instanceof Error) || !("data" in error)) return false;
  const data: unknown = error.data;
  return (
    typeof data === "object" &&
    data !== null &&
    "code" in data &&
    (ERROR_CODES as readonly unknown[]).includes(data.code)
  );
}

/** A text for people from anything that was thrown. */
export function errorMessage(error: unknown): string {
  if (isAgentFactoryError(error)) return error.data.message;
  if (error instanceof Error) return error.message;
  return String(error);
}
