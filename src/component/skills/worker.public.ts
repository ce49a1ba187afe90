/** What a worker asks for before it starts the agent. */
import { v } from "convex/values";
import { query } from "../kit/functions.js";
import { workerManifest } from "./ops.js";
import { scopeFields, vReleaseChannel, vSkillsManifest } from "./validators.js";

/**
 * The active skills that have a release on the channel (default stable), sorted by slug, with every file and its
 * checksum. Skills that are restricted to an agent or a company are included when the caller names it; skills
 * without a restriction always are. A damaged bundle, and what exceeds 40 skills or 8 MiB (the oldest skills come
 * first), is left out and named in `skipped`.
 */
export const getWorkerGlobalSkillsManifest = query({
  args: {
    workspaceId: v.optional(v.string()),
    workerId: v.optional(v.string()),
    releaseChannel: v.optional(vReleaseChannel),
    ...scopeFields,
  },
  returns: vSkillsManifest,
  handler: async (ctx, args) => await workerManifest(ctx, args),
});
