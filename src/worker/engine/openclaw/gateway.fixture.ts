/** A gateway that speaks as much of OpenClaw's protocol as the engine uses, from a script. */
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { WebSocketServer, WebSocket as WsSocket } from "ws";
import type { Socket } from "./socket.js";
import type { GatewayProcess } from "./supervisor.js";

export type Run = { message: string; key: string; params: Record<string, unknown> };
type Reply =
  | { say: string; media?: string[] }
  /** Ends without an answer: the whole payload of the final response. */
  | { end: Record<string, unknown> }
  /** Never ends by itself. */
  | "hang"
  /** The process dies with the turn in its transcript, and takes it up again after its next start. */
  | { crash: "resumed" | "forgotten"; after?: string };

type Row = Record<string, unknown> & { role: string };

/** The part of OpenClaw that survives its process: the transcript. */
export function scriptedOpenClaw(script: (run: Run) => Reply) {
  const rows: Row[] = [];
  const runs: Run[] = [];
  const aborts: unknown[] = [];
  const results = new Map<string, unknown>();
  const starts: number[] = [];
  let pending: string | null = null;
  const state = {
    rows,
    runs,
    aborts,
    /** Exit codes of the next processes instead of becoming ready. */
    refuseStarts: [] as number[],
    /** Answers `UNAVAILABLE` this often before it takes a run. */
    unavailable: 0,
    busy: "busy",
    /** Keys of runs that were refused once: never taken again. */
    spentKeys: new Set<string>(),
    active: false,
    /** How long a turn that is taken up takes. */
    resumeMs: 30,
    starts,
    /** Ends the run that hangs. */
    finish: (_end: Record<string, unknown>): void => undefined,
    /** Answers requests to the OpenAI-compatible endpoint. */
    onHttp: (_url: string, _headers: IncomingHttpHeaders, _body: string): unknown => null,
  };
  const assistant = (text: string, stopReason = "stop"): Row => ({
    ...{ role: "assistant", content: [{ type: "text", text }], stopReason },
  });

  const launch = async (port: number): Promise<GatewayProcess> => {
    starts.push(port);
    const refusal = state.refuseStarts.shift();
    if (refusal !== undefined) {
      return { url: "http://127.0.0.1:1", exited: Promise.resolve(refusal), kill: () => undefined };
    }
    const server: Server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(JSON.stringify(state.onHttp(request.url ?? "", request.headers, body)));
      });
    });
    const sockets = new WebSocketServer({ server });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    let exit: (code: number) => void = () => undefined;
    const exited = new Promise<number>((resolve) => (exit = resolve));
    const end = (code: number) => {
      for (const client of sockets.clients) client.terminate();
      server.close();
      server.closeAllConnections();
      exit(code);
    };
    if (pending !== null) {
      const after = pending;
      pending = null;
      state.active = true;
      setTimeout(() => {
        rows.push(assistant(after));
        state.active = false;
      }, state.resumeMs);
    }
    results.clear();
    sockets.on("connection", (socket) => {
      socket.send(JSON.stringify({ type: "event", event: "connect.challenge", payload: {} }));
      const waiting = new Map<string, (end: unknown) => void>();
      socket.on("message", (data: Buffer) => {
        const frame = JSON.parse(data.toString()) as {
          id: string;
          method: string;
          params: Record<string, unknown>;
        };
        answer(frame.method, frame.params, waiting, end, (body) => {
          if (socket.readyState === WsSocket.OPEN)
            socket.send(JSON.stringify({ type: "res", id: frame.id, ...body }));
        });
      });
    });
    return { url: `http://127.0.0.1:${port}`, exited, kill: () => end(0) };
  };

  const answer = (
    method: string,
    params: Record<string, unknown>,
    waiting: Map<string, (end: unknown) => void>,
    end: (code: number) => void,
    send: (body: object) => void,
  ): void => {
    const ok = (payload: unknown) => send({ ok: true, payload });
    if (method === "connect") return ok({ type: "hello-ok", protocol: 4 });
    if (method === "chat.history")
      return ok({ messages: rows, sessionInfo: { hasActiveRun: state.active } });
    if (method === "chat.abort") {
      aborts.push(params);
      for (const abort of waiting.values()) abort({ status: "timeout", summary: "aborted" });
      return ok({ ok: true, aborted: true });
    }
    if (method !== "agent") return send({ ok: false, error: { code: "X", message: method } });
    if (state.unavailable > 0) {
      state.unavailable--;
      return send({
        ok: false,
        error: { code: "UNAVAILABLE", message: state.busy, retryAfterMs: 1 },
      });
    }
    const key = String(params["idempotencyKey"]);
    if (state.spentKeys.has(key)) {
      const message = "Pending input ownership ended; submit a new turn to continue";
      return send({ ok: false, error: { code: "UNAVAILABLE", message } });
    }
    if (results.has(key)) return ok(results.get(key));
    const run = { message: String(params["message"]), key, params };
    runs.push(run);
    ok({ status: "accepted", runId: key });
    const finish = (payload: unknown) => {
      results.set(key, payload);
      ok(payload);
    };
    const reply = script(run);
    if (reply === "hang") {
      state.finish = finish;
      return void waiting.set(key, finish);
    }
    if ("end" in reply) return finish({ runId: key, ...reply.end });
    const user: Row = { role: "user", content: run.message, idempotencyKey: `${key}:user` };
    if ("crash" in reply) {
      if (reply.crash === "resumed") {
        rows.push(user, assistant("let me see", "toolUse"), { role: "toolResult", content: "x" });
        pending = reply.after ?? "resumed";
      }
      return end(134);
    }
    rows.push(user, assistant(reply.say));
    const mediaUrls = reply.media ?? [];
    finish({ runId: key, status: "ok", result: { payloads: [{ text: reply.say, mediaUrls }] } });
  };
  return { rows, runs, aborts, starts, state, launch };
}

/** `ws` as what Node 24 has built in: the tests run on Node 20 too. */
export function openTestSocket(url: string): Socket {
  const real = new WsSocket(url);
  const socket: Socket = {
    send: (text) => real.send(text),
    close: () => real.close(),
    ...{ onmessage: null, onclose: null, onerror: null },
  };
  real.on("message", (data: Buffer) => socket.onmessage?.({ data: data.toString() }));
  real.on("close", (code, reason) => socket.onclose?.({ code, reason: reason.toString() }));
  real.on("error", (error) => socket.onerror?.(error));
  return socket;
}
