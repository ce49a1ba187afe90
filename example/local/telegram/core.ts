import {
  ConnectionReset,
  createFetch,
  type AnyBody,
  type Handle,
  type LocalRequest,
  type LocalResponse,
} from "../fly/exchange.js";
import { createControl, type LocalTelegramControl } from "./control.js";
import { badRequest, errors, TelegramError } from "./errors.js";
import { download, getFile } from "./files.js";
import type { Arguments, Described, Method } from "./method.js";
import { Parameters } from "./parameters.js";
import { getUpdates } from "./polling.js";
import {
  editMessageText,
  sendChatAction,
  sendFile,
  sendMediaGroup,
  sendMessage,
} from "./sending.js";
import { deleteWebhook, getWebhookInfo, setWebhook } from "./webhooks.js";
import {
  createWorld,
  type Bot,
  type LocalTelegramOptions,
  type LogEntry,
  type World,
} from "./world.js";

export interface LocalTelegramCore {
  handle: Handle<AnyBody>;
  /** Answers as the server would, without a socket. The host of the URL does not matter. */
  fetch: typeof fetch;
  control: LocalTelegramControl;
  close(): void;
}

/** A Bot API in memory. It uses no Node module, so it also runs in an edge runtime. */
export function createLocalTelegramCore(options: LocalTelegramOptions = {}): LocalTelegramCore {
  const world = createWorld(options);
  const handle = (request: LocalRequest) => answer(world, request);
  return {
    handle,
    fetch: createFetch(handle),
    control: createControl(world),
    close: () => world.timers.close(),
  };
}

const getMe: Method = (_world, bot) => ({
  id: bot.id,
  is_bot: true,
  first_name: bot.firstName,
  username: bot.username,
  can_join_groups: true,
  can_read_all_group_messages: false,
  supports_inline_queries: false,
});

const answerCallbackQuery: Method = (_world, bot, parameters) => {
  const id = parameters.text("callback_query_id") ?? "";
  if (id === "" || bot.acknowledged.includes(id))
    throw badRequest("query is too old and response timeout expired or query ID is invalid");
  bot.acknowledged.push(id);
  return true;
};

const METHODS: Record<string, Method> = {
  getMe,
  answerCallbackQuery,
  sendMessage,
  editMessageText,
  sendAnimation: sendFile("animation"),
  sendAudio: sendFile("audio"),
  sendDocument: sendFile("document"),
  sendPhoto: sendFile("photo"),
  sendVideo: sendFile("video"),
  sendVoice: sendFile("voice"),
  sendMediaGroup,
  sendChatAction,
  getFile,
  getUpdates,
  getWebhookInfo,
};
/** Those that say in words what they did. */
const DESCRIBED: Record<string, (...given: Arguments) => Described> = {
  setWebhook,
  deleteWebhook,
};
const NAMES = [...Object.keys(METHODS), ...Object.keys(DESCRIBED)];

async function answer(world: World, request: LocalRequest): Promise<LocalResponse<AnyBody>> {
  if (world.timers.closed) throw new ConnectionReset();
  const path = new URL(request.url).pathname;
  const [, isFile, token = "", rest = ""] =
    /^\/(file\/)?bot([^/]*)\/(?:test\/)?(.+)$/.exec(path) ?? [];
  const name = NAMES.find((known) => known.toLowerCase() === rest.toLowerCase()) ?? rest;
  const action = isFile ? "download" : name;
  const bot = [...world.bots.values()].find((candidate) => candidate.token === decode(token));
  const at = world.clock.now();
  const entry: LogEntry = { at, botId: bot?.id ?? null, method: action, status: null };
  world.log.push(entry);

  const target = { action, method: request.method, path: `/${rest}` };
  const response = await world.faults.around(target, request.signal, async () => {
    try {
      if (token === "") throw errors.notFound();
      if (!bot) throw decode(token).includes(":") ? errors.unauthorized() : errors.malformedToken();
      if (isFile) return download(world, bot, decode(rest));
      return await call(world, bot, name, request);
    } catch (error) {
      if (error instanceof TelegramError) return refusal(error);
      throw error;
    }
  });
  entry.status = response.status;
  return response;
}

async function call(
  world: World,
  bot: Bot,
  name: string,
  request: LocalRequest,
): Promise<LocalResponse<AnyBody>> {
  if (request.method !== "GET" && request.method !== "POST") throw badRequest("wrong method");
  if (!NAMES.includes(name)) throw errors.unknownMethod();
  const parameters = await Parameters.read(request);
  const described = DESCRIBED[name]?.(world, bot, parameters);
  if (described) return json(200, { ok: true, ...described });
  return json(200, { ok: true, result: METHODS[name]?.(world, bot, parameters) });
}

function refusal({ code, message, parameters }: TelegramError): LocalResponse {
  const retryAfter = parameters?.retry_after;
  return json(
    code,
    { ok: false, error_code: code, description: message, ...(parameters && { parameters }) },
    retryAfter === undefined ? {} : { "retry-after": String(retryAfter) },
  );
}

function json(status: number, value: unknown, headers: Record<string, string> = {}): LocalResponse {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(value),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
