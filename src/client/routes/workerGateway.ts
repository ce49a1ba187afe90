/**
 * The worker gateway: machines call it as they would call Convex's own HTTP API, with the token that was minted for
 * them. Only the functions of gateway/protocol.ts are reachable; the component checks every call against the
 * token's worker. Neither the token nor the arguments appear in an answer.
 */
import { httpActionGeneric, type GenericActionCtx, type GenericDataModel } from "convex/server";
import { convexToJson, type Value } from "convex/values";
import type { ComponentApi } from "../../component/_generated/component.js";
import { gatewayFunction } from "../../component/gateway/protocol.js";
import { isAgentFactoryError, type ErrorCode } from "../../shared/errors.js";
import { sha256Hex } from "../hash.js";
import { json, refusal } from "./respond.js";
import { parseEndpoint, readCall, tokenOf } from "./workerCall.js";

/** Convex's status for a function that threw. */
const REFUSED = 560;
const STATUS: { readonly [Code in ErrorCode]?: number } = {
  TOKEN_INVALID: 401,
  FORBIDDEN: 403,
  INVALID_ARGUMENT: 400,
};

type ActionCtx = Pick<GenericActionCtx<GenericDataModel>, "runQuery" | "runMutation">;

/** The handler of every route under `<base>/`, for example `/agent-factory/worker`. */
export function workerGateway(component: ComponentApi, base: string) {
  return httpActionGeneric(
    async (ctx, request) => await answerWorker(ctx, component, base, request),
  );
}

async function answerWorker(
  ctx: ActionCtx,
  component: ComponentApi,
  base: string,
  request: Request,
): Promise<Response> {
  const endpoint = parseEndpoint(new URL(request.url).pathname, base);
  if (endpoint === null)
    return refusal(404, "INVALID_ARGUMENT", "There is no such address under the worker gateway.");
  const token = tokenOf(request, endpoint.pathToken);
  if (token === null)
    return refusal(401, "TOKEN_INVALID", "A worker token is required, as a bearer token.");

  const body = await readCall(request);
  if (body.kind === "tooLarge")
    return refusal(400, "PAYLOAD_TOO_LARGE", "The body has more than 1.5 MB.");
  if (body.kind === "malformed")
    return refusal(400, "INVALID_ARGUMENT", "The body must be JSON: {path, args}.");

  const { path, args } = body.call;
  const fn = gatewayFunction(path);
  if (fn === null) return refusal(404, "INVALID_ARGUMENT", "There is no such worker function.");
  if (fn.endpoint !== endpoint.kind)
    return refusal(
      400,
      "INVALID_ARGUMENT",
      `'${fn.name}' is a ${fn.endpoint}: call /api/${fn.endpoint}.`,
    );

  const call = { tokenHash: await sha256Hex(token), name: fn.name, args };
  try {
    const value: Value | undefined =
      fn.runs === "query"
        ? await ctx.runQuery(component.lib.workerGatewayQuery, call)
        : await ctx.runMutation(component.lib.workerGatewayMutation, call);
    return json(200, { status: "success", value: convexToJson(value ?? null), logLines: [] });
  } catch (error) {
    return failure(error);
  }
}

/** The status is what a worker decides by: see docs/WORKER_PROTOCOL.md. */
function failure(error: unknown): Response {
  if (!isAgentFactoryError(error))
    // A defect or a platform failure. Its text may hold arguments, so it stays in the deployment's logs; the worker
    // may call again.
    return json(500, {
      status: "error",
      errorMessage: "The function failed. See the logs of the deployment.",
      logLines: [],
    });
  const { data } = error;
  return json(STATUS[data.code] ?? REFUSED, {
    status: "error",
    errorMessage: data.message,
    errorData: convexToJson(data),
    logLines: [],
  });
}
