/** Setting a bot up with Telegram: which bot a token is, where its updates go, and whether they do. */
import { z } from "zod";
import { refuse } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import { isPathPrefix, PATH_PREFIX_RULE } from "../config.js";
import type { ActionCtx } from "../kit/functions.js";
import { randomBase64Url, sha256Hex } from "../kit/random.js";
import { callTelegram, requireTelegram, type BotAddress } from "./botApi.js";
import { ALLOWED_UPDATES, formatSecret, MAX_CONNECTIONS, webhookPath } from "./protocol.js";
import type { BotAccess } from "./tokens.js";
import {
  DEFAULT_TELEGRAM_API,
  type BotReconciled,
  type TokenImported,
  type WebhookConfigured,
  type WebhookReadiness,
} from "./validators.js";

const MAX_QUOTED = 80;

type Ctx = Pick<ActionCtx, "runQuery" | "runMutation">;
type Addresses = { apiBaseUrl: string; pathPrefix: string };

const vMe = z.object({ id: z.int().optional(), username: z.string().optional() });
const vInfo = z.object({
  url: z.string().default(""),
  pending_update_count: z.number().default(0),
  last_error_message: z.string().optional(),
  last_error_date: z.number().optional(),
});

type Me = { botIdentity: string; telegramUsername: string | null };

async function whoIs(bot: BotAddress): Promise<Me> {
  const { id, username } = await requireTelegram(bot, "getMe", vMe);
  if (id === undefined) return refuse("TELEGRAM_FAILED", "Telegram getMe did not return a bot id");
  return { botIdentity: String(id), telegramUsername: username ?? null };
}

async function addressesOf(ctx: Ctx): Promise<Addresses> {
  return await ctx.runQuery(internal.telegram.tokens.addresses, {});
}

// ── Tokens ──────────────────────────────────────────────────────────────────

export async function importToken(
  ctx: Ctx,
  args: {
    consumerUserId: string;
    agentKey: string;
    plaintextValue: string;
    metadata?: Record<string, string>;
  },
): Promise<TokenImported> {
  const plaintextValue = args.plaintextValue.trim();
  if (plaintextValue === "") return refuse("INVALID_ARGUMENT", "Telegram token is required");
  const { consumerUserId, agentKey } = args;
  await ctx.runQuery(internal.telegram.tokenImport.checkImport, { consumerUserId, agentKey });
  const { apiBaseUrl } = await addressesOf(ctx);
  const me = await whoIs({ token: plaintextValue, apiBaseUrl });
  return await ctx.runMutation(internal.telegram.tokenImport.storeToken, {
    ...args,
    plaintextValue,
    ...me,
  });
}

export async function reconcileBot(
  ctx: Ctx,
  args: { agentKey: string; secretRef?: string },
): Promise<BotReconciled> {
  const access: BotAccess | null = await ctx.runQuery(internal.telegram.tokens.tokenAccess, args);
  if (access === null) {
    const ref = args.secretRef ?? `telegram.botToken.${args.agentKey}`;
    return refuse(
      "SECRET_MISSING",
      `Missing Telegram token. Import an active '${ref}' secret first.`,
      { secretRef: ref },
    );
  }
  const me = await whoIs(access);
  const { secretRef } = access;
  const { agentKey } = args;
  await ctx.runMutation(internal.telegram.tokenImport.linkBot, { agentKey, secretRef, ...me });
  return { agentKey, secretRef, ...me };
}

// ── Webhook ─────────────────────────────────────────────────────────────────

/** The site's address without slashes at its end; `.convex.cloud` is where clients call, `.site` where routes are. */
export function siteOf(convexSiteUrl: string, allowLoopback: boolean): string {
  const trimmed = convexSiteUrl.trim();
  if (trimmed === "") return refuse("INVALID_ARGUMENT", "convexSiteUrl is required.");
  const site = trimmed.replace(/\/+$/, "").replace(/\.cloud$/, ".site");
  const loopback = /^http:\/\/(127\.0\.0\.1|localhost)(:\d+)?$/.test(site);
  if (!site.startsWith("https://") && !(allowLoopback && loopback))
    return refuse("INVALID_ARGUMENT", "convexSiteUrl must start with https://");
  return site;
}

/** Behind an address, "bots" would name another host, and "/bots/" a route that nobody mounted. */
function checkedPrefix(pathPrefix: string | undefined): string | undefined {
  if (pathPrefix === undefined || isPathPrefix(pathPrefix)) return pathPrefix;
  const got = pathPrefix.slice(0, MAX_QUOTED);
  return refuse("INVALID_ARGUMENT", `pathPrefix ${PATH_PREFIX_RULE}, got '${got}'.`);
}

