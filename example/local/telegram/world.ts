import { realClock, Timers, virtualClock, type Clock, type VirtualClock } from "../fly/clock.js";
import { FaultEngine } from "../fly/faults.js";
import { createRandom, type Random } from "../fly/random.js";
import { newOutgoing, type Outgoing } from "./deliveries.js";
import type { Entity } from "./html.js";

export interface LocalTelegramOptions {
  /** `virtual` moves only by `control.advance`. Default `real`. */
  clock?: "real" | "virtual" | Clock;
  seed?: number;
  bots?: NewBot[];
  /** How updates are posted to webhooks. Default: the global fetch. */
  deliver?: typeof fetch;
}

export interface NewBot {
  id: number;
  username: string;
  /** Default `<id>:` and 35 letters. */
  token?: string;
  firstName?: string;
}

export interface Webhook {
  url: string;
  secretToken: string | null;
  maxConnections: number;
}

export interface StoredFile {
  fileId: string;
  uniqueId: string;
  bytes: Uint8Array<ArrayBuffer>;
  name: string;
  mimeType: string;
}

export type MediaKind = "animation" | "audio" | "document" | "photo" | "video" | "voice";
export type SentKind = "message" | MediaKind;

/** What a user would see in the chat, with what the bot asked for beside it. */
export interface SentMessage {
  kind: SentKind;
  messageId: number;
  chatId: number;
  threadId: number | null;
  /** The text or the caption, after the formatting was taken out. */
  text: string;
  entities: Entity[];
  parseMode: string | null;
  replyToMessageId: number | null;
  /** Of messages that were sent together. */
  albumId: string | null;
  file: StoredFile | null;
  at: number;
}

export interface ChatAction {
  chatId: number;
  action: string;
  at: number;
}

export interface Bot {
  id: number;
  username: string;
  firstName: string;
  token: string;
  webhook: Webhook | null;
  /** Survives the removal of the webhook, as it does at Telegram. `null` is the default set. */
  allowedUpdates: string[] | null;
  webhookSetAt: number;
  sent: SentMessage[];
  actions: ChatAction[];
  files: Map<string, StoredFile>;
  /** Download paths that `getFile` gave out, and until when they work. */
  paths: Map<string, { fileId: string; until: number }>;
  lastMessageIds: Map<number, number>;
  blockedChats: Set<number>;
  /** Chats that are not found (any more). */
  missingChats: Set<number>;
  /** Groups that became supergroups, and their new ids. */
  movedChats: Map<number, number>;
  /** Messages a reply can no longer point to, as `<chat>/<message>`. */
  deletedMessages: Set<string>;
  /** Pressed buttons that the bot acknowledged. */
  acknowledged: string[];
  /** Updates on their way to the webhook. */
  outgoing: Outgoing;
}

export interface LogEntry {
  at: number;
  botId: number | null;
  method: string;
  status: number | null;
}

export interface World {
  clock: Clock;
  virtual: VirtualClock | null;
  timers: Timers;
  random: Random;
  faults: FaultEngine;
  bots: Map<number, Bot>;
  log: LogEntry[];
  deliver: typeof fetch;
}

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const SECRET_LENGTH = 35;

export function createWorld(options: LocalTelegramOptions): World {
  const virtual = options.clock === "virtual" ? virtualClock() : null;
  const clock = virtual ?? (typeof options.clock === "object" ? options.clock : realClock());
  const timers = new Timers(clock);
  const random = createRandom(options.seed ?? 1);
  const faults = new FaultEngine(clock, timers, random.stream("faults"));
  const ids = random.stream("ids");
  const deliver: typeof fetch = options.deliver ?? ((...given) => fetch(...given));
  const world = { clock, virtual, timers, random: ids, faults, bots: new Map(), log: [], deliver };
  for (const bot of options.bots ?? []) addBot(world, bot);
  return world;
}

export function addBot(world: World, given: NewBot): Bot {
  const bot: Bot = {
    id: given.id,
    username: given.username,
    firstName: given.firstName ?? given.username,
    token: given.token ?? `${given.id}:${world.random.text(BASE64URL, SECRET_LENGTH)}`,
    webhook: null,
    allowedUpdates: null,
    webhookSetAt: -Infinity,
    sent: [],
    actions: [],
    files: new Map(),
    paths: new Map(),
    lastMessageIds: new Map(),
    blockedChats: new Set(),
    missingChats: new Set(),
    movedChats: new Map(),
    deletedMessages: new Set(),
    acknowledged: [],
    outgoing: newOutgoing(2_000_001 + (given.id % 1_000_000)),
  };
  world.bots.set(bot.id, bot);
  return bot;
}

/** Message ids are unique within a chat only. */
export function nextMessageId(bot: Bot, chatId: number): number {
  const id = (bot.lastMessageIds.get(chatId) ?? 0) + 1;
  bot.lastMessageIds.set(chatId, id);
  return id;
}

export function storeFile(
  world: World,
  bot: Bot,
  given: { bytes: Uint8Array<ArrayBuffer>; name: string; mimeType: string; fileId?: string },
): StoredFile {
  const { bytes, name, mimeType } = given;
  const fileId = given.fileId ?? world.random.text(BASE64URL, 40);
  const file = { fileId, uniqueId: world.random.text(BASE64URL, 16), bytes, name, mimeType };
  bot.files.set(fileId, file);
  return file;
}
