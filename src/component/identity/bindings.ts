/** Who may talk to which agent. */
import { refuse } from "../../shared/errors.js";
import { loadProfile, type AgentProfile } from "../agents/ops.js";
import type { MutationCtx } from "../kit/functions.js";
import { isChatBlocked } from "./bots.js";
import { conversationIdFor } from "./policy.js";
import {
  findBindings,
  findByTelegramChat,
  findByTelegramUser,
  findLatestBinding,
  revoke,
  type Binding,
  type Reader,
} from "./store.js";
import {
  MAX_BINDING_METADATA_BYTES,
  MAX_IDENTITY_TEXT_LENGTH,
  type BindingView,
} from "./validators.js";

export type NewBinding = {
  consumerUserId: string;
  agentKey: string;
  botIdentity?: string | undefined;
  source?: Binding["source"] | undefined;
  telegramUserId?: string | undefined;
  telegramChatId?: string | undefined;
  metadata?: Record<string, string> | undefined;
};

/**
 * Makes the binding the only active one of its user, and of its Telegram user and chat at that bot.
 * @throws AGENT_NOT_FOUND; AGENT_NOT_READY when a Telegram id is given and no bot is known; INVALID_ARGUMENT
 */
export async function bindAgent(ctx: MutationCtx, args: NewBinding, now: number): Promise<Binding> {
  checkTexts(args);
  const profile = await requireProfile(ctx, args.agentKey);
  const botIdentity = args.botIdentity ?? profile.botIdentity;
  const { consumerUserId, agentKey, telegramUserId, telegramChatId } = args;
  const onTelegram = telegramUserId !== undefined || telegramChatId !== undefined;
  if (onTelegram && botIdentity === undefined)
    refuse("AGENT_NOT_READY", `Agent '${agentKey}' is missing botIdentity`, { agentKey });

  const former = await findLatestBinding(ctx, consumerUserId, agentKey);
  await revoke(ctx, await findBindings(ctx, consumerUserId, "active"), now);
  if (telegramUserId !== undefined)
    await revoke(ctx, await findByTelegramUser(ctx, botIdentity, telegramUserId), now);
  if (telegramChatId !== undefined)
    await revoke(ctx, await findByTelegramChat(ctx, botIdentity, telegramChatId), now);

  // What the app said about the user's agent before (its display name) holds until it says something else.
  const metadata = { ...former?.metadata, ...args.metadata };
  const id = await ctx.db.insert("identityBindings", {
    consumerUserId,
    agentKey,
    conversationId: conversationIdFor(agentKey, consumerUserId),
    status: "active",
    source: args.source ?? "api",
    // The newest binding is found by boundAt: two within a millisecond must still have an order.
    boundAt: Math.max(now, (former?.boundAt ?? 0) + 1),
    ...(botIdentity === undefined ? {} : { botIdentity }),
    ...(telegramUserId === undefined ? {} : { telegramUserId }),
    ...(telegramChatId === undefined ? {} : { telegramChatId }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  });
  const binding = await ctx.db.get("identityBindings", id);
  if (binding === null) throw new Error("the binding was not created");
  return binding;
}

/** Ends every active binding of the user; returns how many there were. */
export async function revokeBindings(
  ctx: MutationCtx,
  consumerUserId: string,
  now: number,
): Promise<number> {
  const active = await findBindings(ctx, consumerUserId, "active");
  await revoke(ctx, active, now);
  return active.length;
}

/** The user's active binding, or null. */
export async function loadActiveBinding(
  ctx: Reader,
  consumerUserId: string,
): Promise<Binding | null> {
  return (await findBindings(ctx, consumerUserId, "active"))[0] ?? null;
}

/** The newest binding of the user to the agent, active or revoked, or null. */
export async function loadLatestBinding(
  ctx: Reader,
  consumerUserId: string,
  agentKey: string,
): Promise<Binding | null> {
  return await findLatestBinding(ctx, consumerUserId, agentKey);
}

/**
 * The active binding of a Telegram sender: by user, else by chat. A chat's binding counts only for the user it was
 * made for. With a bot, only bindings made through that bot count.
 */
export async function findTelegramBinding(
  ctx: Reader,
  sender: {
    botIdentity?: string | undefined;
    telegramUserId?: string | undefined;
    telegramChatId?: string | undefined;
  },
): Promise<Binding | null> {
  const { botIdentity, telegramUserId, telegramChatId } = sender;
  if (telegramUserId !== undefined) {
    const [own] = await findByTelegramUser(ctx, botIdentity, telegramUserId);
    if (own !== undefined) return own;
  }
  if (telegramChatId === undefined) return null;
  const ofChat = await findByTelegramChat(ctx, botIdentity, telegramChatId);
  return (
    ofChat.find(
      (binding) =>
        telegramUserId === undefined ||
        binding.telegramUserId === undefined ||
        binding.telegramUserId === telegramUserId,
    ) ?? null
  );
}

/** Where a message for a user's agent goes. */
export type UserAgentTarget = {
  conversationId: string;
  provider: "telegram" | "system_push";
  /** `payload.providerUserId` of a message to this target. */
  providerUserId: string;
  /** The newest binding, active or revoked. Senders need an active one. */
  binding: Binding | null;
  active: boolean;
  telegramUserId: string | null;
  telegramChatId: string | null;
  botIdentity: string | null;
  /** Telegram refuses messages to this chat: what can wait should. */
  chatBlocked: boolean;
};

export async function userAgentTarget(
  ctx: Reader,
  { consumerUserId, agentKey }: { consumerUserId: string; agentKey: string },
): Promise<UserAgentTarget> {
  const binding = await findLatestBinding(ctx, consumerUserId, agentKey);
  const onTelegram = binding?.telegramChatId !== undefined;
  const telegramUserId = onTelegram ? (binding.telegramUserId ?? null) : null;
  const telegramChatId = onTelegram ? (binding.telegramChatId ?? null) : null;
  const botIdentity = binding?.botIdentity ?? null;
  return {
    conversationId: binding?.conversationId ?? conversationIdFor(agentKey, consumerUserId),
    provider: onTelegram ? "telegram" : "system_push",
    providerUserId: telegramUserId ?? telegramChatId ?? consumerUserId,
    binding,
    active: binding?.status === "active",
    telegramUserId,
    telegramChatId,
    botIdentity,
    chatBlocked:
      botIdentity !== null &&
      telegramChatId !== null &&
      (await isChatBlocked(ctx, botIdentity, telegramChatId)),
  };
}

export async function requireProfile(ctx: Reader, agentKey: string): Promise<AgentProfile> {
  const profile = await loadProfile(ctx, agentKey);
  if (profile !== null) return profile;
  return refuse("AGENT_NOT_FOUND", `Agent profile '${agentKey}' not found`, { agentKey });
}

function checkTexts(args: NewBinding): void {
  for (const name of [
    "consumerUserId",
    "agentKey",
    "botIdentity",
    "telegramUserId",
    "telegramChatId",
  ] as const) {
    const value = args[name];
    if (value !== undefined && (value.trim() === "" || value.length > MAX_IDENTITY_TEXT_LENGTH))
      refuse("INVALID_ARGUMENT", `${name} must have 1 to ${MAX_IDENTITY_TEXT_LENGTH} characters.`);
  }
  const bytes = new TextEncoder().encode(JSON.stringify(args.metadata ?? {})).length;
  if (bytes > MAX_BINDING_METADATA_BYTES)
    refuse(
      "PAYLOAD_TOO_LARGE",
      `The metadata of a binding may have ${MAX_BINDING_METADATA_BYTES} bytes, got ${bytes}.`,
    );
}

export function toBindingView(binding: Binding): BindingView {
  return {
    consumerUserId: binding.consumerUserId,
    agentKey: binding.agentKey,
    conversationId: binding.conversationId,
    botIdentity: binding.botIdentity ?? null,
    status: binding.status,
    source: binding.source,
    telegramUserId: binding.telegramUserId ?? null,
    telegramChatId: binding.telegramChatId ?? null,
    metadata: binding.metadata ?? null,
    boundAt: binding.boundAt,
    revokedAt: binding.revokedAt ?? null,
  };
}
