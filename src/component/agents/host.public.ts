import { v } from "convex/values";
import { query } from "../kit/functions.js";
import { listProfiles, loadProfile, toProfileView } from "./ops.js";
import { vAgentProfileView } from "./validators.js";

/** The profile of one agent, or null. Names of secrets, never their values. */
export const getAgentProfile = query({
  args: { agentKey: v.string() },
  returns: v.union(v.null(), vAgentProfileView),
  handler: async (ctx, { agentKey }) => {
    const profile = await loadProfile(ctx, agentKey);
    return profile === null ? null : toProfileView(profile);
  },
});

/**
 * Profiles in the order of their keys. `companyId` and `enabled` narrow the list; `limit` is 1…200, default 100;
 * for the next page pass the last key as `afterAgentKey`.
 */
export const listAgentProfiles = query({
  args: {
    companyId: v.optional(v.string()),
    enabled: v.optional(v.boolean()),
    afterAgentKey: v.optional(v.string()),
    limit: v.optional(v.number()),
  },
  returns: v.array(vAgentProfileView),
  handler: async (ctx, args) => (await listProfiles(ctx, args)).map(toProfileView),
});
