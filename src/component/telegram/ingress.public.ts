/** Called by the routes that `registerRoutes` mounts; not exposed to clients. */
import { v } from "convex/values";
import { vProviderConfig } from "../config.js";
import { mutation, query } from "../kit/functions.js";
import { mayPost } from "./access.js";
import { ingestUpdate } from "./ingest.js";
import { vIngressOptions, vIngressOutcome, vWebhookCredentials } from "./validators.js";

/** Whether a request may post updates at all, asked before its body is read. */
export const mayPostTelegramUpdate = query({
  args: { credentials: vWebhookCredentials, allowUnsigned: v.boolean() },
  returns: v.boolean(),
  handler: async (ctx, args) =>
    await mayPost(ctx, args.credentials, args.allowUnsigned, Date.now()),
});

/**
 * Takes one update as it came. What can never be used is put away and reported as such; it throws only for trouble that
 * passes.
 */
export const ingestTelegramUpdate = mutation({
  args: {
    credentials: vWebhookCredentials,
    body: v.string(),
    tooLarge: v.boolean(),
    options: vIngressOptions,
    providerConfig: v.optional(vProviderConfig),
  },
  returns: vIngressOutcome,
  handler: async (ctx, args) => await ingestUpdate(ctx, args, Date.now()),
});