export async function configureWebhook(
  ctx: Ctx,
  args: { convexSiteUrl: string; secretRef?: string; agentKey?: string; pathPrefix?: string },
): Promise<WebhookConfigured> {
  const { agentKey } = args;
  const addresses = await addressesOf(ctx);
  const access: BotAccess | null = await ctx.runQuery(internal.telegram.tokens.tokenAccess, {
    ...(args.secretRef === undefined ? {} : { secretRef: args.secretRef }),
    ...(agentKey === undefined ? {} : { agentKey }),
  });
  if (access === null) {
    const ref = args.secretRef ?? `telegram.botToken.${agentKey ?? "default"}`;
    return refuse(
      "SECRET_MISSING",
      `Missing Telegram token. Import an active '${ref}' secret before pairing.`,
      { secretRef: ref },
    );
  }
  // Only an operator who points us at a local Telegram can mean a local site.
  const site = siteOf(args.convexSiteUrl, addresses.apiBaseUrl !== DEFAULT_TELEGRAM_API);
  const webhookUrl = site + webhookPath(checkedPrefix(args.pathPrefix) ?? addresses.pathPrefix);
  const me = await whoIs(access);
  await ctx.runMutation(internal.telegram.tokenImport.linkBot, {
    ...(agentKey === undefined ? {} : { agentKey }),
    secretRef: access.secretRef,
    ...me,
  });
  await setWebhook(ctx, access, me.botIdentity, webhookUrl);
  const info = await requireTelegram(access, "getWebhookInfo", vInfo, {}, "getWebhookInfo failed");
  const isReady = info.url === webhookUrl;
  await ctx.runMutation(internal.telegram.webhookRecords.recordWebhook, {
    botIdentity: me.botIdentity,
    webhookUrl,
    verified: isReady,
  });
  return {
    ok: true,
    webhookUrl,
    currentUrl: info.url === "" ? null : info.url,
    botIdentity: me.botIdentity,
    secretTokenConfigured: true,
    isReady,
    pendingUpdateCount: info.pending_update_count,
    lastErrorMessage: info.last_error_message ?? null,
    lastErrorDate: info.last_error_date ?? null,
    description: "Telegram webhook configured and verified.",
  };
}

/** A new secret at every call. It is known here before Telegram has it, and the former one is until Telegram has. */
async function setWebhook(
  ctx: Ctx,
  bot: BotAddress,
  botIdentity: string,
  url: string,
): Promise<void> {
  const secret = formatSecret(botIdentity, randomBase64Url(32));
  const secretHash = await sha256Hex(secret);
  const rotation = { botIdentity, secretHash };
  await ctx.runMutation(internal.telegram.webhookRecords.beginSecretRotation, rotation);
  const answer = await callTelegram(bot, "setWebhook", {
    url,
    secret_token: secret,
    allowed_updates: ALLOWED_UPDATES,
    max_connections: MAX_CONNECTIONS,
  });
  if (answer.kind === "unknown")
    return refuse("TELEGRAM_FAILED", `Telegram setWebhook failed: ${answer.description}`);
  const set = answer.kind === "ok";
  await ctx.runMutation(internal.telegram.webhookRecords.endSecretRotation, { botIdentity, set });
  if (!set) refuse("TELEGRAM_FAILED", `Telegram setWebhook failed: ${answer.description}`);
}

/** Asks Telegram, and remembers the answer where onboarding looks. */
export async function webhookReadiness(
  ctx: Ctx,
  { agentKey, pathPrefix }: { agentKey: string; pathPrefix?: string },
): Promise<WebhookReadiness> {
  const access: BotAccess | null = await ctx.runQuery(internal.telegram.tokens.tokenAccess, {
    agentKey,
  });
  if (access === null)
    return {
      agentKey,
      secretRef: null,
      currentUrl: null,
      pendingUpdateCount: 0,
      lastErrorMessage: null,
      lastErrorDate: null,
      webhookReady: false,
    };
  const info = await requireTelegram(access, "getWebhookInfo", vInfo);
  const known: { botIdentity: string; webhookUrl: string | null } | null = await ctx.runQuery(
    internal.telegram.webhookRecords.webhookOfAgent,
    { agentKey },
  );
  const asked = checkedPrefix(pathPrefix);
  const prefix = asked ?? (await addressesOf(ctx)).pathPrefix;
  const isAtPrefix = info.url.endsWith(webhookPath(prefix));
  const ours = known?.webhookUrl ?? null;
  // Without an address of our own only its end can be judged, as in 3.x. A prefix that was asked for must be there too.
  const webhookReady =
    ours === null ? isAtPrefix : info.url === ours && (asked === undefined || isAtPrefix);
  if (known !== null && ours !== null)
    await ctx.runMutation(internal.telegram.webhookRecords.recordWebhook, {
      botIdentity: known.botIdentity,
      verified: info.url === ours,
    });
  return {
    agentKey,
    secretRef: access.secretRef,
    currentUrl: info.url === "" ? null : info.url,
    pendingUpdateCount: info.pending_update_count,
    lastErrorMessage: info.last_error_message ?? null,
    lastErrorDate: info.last_error_date ?? null,
    webhookReady,
  };
}
