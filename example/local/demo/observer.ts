/** Watches what the component records, and prints it as it happens. */
import type { World } from "../world.js";
import { eventLine, type JourneyEvent } from "./timeline.js";

const POLL_MS = 150;

type EventRow = { kind: string; at: number; detail: string | null };
type WorkerRow = { workerId: string };

export class Observer {
  readonly events: JourneyEvent[] = [];
  readonly workers = new Set<string>();
  readonly #seen = new Set<string>();
  readonly #messages = new Map<string, string>();
  readonly #startAt = Date.now();
  #timer: NodeJS.Timeout | null = null;
  #polling: Promise<void> = Promise.resolve();

  constructor(
    readonly world: World,
    readonly print: (line: string) => void,
  ) {}

  start(): void {
    this.#timer = setInterval(() => {
      this.#polling = this.#polling.then(() => this.poll()).catch(() => undefined);
    }, POLL_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#polling;
  }

  watch(messageId: string, label: string): void {
    this.#messages.set(messageId, label);
  }

  /** A phase that only the worker's log shows. */
  fromWorkerLog(line: string): void {
    const entry = parseLine(line);
    if (entry?.event !== "hydrated") return;
    const label = this.#messages.get(entry.messageId ?? "") ?? "message";
    this.#note({ source: "message", subject: label, kind: "hydrated", at: entry.at, detail: null });
  }

  async poll(): Promise<void> {
    for (const [messageId, label] of this.#messages)
      for (const row of (await this.world.component("listMessageEvents", {
        messageId,
      })) as EventRow[])
        this.#note({ source: "message", subject: label, ...row });
    for (const status of ["active", "draining", "stopping", "stopped"])
      for (const worker of (await this.world.component("listWorkers", { status })) as WorkerRow[])
        this.workers.add(worker.workerId);
    for (const workerId of this.workers)
      for (const row of (await this.world.component("listWorkerEvents", {
        workerId,
      })) as EventRow[])
        this.#note({ source: "machine", subject: shortName(workerId), ...row });
  }

  #note(event: JourneyEvent): void {
    const key = `${event.source}/${event.subject}/${event.kind}/${event.at}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.events.push(event);
    this.print(eventLine(event, this.#startAt));
  }
}

/** Workers are told apart by the end of their names; the beginning is the time of their reservation. */
export function shortName(workerId: string): string {
  return `worker ${workerId.slice(-8)}`;
}

function parseLine(line: string): { event: string; messageId?: string; at: number } | null {
  try {
    const value = JSON.parse(line) as Record<string, unknown>;
    const at = typeof value["at"] === "number" ? value["at"] : Date.parse(String(value["at"]));
    const messageId = value["messageId"];
    return {
      event: String(value["event"]),
      at,
      ...(typeof messageId === "string" ? { messageId } : {}),
    };
  } catch {
    return null;
  }
}
