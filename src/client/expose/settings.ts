import { v } from "convex/values";
import {
  vMessageConfig,
  vPolicyOverrides,
  vProviderConfig,
  vWorkerRuntimeConfig,
} from "../../component/config.js";
import { vPolicies, vWorkerRuntime } from "../../component/settings/validators.js";
import { mutation, query, type Lib } from "../define.js";

/** Stored settings. Every setter replaces what is stored. */
export function exposeSettings(lib: Lib) {
  return {
    /** The stored provider config, or null. */
    getProviderRuntimeConfig: query({
      sensitivity: "operator",
      args: {},
      returns: v.union(v.null(), vProviderConfig),
      handler: async (ctx) => await ctx.runQuery(lib.providerRuntimeConfig, {}),
    }),

    /** Where machines are created, and from which image. */
    setProviderRuntimeConfig: mutation({
      sensitivity: "operator",
      args: { providerConfig: vProviderConfig },
      returns: v.null(),
      handler: async (ctx, args) => await ctx.runMutation(lib.setProviderRuntimeConfig, args),
    }),

    /** The stored message config, or null. */
    getMessageRuntimeConfig: query({
      sensitivity: "operator",
      args: {},
      returns: v.union(v.null(), vMessageConfig),
      handler: async (ctx) => await ctx.runQuery(lib.messageRuntimeConfig, {}),
    }),

    /** The system prompt of every message, and how long attachments are kept. */
    setMessageRuntimeConfig: mutation({
      sensitivity: "operator",
      args: { messageConfig: vMessageConfig },
      returns: v.null(),
      handler: async (ctx, args) => await ctx.runMutation(lib.setMessageRuntimeConfig, args),
    }),

    /** How machines reach this deployment, defaults filled in. */
    getWorkerRuntimeConfig: query({
      sensitivity: "operator",
      args: {},
      returns: vWorkerRuntime,
      handler: async (ctx) => await ctx.runQuery(lib.workerRuntimeConfig, {}),
    }),

    /** How machines reach this deployment, and what they get in their environment. */
    setWorkerRuntimeConfig: mutation({
      sensitivity: "operator",
      args: { workerConfig: vWorkerRuntimeConfig },
      returns: v.null(),
      handler: async (ctx, args) => await ctx.runMutation(lib.setWorkerRuntimeConfig, args),
    }),

    /** Every policy as it applies: the stored overrides over the defaults. */
    getPolicyConfig: query({
      sensitivity: "operator",
      args: {},
      returns: vPolicies,
      handler: async (ctx) => await ctx.runQuery(lib.policyConfig, {}),
    }),

    /** The overrides of all policies; what `policy` does not name has its default. */
    setPolicyConfig: mutation({
      sensitivity: "operator",
      args: { policy: vPolicyOverrides },
      returns: v.null(),
      handler: async (ctx, args) => await ctx.runMutation(lib.setPolicyConfig, args),
    }),
  };
}
