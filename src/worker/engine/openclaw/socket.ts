/** OpenClaw's WebSocket protocol, version 4: requests by id, answers, and nothing of its events. */
import { z } from "zod";
import { within, TIMED_OUT, type Clock } from "../../clock.js";

const PROTOCOL_VERSION = 4;
const HANDSHAKE_MS = 15_000;
const CALL_MS = 30_000;

/** What Node's own `WebSocket` (22 and later) and the `ws` package have in common. */
export type Socket = {
  send(text: string): void;
  close(): void;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: unknown) => void) | null;
};
export type OpenSocket = (url: string) => Socket;

/** The connection ended: what became of a request is not known. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

/** The gateway answered a request with an error. */
export class CallRefused extends Error {
  override readonly name = "CallRefused";
  constructor(
    readonly code: string,
    message: string,
    readonly retryAfterMs: number | undefined,
  ) {
    super(message);
  }
}

const frameSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("event"), event: z.string() }),
  z.object({
    type: z.literal("res"),
    id: z.string(),
    ok: z.boolean(),
    payload: z.unknown().optional(),
    error: z
      .object({
        code: z.string().catch("UNKNOWN"),
        message: z.string().catch(""),
        retryAfterMs: z.number().optional().catch(undefined),
      })
      .optional(),
  }),
]);
type Frame = z.infer<typeof frameSchema>;

const statusSchema = z.object({ status: z.string() });

export type GatewayClient = {
  /** Resolves to the answer's payload; one that says "accepted" is not yet the answer. */
  call(method: string, params: object, timeoutMs?: number): Promise<unknown>;
  /** True until the connection ends. */
  isOpen(): boolean;
  close(): void;
};

/** Connects and introduces us as the process that supervises the gateway. @throws ConnectionLost, CallRefused */
export async function connectGateway(options: {
  url: string;
  token: string;
  version: string;
  openSocket: OpenSocket;
  clock: Clock;
}): Promise<GatewayClient> {
  const { clock, token } = options;
  const socket = options.openSocket(options.url);
  type Waiting = { resolve: (payload: unknown) => void; reject: (error: Error) => void };
  const waiting = new Map<string, Waiting>();
  let open = true;
  let calls = 0;
  let challenged: () => void = () => undefined;
  const challenge = new Promise<void>((resolve) => (challenged = resolve));

  const end = (reason: string) => {
    open = false;
    for (const { reject } of waiting.values()) reject(new ConnectionLost(reason));
    waiting.clear();
  };
  let lost: (error: ConnectionLost) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => (lost = reject));
  failed.catch(() => undefined);
  socket.onclose = ({ code, reason }) => {
    const text = `The OpenClaw gateway closed the connection (${code}${reason ? `: ${reason}` : ""}).`;
    end(text);
    lost(new ConnectionLost(text));
  };
  socket.onerror = () => undefined;
  socket.onmessage = ({ data }) => {
    const frame = parseFrame(data);
    if (frame === null) return;
    if (frame.type === "event") {
      if (frame.event === "connect.challenge") challenged();
      return;
    }
    const call = waiting.get(frame.id);
    if (call === undefined) return;
    if (frame.ok && statusSchema.safeParse(frame.payload).data?.status === "accepted") return;
    waiting.delete(frame.id);
    if (frame.ok) return call.resolve(frame.payload);
    const { code = "UNKNOWN", message = "", retryAfterMs } = frame.error ?? {};
    call.reject(new CallRefused(code, message, retryAfterMs));
  };

  const call: GatewayClient["call"] = async (method, params, timeoutMs = CALL_MS) => {
    if (!open) throw new ConnectionLost("The connection to the OpenClaw gateway is closed.");
    const id = String(++calls);
    const answer = new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject }));
    socket.send(JSON.stringify({ type: "req", id, method, params }));
    const outcome = await within(answer, timeoutMs, clock);
    waiting.delete(id);
    if (outcome !== TIMED_OUT) return outcome;
    throw new ConnectionLost(`The OpenClaw gateway did not answer ${method} in ${timeoutMs} ms.`);
  };

  try {
    const asked = await within(Promise.race([challenge, failed]), HANDSHAKE_MS, clock);
    if (asked === TIMED_OUT) throw new ConnectionLost("The OpenClaw gateway sent no challenge.");
    await call("connect", {
      minProtocol: PROTOCOL_VERSION,
      maxProtocol: PROTOCOL_VERSION,
      client: { id: "gateway-client", mode: "backend", version: options.version, platform: "node" },
      role: "operator",
      scopes: ["operator.admin", "operator.read", "operator.write"],
      auth: { token },
    });
  } catch (error) {
    socket.close();
    throw error;
  }
  return {
    call,
    isOpen: () => open,
    close: () => {
      end("Closed.");
      socket.close();
    },
  };
}

/** Node's own WebSocket. @throws Error on a Node that has none */
export const nodeSocket: OpenSocket = (url) => {
  if (typeof WebSocket === "undefined") throw new Error("The openclaw engine needs Node 24.");
  const real = new WebSocket(url);
  const socket: Socket = {
    send: (text) => real.send(text),
    close: () => real.close(),
    ...{ onmessage: null, onclose: null, onerror: null },
  };
  real.onmessage = ({ data }: { data: unknown }) => socket.onmessage?.({ data });
  real.onclose = ({ code, reason }) => socket.onclose?.({ code, reason });
  real.onerror = (event) => socket.onerror?.(event);
  return socket;
};

/** null for frames of kinds that came after this version. */
function parseFrame(data: unknown): Frame | null {
  try {
    return frameSchema.safeParse(JSON.parse(String(data))).data ?? null;
  } catch {
    return null;
  }
}
