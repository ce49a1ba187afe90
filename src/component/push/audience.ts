/** Whom a broadcast reaches: the enabled agents of its company, then those of no company, each in the order of the keys. */
import { listProfiles, type AgentProfile } from "../agents/ops.js";
import type { QueryCtx } from "../kit/functions.js";
import { clampDispatches } from "./listings.js";
import type { AudienceCursor } from "./validators.js";

export const AUDIENCE_START: AudienceCursor = { group: "company", afterAgentKey: "" };

/** The next agents of a broadcast of `companyId`, and where to go on; null at the end. */
export async function readAudience(
  ctx: QueryCtx,
  companyId: string,
  cursor: AudienceCursor,
  limit: number,
): Promise<{ agents: AgentProfile[]; next: AudienceCursor | null }> {
  const agents = await listProfiles(ctx, {
    companyId: cursor.group === "company" ? companyId : null,
    enabled: true,
    afterAgentKey: cursor.afterAgentKey,
    limit,
  });
  const last = agents.at(-1);
  if (last !== undefined && agents.length === limit)
    return { agents, next: { ...cursor, afterAgentKey: last.agentKey } };
  return {
    agents,
    next: cursor.group === "company" ? { group: "shared", afterAgentKey: "" } : null,
  };
}

/** Whom a broadcast would reach, page by page. */
export async function previewAudience(
  ctx: QueryCtx,
  args: {
    companyId: string;
    cursor?: AudienceCursor | undefined;
    limit?: number | undefined;
  },
): Promise<{
  agents: { agentKey: string; companyId: string | null }[];
  continueCursor: AudienceCursor | null;
}> {
  const limit = clampDispatches(args.limit);
  let cursor: AudienceCursor | null = args.cursor ?? AUDIENCE_START;
  const found: AgentProfile[] = [];
  while (cursor !== null && found.length < limit) {
    const page = await readAudience(ctx, args.companyId, cursor, limit - found.length);
    found.push(...page.agents);
    cursor = page.next;
  }
  return {
    agents: found.map(({ agentKey, companyId = null }) => ({ agentKey, companyId })),
    continueCursor: cursor,
  };
}
