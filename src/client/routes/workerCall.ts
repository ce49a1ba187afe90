/** What a request to the worker gateway says: who calls, what, with which arguments. */
import { convexToJson } from "convex/values";
import { z } from "zod";

// The isolate may refuse code generation from strings, which zod would otherwise try.
z.config({ jitless: true });

/** Above the largest call, an answer of 512 KiB in parts and whole, with room for JSON escapes. */
export const MAX_BODY_BYTES = 1_500_000;
const MAX_TOKEN_LENGTH = 512;

const argsObject = z.record(z.string(), z.json());
const body = z.object({
  path: z.string().min(1).max(256),
  // Convex's own clients send the arguments as a list of one.
  args: z.union([argsObject, z.tuple([argsObject]).transform(([only]) => only)]).default({}),
});
/** A checked body: the function's path and its arguments. */
export type WorkerCall = z.output<typeof body>;

const KINDS = ["query", "mutation", "action"] as const;
/** The last segment of an endpoint's address. */
export type EndpointKind = (typeof KINDS)[number];

/** The endpoint of `<base>/api/<kind>` or `<base>/<token>/api/<kind>`; null for any other path. */
export function parseEndpoint(
  pathname: string,
  base: string,
): { kind: EndpointKind; pathToken: string | null } | null {
  if (!pathname.startsWith(`${base}/`)) return null;
  const segments = pathname.slice(base.length + 1).split("/");
  const pathToken = segments.length === 3 ? (segments.shift() ?? null) : null;
  const [api, name] = segments;
  const kind = KINDS.find((known) => known === name);
  if (segments.length !== 2 || api !== "api" || kind === undefined) return null;
  return { kind, pathToken };
}

/** The token in the path, else the one of the Authorization header; null when there is none that could be valid. */
export function tokenOf(request: Request, pathToken: string | null): string | null {
  const header = /^Bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  const token = pathToken ?? header ?? "";
  return token === "" || token.length > MAX_TOKEN_LENGTH ? null : token;
}

/** The call that a body holds, or what is wrong with the body. */
export type BodyResult =
  { kind: "call"; call: WorkerCall } | { kind: "tooLarge" } | { kind: "malformed" };

/** Reads and checks the body. Nothing of it is repeated to anybody when it is wrong. */
export async function readCall(request: Request): Promise<BodyResult> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES)
    return { kind: "tooLarge" };
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > MAX_BODY_BYTES) return { kind: "tooLarge" };
  try {
    const call = body.parse(JSON.parse(new TextDecoder().decode(bytes)));
    // Refuses here, as a fault of the caller, what could not be passed on: reserved field names.
    convexToJson(call.args);
    return { kind: "call", call };
  } catch {
    return { kind: "malformed" };
  }
}
