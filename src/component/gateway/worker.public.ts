/** The gateway's door: called by the routes that registerRoutes mounts, with the hash of the worker's token. */
import { v } from "convex/values";
import { refuse } from "../../shared/errors.js";
import { mutation, query } from "../kit/functions.js";
import { authenticate, checkSelf } from "./access.js";
import { parseCall } from "./calls.js";
import { gatewayFunction, type GatewayFunctionName } from "./protocol.js";
import { MUTATION_VERBS, QUERY_VERBS } from "./verbs.js";

const callArgs = {
  /** SHA-256 of the token, hex. */
  tokenHash: v.string(),
  name: v.string(),
  args: v.any(),
};

function named(name: string): GatewayFunctionName {
  const known = gatewayFunction(name);
  if (known === null) refuse("INVALID_ARGUMENT", `There is no worker function '${name}'.`);
  return known.name;
}

/**
 * Runs a reading gateway function as the token's worker.
 * @throws TOKEN_INVALID, FORBIDDEN, INVALID_ARGUMENT
 */
export const workerGatewayQuery = query({
  args: callArgs,
  returns: v.any(),
  handler: async (ctx, call) => {
    const worker = await authenticate(ctx, call.tokenHash);
    const name = named(call.name);
    const run = Object.hasOwn(QUERY_VERBS, name)
      ? QUERY_VERBS[name as keyof typeof QUERY_VERBS]
      : null;
    if (run === null) refuse("INVALID_ARGUMENT", `'${name}' is not a query.`);
    const args = parseCall(name, call.args);
    checkSelf(worker, "workerId" in args ? args.workerId : undefined);
    return await run(ctx, worker, args as never, Date.now());
  },
});

/**
 * Runs a writing gateway function as the token's worker.
 * @throws TOKEN_INVALID, FORBIDDEN, INVALID_ARGUMENT, and what the function itself throws
 */
export const workerGatewayMutation = mutation({
  args: callArgs,
  returns: v.any(),
  handler: async (ctx, call) => {
    const worker = await authenticate(ctx, call.tokenHash);
    const name = named(call.name);
    const run = Object.hasOwn(MUTATION_VERBS, name)
      ? MUTATION_VERBS[name as keyof typeof MUTATION_VERBS]
      : null;
    if (run === null) refuse("INVALID_ARGUMENT", `'${name}' is not a mutation.`);
    const args = parseCall(name, call.args);
    checkSelf(worker, "workerId" in args ? args.workerId : undefined);
    return await run(ctx, worker, args as never, Date.now());
  },
});
