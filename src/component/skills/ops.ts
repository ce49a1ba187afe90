import type { QueryCtx } from "../kit/functions.js";

export async function workerManifest(
  _ctx: QueryCtx,
  _args: { workspaceId?: string | undefined; releaseChannel?: "stable" | "canary" | undefined },
): Promise<unknown> {
  return null;
}
