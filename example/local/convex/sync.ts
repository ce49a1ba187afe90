/** The WebSocket endpoint: who is connected, and who has to hear about a write. */
import type http from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { Runtime } from "./runtime.js";
import { Session } from "./session.js";
import { callerOf } from "./wire.js";

const PING_MS = 15_000;
const MAX_MESSAGE_BYTES = 64 << 20;

export class SyncServer {
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  readonly #sessions = new Set<Session>();
  #written = new Set<string>();
  #flush: NodeJS.Immediate | undefined;

  constructor(readonly runtime: Runtime) {}

  upgrade(req: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!/^\/api\/[^/]+\/sync$/.test(req.url ?? "")) {
      socket.destroy();
      return;
    }
    this.#sockets.handleUpgrade(req, socket, head, (ws) => {
      const session = new Session(this.runtime, callerOf(req), (message) => {
        if (ws.readyState === ws.OPEN) ws.send(JSON.stringify(message));
      });
      this.#sessions.add(session);
      const ping = setInterval(() => session.ping(), PING_MS);
      ws.on("message", (data: Buffer) => session.receive(data.toString()));
      ws.on("error", () => ws.terminate());
      ws.on("close", () => {
        clearInterval(ping);
        this.#sessions.delete(session);
      });
    });
  }

  /**
   * Queries that read `table` run again. The writer may not have committed yet, but the new runs
   * queue up behind its transaction.
   */
  invalidate(table: string): void {
    this.#written.add(table);
    this.#flush ??= setImmediate(() => {
      const tables = this.#written;
      this.#written = new Set();
      this.#flush = undefined;
      for (const session of this.#sessions) session.refresh(tables);
    });
  }

  close(): void {
    clearImmediate(this.#flush);
    for (const ws of this.#sockets.clients) ws.terminate();
    this.#sockets.close();
  }
}
