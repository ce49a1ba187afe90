/** Rows of `agentProfiles`. */
import type { Doc, QueryCtx } from "../kit/functions.js";
import { DEFAULT_AGENTS_LIMIT, MAX_AGENTS_LIMIT, type AgentProfileView } from "./validators.js";

export type Reader = Pick<QueryCtx, "db">;
export type AgentProfile = Doc<"agentProfiles">;

export async function findProfile(ctx: Reader, agentKey: string): Promise<AgentProfile | null> {
  return await ctx.db
    .query("agentProfiles")
    .withIndex("by_agentKey", (q) => q.eq("agentKey", agentKey))
    .first();
}

/** Deployments of 3.x may hold one identity twice; then the profile that was created first has it. */
export async function findProfileOfBot(
  ctx: Reader,
  botIdentity: string,
): Promise<AgentProfile | null> {
  return await ctx.db
    .query("agentProfiles")
    .withIndex("by_botIdentity", (q) => q.eq("botIdentity", botIdentity))
    .first();
}

/** Another agent than `agentKey` that has this identity, or null. */
export async function findRivalOfBot(
  ctx: Reader,
  botIdentity: string,
  agentKey: string,
): Promise<AgentProfile | null> {
  const holders = await ctx.db
    .query("agentProfiles")
    .withIndex("by_botIdentity", (q) => q.eq("botIdentity", botIdentity))
    .take(2);
  return holders.find((profile) => profile.agentKey !== agentKey) ?? null;
}

/** Profiles without a bot identity, counted up to the limit of a listing. */
export async function countUnlinked(ctx: Reader): Promise<number> {
  const rows = await ctx.db
    .query("agentProfiles")
    .withIndex("by_botIdentity", (q) => q.eq("botIdentity", undefined))
    .take(MAX_AGENTS_LIMIT);
  return rows.length;
}

/**
 * Which profiles to list. `companyId` null: those without a company; absent: of any company.
 * `afterAgentKey`: the last key of the page before.
 */
export type ProfileFilter = {
  companyId?: string | null | undefined;
  enabled?: boolean | undefined;
  afterAgentKey?: string | undefined;
  /** 1…200, default 100. */
  limit?: number | undefined;
};

/** Profiles in the order of their keys. */
export async function findProfiles(ctx: Reader, filter: ProfileFilter): Promise<AgentProfile[]> {
  const { enabled, afterAgentKey: after = "" } = filter;
  const companyId = filter.companyId ?? undefined;
  const profiles = ctx.db.query("agentProfiles");
  const inOrder =
    filter.companyId === undefined
      ? enabled === undefined
        ? profiles.withIndex("by_agentKey", (q) => q.gt("agentKey", after))
        : profiles.withIndex("by_enabled_and_agentKey", (q) =>
            q.eq("enabled", enabled).gt("agentKey", after),
          )
      : enabled === undefined
        ? profiles.withIndex("by_companyId_and_agentKey", (q) =>
            q.eq("companyId", companyId).gt("agentKey", after),
          )
        : profiles.withIndex("by_companyId_and_enabled_and_agentKey", (q) =>
            q.eq("companyId", companyId).eq("enabled", enabled).gt("agentKey", after),
          );
  return await inOrder.take(clampLimit(filter.limit));
}

function clampLimit(limit: number = DEFAULT_AGENTS_LIMIT): number {
  if (!Number.isFinite(limit)) return DEFAULT_AGENTS_LIMIT;
  return Math.min(Math.max(Math.floor(limit), 1), MAX_AGENTS_LIMIT);
}

export function toProfileView(profile: AgentProfile): AgentProfileView {
  return {
    agentKey: profile.agentKey,
    version: profile.version,
    secretsRef: profile.secretsRef,
    botIdentity: profile.botIdentity ?? null,
    bridgeConfig: profile.bridgeConfig ?? null,
    enabled: profile.enabled,
    companyId: profile.companyId ?? null,
    pausedAt: profile.pausedAt ?? null,
  };
}
