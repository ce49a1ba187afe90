/** The official HTTP API of a deployment: functions and file URLs. */
import type http from "node:http";
import type { JSONValue } from "convex/values";
import type { Files, Reply } from "./files.js";
import type { JwtSigner } from "./jwt.js";
import type { FunctionKind, Runtime } from "./runtime.js";
import { callerOf, encodeU64, failureOf, readBody } from "./wire.js";

/** The status of a function that has failed, by which clients tell it from a broken deployment. */
const FUNCTION_FAILED = 560;

const KINDS: Record<string, FunctionKind | "any"> = {
  "/api/query": "query",
  "/api/query_at_ts": "query",
  "/api/mutation": "mutation",
  "/api/action": "action",
  "/api/function": "any",
};

export function cloudHandler(
  runtime: Runtime,
  files: Files,
  signer: JwtSigner,
): http.RequestListener {
  return (req, res) => {
    const cors = {
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "*",
      "access-control-allow-headers": req.headers["access-control-request-headers"] ?? "*",
    };
    const send = ({ status, body, contentType = "application/json" }: Reply) => {
      res.writeHead(status, { "content-type": contentType, ...cors });
      res.end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
    };
    route(req, runtime, files, signer).then(send, (error: unknown) => {
      send({ status: 500, body: { code: "InternalServerError", message: String(error) } });
    });
  };
}

async function route(
  req: http.IncomingMessage,
  runtime: Runtime,
  files: Files,
  signer: JwtSigner,
): Promise<Reply> {
  const { pathname, searchParams } = new URL(req.url ?? "/", "http://local");
  if (req.method === "OPTIONS") return { status: 204, body: Buffer.alloc(0) };
  if (pathname === "/version" || pathname === "/instance_name") return text("local");
  if (pathname === "/api/query_ts") {
    return { status: 200, body: { ts: encodeU64(BigInt(Date.now()) * 1_000_000n) } };
  }
  if (pathname === "/.well-known/jwks.json") return { status: 200, body: signer.publicKeys() };
  const kind = KINDS[pathname];
  if (kind !== undefined && req.method === "POST") return callFunction(kind, req, runtime);
  if (pathname === "/api/storage/upload" && req.method === "POST") {
    return files.upload(searchParams.get("token"), req, runtime);
  }
  const token = /^\/api\/storage\/([^/]+)$/.exec(pathname)?.[1];
  if (token !== undefined && req.method === "GET") return files.download(token, runtime);
  return { status: 404, body: { code: "NotFound", message: `Nothing at ${pathname}` } };
}

async function callFunction(
  kind: FunctionKind | "any",
  req: http.IncomingMessage,
  runtime: Runtime,
): Promise<Reply> {
  let call: { path: string; args?: JSONValue };
  try {
    call = JSON.parse((await readBody(req)).toString()) as { path: string; args?: JSONValue };
    if (typeof call.path !== "string") throw new Error("`path` is missing");
  } catch (error) {
    return { status: 400, body: { code: "BadJsonBody", message: String(error) } };
  }
  try {
    // Clients send the arguments in an array, people often do not.
    const args = (Array.isArray(call.args) ? call.args[0] : call.args) ?? {};
    const value = await runtime.call(kind, call.path, args, callerOf(req));
    return { status: 200, body: { status: "success", value, logLines: [] } };
  } catch (error) {
    const body = { status: "error", ...failureOf(error), logLines: [] };
    return { status: FUNCTION_FAILED, body };
  }
}

function text(body: string): Reply {
  return { status: 200, body: Buffer.from(body), contentType: "text/plain" };
}
