/** The gateway's door: called by the routes that registerRoutes mounts, with the hash of the worker's token. */
import { v } from "convex/values";
import { refuse } from "../../shared/errors.js";
import { mutation, query, type QueryCtx } from "../kit/functions.js";
import type { Worker } from "../workers/ops.js";
import { authenticate, checkSelf } from "./access.js";
import { parseCall } from "./calls.js";
import { gatewayFunction } from "./protocol.js";
import { MUTATION_VERBS, QUERY_VERBS } from "./verbs.js";

const callArgs = {
  /** SHA-256 of the token, hex. */
  tokenHash: v.string(),
  name: v.string(),
  args: v.any(),
};

/** One call: whose token, which function, whether its arguments fit, whether it speaks for itself; then the verb. */
async function run<Ctx extends QueryCtx>(
  ctx: Ctx,
  kind: "query" | "mutation",
  verbs: Readonly<
    Record<string, (ctx: Ctx, worker: Worker, args: never, now: number) => Promise<unknown>>
  >,
  call: { tokenHash: string; name: string; args: unknown },
): Promise<unknown> {
  const worker = await authenticate(ctx, call.tokenHash);
  const known = gatewayFunction(call.name);
  if (known === null) refuse("INVALID_ARGUMENT", `There is no worker function '${call.name}'.`);
  const verb = verbs[known.name];
  if (verb === undefined) refuse("INVALID_ARGUMENT", `'${known.name}' is not a ${kind}.`);
  const args = parseCall(known.name, call.args);
  checkSelf(worker, "workerId" in args ? args.workerId : undefined);
  // parseCall gave the arguments the shape that the verb of this name takes.
  return await verb(ctx, worker, args as never, Date.now());
}

/**
 * Runs a reading gateway function as the token's worker.
 * @throws TOKEN_INVALID, FORBIDDEN, INVALID_ARGUMENT
 */
export const workerGatewayQuery = query({
  args: callArgs,
  returns: v.any(),
  handler: async (ctx, call): Promise<unknown> => await run(ctx, "query", QUERY_VERBS, call),
});

/**
 * Runs a writing gateway function as the token's worker.
 * @throws TOKEN_INVALID, FORBIDDEN, INVALID_ARGUMENT, and what the function itself throws
 */
export const workerGatewayMutation = mutation({
  args: callArgs,
  returns: v.any(),
  handler: async (ctx, call): Promise<unknown> => await run(ctx, "mutation", MUTATION_VERBS, call),
});
