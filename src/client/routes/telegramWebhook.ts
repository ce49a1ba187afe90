/**
 * The Telegram webhook. Telegram repeats whatever is not answered 2xx, for a day, and holds back everything else of that
 * chat meanwhile: so what can never be used is answered 200 and put away by the component, and only trouble that passes
 * is a 503. Nothing is answered before the transaction has committed, and no answer repeats what came in.
 */
import { httpActionGeneric, type GenericActionCtx, type GenericDataModel } from "convex/server";
import type { ComponentApi } from "../../component/_generated/component.js";
import { MAX_UPDATE_BYTES, parseSecret, SECRET_HEADER } from "../../component/telegram/protocol.js";
import type { IngressOutcome, WebhookCredentials } from "../../component/telegram/validators.js";
import { errorMessage } from "../../shared/errors.js";
import { redact } from "../../shared/redact.js";
import { sha256Hex } from "../hash.js";
import type { RegisterRoutesOptions, TelegramUpdate } from "../types.js";
import { json } from "./respond.js";

const RETRY_AFTER_SECONDS = 5;
/** Of a body that is too long this much is kept for whoever looks at it. */
const KEPT_OF_TOO_LARGE = 4_096;

type Ctx = Pick<GenericActionCtx<GenericDataModel>, "runQuery" | "runMutation">;

/** The handler of `POST <prefix>/telegram/webhook`. */
export function telegramWebhook(component: ComponentApi, options: RegisterRoutesOptions) {
  return httpActionGeneric(async (ctx, request) => {
    try {
      return await answerUpdate(ctx, component, options, request);
    } catch (error) {
      // For the deployment's logs only: the text may be the app's own, or hold what came in. Telegram comes again.
      // eslint-disable-next-line no-console -- the route has no other place to say why it answers 503
      console.error(redact(`telegram webhook: ${errorMessage(error)}`, 500));
      const response = json(503, { ok: false, error: "temporarily unavailable" });
      response.headers.set("retry-after", String(RETRY_AFTER_SECONDS));
      return response;
    }
  });
}

async function answerUpdate(
  ctx: Ctx,
  component: ComponentApi,
  options: RegisterRoutesOptions,
  request: Request,
): Promise<Response> {
  const allowUnsigned = options.allowUnsignedTelegramWebhooks ?? false;
  const credentials = await credentialsOf(request.headers.get(SECRET_HEADER), allowUnsigned);
  if (credentials === null) return toResponse({ kind: "forbidden" });
  const access = { credentials, allowUnsigned };
  if (!(await ctx.runQuery(component.lib.mayPostTelegramUpdate, access)))
    return toResponse({ kind: "forbidden" });

  const { body, tooLarge } = await readBody(request);
  const resolved = tooLarge ? undefined : await resolveAgentKey(options, body);
  const outcome = await ctx.runMutation(component.lib.ingestTelegramUpdate, {
    credentials,
    body,
    tooLarge,
    options: {
      resolveAgentKeyFromBinding: options.resolveAgentKeyFromBinding ?? true,
      fallbackAgentKey: options.fallbackAgentKey ?? "default",
      requireBinding: options.requireBindingForTelegram ?? false,
      allowUnsigned,
      ...(resolved === undefined ? {} : { resolvedAgentKey: resolved }),
    },
    ...(options.providerConfig === undefined ? {} : { providerConfig: options.providerConfig }),
  });
  return toResponse(outcome);
}

/** Null: nothing that could be a secret of ours, and unsigned updates are not allowed. */
async function credentialsOf(
  header: string | null,
  allowUnsigned: boolean,
): Promise<WebhookCredentials | null> {
  const parsed = parseSecret(header);
  if (parsed?.kind === "own")
    return { botIdentity: parsed.botIdentity, secretHash: await sha256Hex(header ?? "") };
  if (!allowUnsigned || (header !== null && parsed === null)) return null;
  return { botIdentity: parsed?.botIdentity ?? null, secretHash: null };
}

async function readBody(request: Request): Promise<{ body: string; tooLarge: boolean }> {
  const bytes = await request.arrayBuffer();
  const tooLarge = bytes.byteLength > MAX_UPDATE_BYTES;
  const kept = tooLarge ? bytes.slice(0, KEPT_OF_TOO_LARGE) : bytes;
  return { body: new TextDecoder().decode(kept), tooLarge };
}

/** The app's choice; it is asked about what reaches an agent: messages and pressed buttons. */
async function resolveAgentKey(
  options: RegisterRoutesOptions,
  body: string,
): Promise<string | undefined> {
  if (options.resolveAgentKey === undefined) return undefined;
  const update = saidBySomebody(parseUpdate(body));
  return update === null ? undefined : ((await options.resolveAgentKey(update)) ?? undefined);
}

/** Null when nobody said anything. A press is shown as a message of who pressed, where the button is. */
function saidBySomebody(update: TelegramUpdate | null): TelegramUpdate | null {
  if (update === null) return null;
  const { callback_query: pressed, message } = update;
  if (isObject(message?.chat) && isObject(message?.from)) return update;
  const { from, data } = pressed ?? {};
  if (!isObject(pressed?.message?.chat) || from === undefined || !isObject(from)) return null;
  return { ...update, message: { ...pressed?.message, from, text: String(data ?? "") } };
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function parseUpdate(body: string): TelegramUpdate | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as TelegramUpdate) : null;
  } catch {
    return null;
  }
}

function toResponse(outcome: IngressOutcome): Response {
  switch (outcome.kind) {
    case "accepted":
      return json(202, { ok: true });
    case "ignored":
      return json(200, { ok: true, ignored: true });
    case "quarantined":
      return json(200, { ok: true, quarantined: true });
    case "paired": {
      const { consumerUserId, agentKey } = outcome;
      return json(200, { ok: true, pairing: { status: "used", consumerUserId, agentKey } });
    }
    case "pairing_failed":
      return json(200, { ok: true, pairing: { status: "failed", error: outcome.error } });
    case "forbidden":
      return json(403, {
        ok: false,
        error: "missing or invalid telegram webhook secret token",
      });
    case "no_binding":
      return json(403, { ok: false, error: "no active binding for telegram user" });
  }
}
