import { v } from "convex/values";
import { vAgentProfileView, vConfigureAgent } from "../../component/agents/validators.js";
import { mutation, query, type Lib } from "../define.js";

/** The agents of a deployment. */
export function exposeAgents(lib: Lib) {
  return {
    /** Creates or updates an agent by its key; returns the profile's id. Omitted optional fields stay. */
    configureAgent: mutation({
      sensitivity: "operator",
      args: vConfigureAgent.fields,
      returns: v.string(),
      handler: async (ctx, args) => await ctx.runMutation(lib.configureAgent, args),
    }),

    /** The agent "default" with a Telegram token of its own; harmless to repeat. Returns the profile's id. */
    seedDefaultAgent: mutation({
      sensitivity: "operator",
      args: {},
      returns: v.string(),
      handler: async (ctx) =>
        await ctx.runMutation(lib.configureAgent, {
          agentKey: "default",
          version: "1.0.0",
          secretsRef: ["telegram.botToken"],
          enabled: true,
          // A placeholder: it never replaces the numeric identity of a bot that was set up.
          botIdentity: "telegram-bot-default",
        }),
    }),

    /** Agents in the order of their keys; `limit` 1…200, default 100; `afterAgentKey` for the next page. */
    listAgents: query({
      sensitivity: "operator",
      args: {
        companyId: v.optional(v.string()),
        enabled: v.optional(v.boolean()),
        afterAgentKey: v.optional(v.string()),
        limit: v.optional(v.number()),
      },
      returns: v.array(vAgentProfileView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listAgentProfiles, args),
    }),
  };
}
