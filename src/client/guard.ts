/** Registers definitions: as public functions that ask `auth` before anything else, or as internal ones. */
import {
  actionGeneric,
  internalActionGeneric,
  internalMutationGeneric,
  internalQueryGeneric,
  mutationGeneric,
  queryGeneric,
  type RequestMetadata,
} from "convex/server";
import type { AnyDefinition, Definitions, Exposed } from "./define.js";
import type { ExposedFunctionName } from "./exposeApi.js";
import {
  IDENTIFYING_ARGS,
  type AuthCallback,
  type AuthCtx,
  type IdentifyingArgs,
  type Operation,
} from "./types.js";

type Args = Record<string, unknown>;
/** Where the call comes from; queries cannot know. */
type Origin = { getRequestMetadata: () => Promise<RequestMetadata> } | null;
/** Lets a call pass, or throws. Answers with who calls; null when nobody had to be asked. */
type Admit = (ctx: AuthCtx, args: Args, origin: Origin) => Promise<string | null>;

/** Public functions of the same names. In each of them `auth` runs first, and nothing runs when it throws. */
export function exposePublic<D extends Definitions>(
  definitions: D,
  auth: AuthCallback,
): Exposed<D, "public"> {
  return registerAll(definitions, "public", (name, definition) => async (ctx, args, origin) => {
    if (definition.deploymentMayCall && (await isDeployment(origin))) return null;
    return await auth(ctx, operationOf(name, definition, args));
  }) as Exposed<D, "public">;
}

/** Internal functions of the same names: only the deployment and its administrators can call them. */
export function exposeInternal<D extends Definitions>(definitions: D): Exposed<D, "internal"> {
  return registerAll(definitions, "internal", () => () => Promise.resolve(null)) as Exposed<
    D,
    "internal"
  >;
}

/** What `auth` is told about a call. */
export function operationOf(name: string, definition: AnyDefinition, args: Args): Operation {
  const identifying = identifyingArgs(args);
  const { conversationId, agentKey } = identifying;
  return {
    type: definition.type,
    sensitivity: definition.needsOperator(args) ? "operator" : definition.sensitivity,
    // The names of the definitions are the exposed names.
    function: name as ExposedFunctionName,
    args: identifying,
    ...(conversationId === undefined ? {} : { conversationId }),
    ...(agentKey === undefined ? {} : { agentKey }),
  };
}

function identifyingArgs(args: Args): IdentifyingArgs {
  const picked = IDENTIFYING_ARGS.flatMap((name) => {
    const value = args[name];
    return typeof value === "string" ? [[name, value]] : [];
  });
  const { secretRefs } = args;
  const refs = Array.isArray(secretRefs) ? { secretRefs: secretRefs.map(String) } : {};
  return { ...(Object.fromEntries(picked) as IdentifyingArgs), ...refs };
}

/**
 * True for a cron or a scheduled function: their requests have neither address nor user agent nor token. When the
 * platform cannot tell, the answer is no, and `auth` decides.
 */
async function isDeployment(origin: Origin): Promise<boolean> {
  if (origin === null) return false;
  try {
    const { ip, userAgent, authToken } = await origin.getRequestMetadata();
    return ip === null && userAgent === null && authToken === null;
  } catch {
    return false;
  }
}

function registerAll(
  definitions: Definitions,
  visibility: "public" | "internal",
  admitter: (name: string, definition: AnyDefinition) => Admit,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(definitions).map(([name, definition]) => [
      name,
      register(definition, visibility, admitter(name, definition)),
    ]),
  );
}

function register(definition: AnyDefinition, visibility: "public" | "internal", admit: Admit) {
  const { args, returns } = definition;
  const isPublic = visibility === "public";
  switch (definition.kind) {
    case "query":
      return (isPublic ? queryGeneric : internalQueryGeneric)({
        args,
        returns,
        handler: async (ctx, given: Args) =>
          await definition.handler(ctx, given, await admit(ctx, given, null)),
      });
    case "mutation":
      return (isPublic ? mutationGeneric : internalMutationGeneric)({
        args,
        returns,
        handler: async (ctx, given: Args) =>
          await definition.handler(ctx, given, await admit(ctx, given, ctx.meta ?? null)),
      });
    case "action":
      return (isPublic ? actionGeneric : internalActionGeneric)({
        args,
        returns,
        handler: async (ctx, given: Args) =>
          await definition.handler(ctx, given, await admit(ctx, given, ctx.meta ?? null)),
      });
  }
}
