/** An app with one agent whose bot is set up at a local Telegram, and ways to post what Telegram would. */
import { convexTest } from "convex-test";
import { componentsGeneric, defineSchema, httpRouter } from "convex/server";
import { expect, vi } from "vitest";
import { createLocalTelegramCore } from "../../../example/local/telegram/core.js";
import agentFactory, { schema } from "../../test.js";
import { registerRoutes, type ComponentApi, type RegisterRoutesOptions } from "../index.js";

export const component = (componentsGeneric() as unknown as { agentFactory: ComponentApi })
  .agentFactory;
export const { lib } = component;
export const BOT = 4242;
export const TOKEN = "4242:a-token-that-nobody-would-guess-xxx";
export const SITE = "https://happy-animal-123.convex.site";
export const WEBHOOK = "/agent-factory/telegram/webhook";
export const ADA = 501;
export const EVE = 666;

type T = ReturnType<typeof convexTest>;
type Row = Record<string, unknown> & { _id: string };
type Db = {
  query: (table: string) => { collect: () => Promise<Row[]> };
  insert: (table: string, row: Record<string, unknown>) => Promise<string>;
};
export type Answer = { status: number; body: unknown; retryAfter: string | null };

export type App = Awaited<ReturnType<typeof startApp>>;

/** `setUp: false`: no token, no webhook. */
export async function startApp(options: RegisterRoutesOptions = {}, setUp = true) {
  vi.stubEnv("SECRETS_KEY", btoa("k".repeat(32)));
  const telegram = createLocalTelegramCore({
    clock: "virtual",
    bots: [{ id: BOT, username: "helper_bot", token: TOKEN }],
  });
  vi.stubGlobal("fetch", telegram.fetch);
  const http = httpRouter();
  registerRoutes(http, component, options);
  const t: T = convexTest({
    schema: defineSchema({}),
    modules: {
      "./_generated/api.ts": () => Promise.resolve({}),
      "./http.ts": () => Promise.resolve({ default: http }),
    },
  });
  agentFactory.register(t);
  const configure = async (
    agentKey: string,
    more: { botIdentity?: string; enabled?: boolean } = {},
  ) =>
    await t.mutation(async (ctx) => {
      const agent = { agentKey, version: "1", secretsRef: [], enabled: true, ...more };
      await ctx.runMutation(lib.configureAgent, agent);
    });
  await configure("default");

  const rows = async (table: string): Promise<Row[]> => {
    let found: Row[] = [];
    const inside = t as unknown as {
      runInComponent: (path: string, f: (ctx: { db: Db }) => Promise<void>) => Promise<void>;
    };
    await inside.runInComponent("agentFactory", async ({ db }) => {
      found = await db.query(table).collect();
    });
    return found;
  };
  const insert = async (table: string, row: Record<string, unknown>) => {
    const inside = t as unknown as {
      runInComponent: (path: string, f: (ctx: { db: Db }) => Promise<void>) => Promise<void>;
    };
    await inside.runInComponent(
      "agentFactory",
      async ({ db }) => void (await db.insert(table, row)),
    );
  };
  /** Everything that is stored, to see that nothing was. */
  const dump = async (): Promise<Record<string, Row[]>> => {
    const tables: Record<string, Row[]> = {};
    for (const table of Object.keys(schema.tables)) tables[table] = await rows(table);
    return tables;
  };
  const failedFunctions = async () => {
    let failed: unknown[] = [];
    const inside = t as unknown as {
      runInComponent: (
        path: string,
        f: (ctx: { db: { system: Pick<Db, "query"> } }) => Promise<void>,
      ) => Promise<void>;
    };
    await inside.runInComponent("agentFactory", async ({ db }) => {
      const all = await db.system.query("_scheduled_functions").collect();
      failed = all.filter((row) => (row["state"] as { kind: string }).kind === "failed");
    });
    return failed;
  };
  const secret = () => telegram.control.webhook(BOT)?.secretToken ?? "";
  /** Posts a body as it is when it is a text or bytes; `secret` null: without the header. */
  const post = async (update: unknown, as: string | null = secret()): Promise<Answer> => {
    const response = await t.fetch((options.pathPrefix ?? "/agent-factory") + "/telegram/webhook", {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(as === null ? {} : { "x-telegram-bot-api-secret-token": as }),
      },
      body:
        typeof update === "string"
          ? update
          : ArrayBuffer.isView(update)
            ? new Uint8Array(update.buffer as ArrayBuffer)
            : JSON.stringify(update),
    });
    expect(response.headers.get("content-type")).toBe("application/json");
    const body: unknown = await response.json();
    return { status: response.status, body, retryAfter: response.headers.get("retry-after") };
  };
  /** Lets scheduled functions run for a while of virtual time, one after the other where their times differ. */
  const settle = async (ms = 4_000) => {
    for (let at = 0; at < ms; at += 50) {
      vi.advanceTimersByTime(50);
      // A digest takes real turns of the event loop, which fake timers do not have.
      for (let turn = 0; turn < 4; turn++) await crypto.subtle.digest("SHA-1", new Uint8Array(1));
    }
    await t.finishInProgressScheduledFunctions();
  };
  // A pass that never ends: these tests are not about machines.
  await insert("schedulerState", {
    key: "main",
    deploymentId: "test",
    passCount: 0,
    passId: "running",
    passStartedAt: 8e15,
  });
  const app = { t, telegram, rows, dump, failedFunctions, insert, secret, post, settle, configure };
  if (setUp) await setUpBot(app);
  return app;
}

