/** Small helpers around HTTP that the servers share. */
import type http from "node:http";
import type net from "node:net";
import { convexToJson, type JSONValue, type Value } from "convex/values";

/** Who calls: what `ctx.auth` and `ctx.meta.getRequestMetadata()` are made of. */
export interface Caller {
  identity: Record<string, string> | null;
  ip: string | null;
  userAgent: string | null;
}

export function callerOf(req: http.IncomingMessage): Caller {
  return {
    identity: identityFromToken(/^Bearer (.+)$/.exec(req.headers.authorization ?? "")?.[1]),
    ip: req.socket.remoteAddress ?? null,
    userAgent: req.headers["user-agent"] ?? null,
  };
}

/** Reads the claims of a JWT and believes them: there is no identity provider to ask here. */
export function identityFromToken(token: string | undefined): Record<string, string> | null {
  const payload = token?.split(".")[1];
  if (payload === undefined) return null;
  try {
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<
      string,
      unknown
    >;
    const named = {
      subject: claims.sub,
      issuer: claims.iss,
      name: claims.name,
      email: claims.email,
    };
    const strings = Object.entries(named).filter(
      (e): e is [string, string] => typeof e[1] === "string",
    );
    return Object.fromEntries(strings);
  } catch {
    return null;
  }
}

export interface WireFailure {
  errorMessage: string;
  errorData?: JSONValue;
}

/** The shape of a failed function; `data` is what a ConvexError carries. */
export function failureOf(error: unknown): WireFailure {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const errorMessage = `[Request ID: local] Server Error\nUncaught ${name}: ${message}`;
  if (!(error instanceof Error) || !("data" in error)) return { errorMessage };
  return { errorMessage, errorData: convexToJson(error.data as Value) };
}

export async function readBody(req: http.IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Resolves with the port, or rejects when it is taken. */
export async function listen(server: http.Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  return (server.address() as net.AddressInfo).port;
}

export async function closeServer(server: http.Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Timestamps travel as unsigned 64 bit numbers: little endian, base64. */
export function encodeU64(value: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.toString("base64");
}
