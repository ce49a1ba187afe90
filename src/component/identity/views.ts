/** A user's agents as the app shows them. */
import { loadProfile, telegramRefOf } from "../agents/ops.js";
import { loadActiveBinding } from "./bindings.js";
import { botUsername } from "./bots.js";
import { statusAt } from "./machine.js";
import { userAgentView } from "./policy.js";
import {
  findBindings,
  findLatestBinding,
  findNewestCode,
  findPendingCodes,
  type Reader,
} from "./store.js";
import type { UserAgentView } from "./validators.js";

/** The user's view of one agent; null when neither the agent nor anything between the two exists. */
export async function loadUserAgent(
  ctx: Reader,
  { consumerUserId, agentKey }: { consumerUserId: string; agentKey: string },
  now: number,
): Promise<UserAgentView | null> {
  const profile = await loadProfile(ctx, agentKey);
  const binding = await findLatestBinding(ctx, consumerUserId, agentKey);
  const code = await findNewestCode(ctx, consumerUserId, agentKey);
  if (profile === null && binding === null && code === null) return null;
  const status = code === null ? null : statusAt(code, now);
  return userAgentView({
    consumerUserId,
    agentKey,
    profile,
    binding,
    openPairing: status === "used" ? null : status,
    botUsername:
      profile === null ? null : await botUsername(ctx, profile.botIdentity, telegramRefOf(profile)),
    userHasActiveBinding: (await loadActiveBinding(ctx, consumerUserId)) !== null,
  });
}

/** Agents in the user's bindings, newest first, then those with a pending code. */
export async function loadUserAgents(
  ctx: Reader,
  consumerUserId: string,
  now: number,
): Promise<UserAgentView[]> {
  const keys = new Set(
    [
      ...(await findBindings(ctx, consumerUserId, "active")),
      ...(await findBindings(ctx, consumerUserId, "revoked")),
      ...(await findPendingCodes(ctx, consumerUserId)),
    ].map((row) => row.agentKey),
  );
  const views = [];
  for (const agentKey of keys)
    views.push(await loadUserAgent(ctx, { consumerUserId, agentKey }, now));
  return views.filter((view) => view !== null);
}

/** The view of the agent that the user is bound to, or null. */
export async function loadActiveUserAgent(
  ctx: Reader,
  consumerUserId: string,
  now: number,
): Promise<UserAgentView | null> {
  const binding = await loadActiveBinding(ctx, consumerUserId);
  return binding === null
    ? null
    : await loadUserAgent(ctx, { consumerUserId, agentKey: binding.agentKey }, now);
}
