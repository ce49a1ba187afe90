/**
 * Updates on their way to the webhook, as Telegram sends them: one queue per chat, only its head is on its way, repeated
 * until a 2xx, for a day. The pauses are those of Telegram's own server.
 */
import type { Bot, World } from "./world.js";

const DAY_MS = 86_400_000;
const ANSWER_WITHIN_MS = 60_000;
const MAX_RETRY_AFTER_S = 3_600;
/** A webhook that says it is gone for that long is believed, and removed. */
const GONE_FOR_MS = 23 * 3_600_000;

export interface Update {
  update_id: number;
  [kind: string]: unknown;
}

interface Pending {
  update: Update;
  isUnderway: boolean;
  fails: number;
  expiresAt: number;
}

export interface Delivery {
  at: number;
  updateId: number;
  /** Null when there was no answer. */
  status: number | null;
}

/** What is under way for one bot. */
export interface Outgoing {
  nextUpdateId: number;
  queues: Map<string, Pending[]>;
  log: Delivery[];
  lastError: { at: number; message: string } | null;
  /** Since when every answer was 410. */
  goneSince: number | null;
  /** How often an update is sent again although it was taken. */
  repeats: number;
  /** How long the first try of a kind waits, so that other kinds overtake it. */
  delaysMs: Map<string, number>;
}

export function newOutgoing(firstUpdateId: number): Outgoing {
  return {
    nextUpdateId: firstUpdateId,
    queues: new Map(),
    log: [],
    lastError: null,
    goneSince: null,
    repeats: 0,
    delaysMs: new Map(),
  };
}

export function pendingCount(outgoing: Outgoing): number {
  return [...outgoing.queues.values()].reduce((sum, queue) => sum + queue.length, 0);
}

/** What a webhook has not taken, oldest first. */
export function pendingUpdates(outgoing: Outgoing): Update[] {
  const pending = [...outgoing.queues.values()].flat().map(({ update }) => update);
  return pending.sort((left, right) => left.update_id - right.update_id);
}

/** Updates before `offset` are not sent again. */
export function confirmUpdates(outgoing: Outgoing, offset: number): void {
  for (const queue of outgoing.queues.values()) {
    const kept = queue.filter(({ update }) => update.update_id >= offset);
    queue.splice(0, queue.length, ...kept);
  }
}

/** Puts an update behind those of the same queue, unless its kind was not asked for; returns its number. */
export function sendUpdate(
  world: World,
  bot: Bot,
  queueId: string,
  content: Record<string, unknown>,
): number {
  const { outgoing } = bot;
  const update = { update_id: outgoing.nextUpdateId, ...content };
  outgoing.nextUpdateId += 1;
  const kind = Object.keys(content)[0] ?? "";
  if (bot.allowedUpdates?.includes(kind) === false) return update.update_id;
  const queue = outgoing.queues.get(queueId) ?? [];
  outgoing.queues.set(queueId, queue);
  queue.push({ update, isUnderway: false, fails: 0, expiresAt: world.clock.now() + DAY_MS });
  const delay = outgoing.delaysMs.get(kind) ?? 0;
  if (queue.length > 1) return update.update_id;
  if (delay === 0) void deliverHead(world, bot, queue);
  else world.timers.after(delay, () => void deliverHead(world, bot, queue));
  return update.update_id;
}

async function deliverHead(world: World, bot: Bot, queue: Pending[]): Promise<void> {
  const head = queue[0];
  if (head === undefined || head.isUnderway || world.timers.closed) return;
  const { outgoing } = bot;
  head.isUnderway = true;
  const { status, retryAfter } = await post(world, bot, head.update);
  const record = (answer: number | null) =>
    outgoing.log.push({ at: world.clock.now(), updateId: head.update.update_id, status: answer });
  record(status);
  const goneSince = status === 410 ? (outgoing.goneSince ?? world.clock.now()) : null;
  outgoing.goneSince = goneSince;
  if (goneSince !== null && world.clock.now() - goneSince >= GONE_FOR_MS) bot.webhook = null;
  if (status !== null && status >= 200 && status < 300) {
    for (let again = 0; again < outgoing.repeats; again++)
      record((await post(world, bot, head.update)).status);
    if (queue[0] === head) queue.shift();
    return await deliverHead(world, bot, queue);
  }
  outgoing.lastError = {
    at: world.clock.now(),
    message:
      status === null ? "Read timeout expired" : `Wrong response from the webhook: ${status}`,
  };
  head.fails += 1;
  head.isUnderway = false;
  const delay = retryAfter ?? backoffMs(head.fails, world.random.next());
  if (world.clock.now() + delay > head.expiresAt && queue[0] === head) queue.shift();
  world.timers.after(delay, () => void deliverHead(world, bot, queue));
}

/** At once, then 2, 4, 8 … 64 seconds, then one to two minutes. */
export function backoffMs(fails: number, random: number): number {
  if (fails <= 1) return 0;
  const cap = 60_000 + random * 60_000;
  return Math.min(1_000 * 2 ** (fails - 1), cap);
}

async function post(
  world: World,
  bot: Bot,
  update: Update,
): Promise<{ status: number | null; retryAfter: number | null }> {
  const { webhook } = bot;
  if (webhook === null) return { status: null, retryAfter: null };
  try {
    const response = await world.deliver(webhook.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(webhook.secretToken === null
          ? {}
          : { "x-telegram-bot-api-secret-token": webhook.secretToken }),
      },
      body: JSON.stringify(update),
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    await response.arrayBuffer();
    const seconds = Number(response.headers.get("retry-after"));
    const asked = Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_RETRY_AFTER_S;
    return { status: response.status, retryAfter: asked ? seconds * 1_000 : null };
  } catch {
    return { status: null, retryAfter: null };
  }
}