async function setUpBot({ t, telegram }: { t: T; telegram: App["telegram"] }): Promise<void> {
  await t.action(async (ctx) => {
    await ctx.runAction(lib.importTelegramTokenForAgent, {
      consumerUserId: "ada",
      agentKey: "default",
      plaintextValue: TOKEN,
    });
    await ctx.runAction(lib.configureTelegramWebhook, {
      convexSiteUrl: SITE,
      agentKey: "default",
    });
  });
  await telegram.control.advance(1_000);
}

let nextUpdate = 7_000_000;
/** A private message of Ada's with text, unless `more` says otherwise. */
export function message(more: Record<string, unknown> = {}, from = ADA, chat: object = {}) {
  nextUpdate += 1;
  return {
    update_id: nextUpdate,
    message: {
      message_id: nextUpdate - 6_999_000,
      date: 1_800_000_000,
      chat: { id: from, type: "private", ...chat },
      from: { id: from, is_bot: false, first_name: "Somebody" },
      text: "hello",
      ...more,
    },
  };
}

export function start(text: string, from = ADA, chat: object = {}) {
  return message({ text }, from, chat);
}

// ── The answers of the contract ─────────────────────────────────────────────

export const OK = { status: 202, body: { ok: true } };
export const IGNORED = { status: 200, body: { ok: true, ignored: true } };
export const QUARANTINED = { status: 200, body: { ok: true, quarantined: true } };
export const NO_SECRET = {
  status: 403,
  body: { ok: false, error: "missing or invalid telegram webhook secret token" },
};
export const NO_BINDING = {
  status: 403,
  body: { ok: false, error: "no active binding for telegram user" },
};

/** A frozen clock that tests move, and no trace of a test in the next. */
export function isolate(hooks: {
  beforeEach: (f: () => void) => void;
  afterEach: (f: () => void) => void;
}): void {
  hooks.beforeEach(() => {
    vi.useFakeTimers();
    vi.setSystemTime(1_800_000_000_000);
  });
  hooks.afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
    vi.unstubAllGlobals();
  });
}

export async function bind(app: App, consumerUserId: string, telegramId: number, more = {}) {
  await app.t.mutation(async (ctx) => {
    await ctx.runMutation(lib.bindUserAgent, {
      consumerUserId,
      agentKey: "default",
      telegramUserId: String(telegramId),
      telegramChatId: String(telegramId),
      ...more,
    });
  });
}

export async function pairingOf(app: App, consumerUserId = "ada", ttlMs?: number) {
  return await app.t.mutation(
    async (ctx) =>
      await ctx.runMutation(lib.createUserAgentPairing, {
        consumerUserId,
        agentKey: "default",
        ...(ttlMs === undefined ? {} : { ttlMs }),
      }),
  );
}

/** What the bot said, and where. */
export const heard = (app: App) =>
  app.telegram.control.sent(BOT).map(({ chatId, text }) => [chatId, text]);

export type Payload = {
  messageText: string;
  externalMessageId?: string;
  metadata: Record<string, string>;
  attachments?: { kind: string; mimeType: string; fileName?: string; sizeBytes: number }[];
};
export const payloads = async (app: App) =>
  (await app.rows("messageQueue")).map((row) => row["payload"] as Payload);
