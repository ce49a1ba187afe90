/** One client of the sync protocol: its queries, and the versions it has been told about. */
import type { JSONValue } from "convex/values";
import type { QueryTrace } from "./hooks.js";
import type { Runtime } from "./runtime.js";
import { encodeU64, failureOf, identityFromToken, type Caller } from "./wire.js";

interface AddQuery {
  type: "Add";
  queryId: number;
  udfPath: string;
  args: JSONValue[];
  journal?: string | null;
}

interface Call {
  requestId: number;
  udfPath: string;
  args: JSONValue[];
}

type ClientMessage =
  | { type: "Connect" | "Event" }
  | { type: "Authenticate"; tokenType: string; value?: string; baseVersion: number }
  | {
      type: "ModifyQuerySet";
      newVersion: number;
      modifications: (AddQuery | { type: "Remove"; queryId: number })[];
    }
  | ({ type: "Mutation" } & Call)
  | ({ type: "Action" } & Call);

interface Query {
  queryId: number;
  udfPath: string;
  args: JSONValue;
  journal: string | null;
  tables: Set<string>;
  /** The last modification that was sent, to stay silent when a new run changes nothing. */
  sent: string | undefined;
}

interface Version {
  querySet: number;
  identity: number;
  ts: bigint;
}

export class Session {
  readonly #queries = new Map<number, Query>();
  #version: Version = { querySet: 0, identity: 0, ts: 0n };
  #caller: Caller;
  /** The protocol is a sequence of versions, so everything but actions happens in order. */
  #queue: Promise<void> = Promise.resolve();

  constructor(
    readonly runtime: Runtime,
    caller: Caller,
    readonly send: (message: Record<string, unknown>) => void,
  ) {
    this.#caller = caller;
  }

  ping(): void {
    this.send({ type: "Ping" });
  }

  refresh(tables: Set<string>): void {
    this.#inOrder(() => this.#transition(this.#reading(tables), {}, false));
  }

  receive(json: string): void {
    const message = JSON.parse(json) as ClientMessage;
    switch (message.type) {
      case "Authenticate":
        this.#inOrder(() => {
          const token = message.tokenType === "User" ? message.value : undefined;
          this.#caller = { ...this.#caller, identity: identityFromToken(token) };
          const all = [...this.#queries.values()];
          return this.#transition(all, { identity: message.baseVersion + 1 }, true);
        });
        break;
      case "ModifyQuerySet":
        this.#inOrder(() => {
          const added: Query[] = [];
          const removed: Record<string, unknown>[] = [];
          for (const change of message.modifications) {
            if (change.type === "Add") {
              added.push(this.#add(change));
            } else {
              this.#queries.delete(change.queryId);
              removed.push({ type: "QueryRemoved", queryId: change.queryId });
            }
          }
          return this.#transition(added, { querySet: message.newVersion }, true, removed);
        });
        break;
      case "Mutation":
        this.#inOrder(async () => {
          const response = await this.#call("mutation", message);
          this.send({ ...response, type: "MutationResponse", ts: encodeU64(this.#nextTs()) });
          // The client waits for a transition that is at least as new as the mutation.
          if (response.success) await this.#transition([...this.#queries.values()], {}, true);
        });
        break;
      case "Action":
        void this.#call("action", message).then((response) =>
          this.send({ ...response, type: "ActionResponse" }),
        );
        break;
    }
  }

  #add(change: AddQuery): Query {
    const { queryId, udfPath, args, journal = null } = change;
    const query = {
      queryId,
      udfPath,
      args: args[0] ?? {},
      journal,
      tables: new Set<string>(),
      sent: undefined,
    };
    this.#queries.set(queryId, query);
    return query;
  }

  #reading(tables: Set<string>): Query[] {
    return [...this.#queries.values()].filter((q) => [...q.tables].some((t) => tables.has(t)));
  }

  async #call(kind: "mutation" | "action", { requestId, udfPath, args }: Call) {
    const base = { requestId, logLines: [] };
    try {
      const result = await this.runtime.call(kind, udfPath, args[0] ?? {}, this.#caller);
      return { ...base, success: true, result };
    } catch (error) {
      const { errorMessage, ...data } = failureOf(error);
      return { ...base, success: false, result: errorMessage, ...data };
    }
  }

  async #run(query: Query): Promise<Record<string, unknown>> {
    const { queryId, udfPath, args, journal } = query;
    const trace: QueryTrace = { tables: new Set(), journal, newJournal: null };
    const base = { queryId, logLines: [] };
    try {
      const value = await this.runtime.call("query", udfPath, args, this.#caller, trace);
      query.journal ??= trace.newJournal;
      return { ...base, type: "QueryUpdated", value, journal: query.journal };
    } catch (error) {
      return { ...base, type: "QueryFailed", ...failureOf(error), journal: null };
    } finally {
      query.tables = trace.tables;
    }
  }

  /** Runs `queries` and tells the client what has changed, or always when it expects to hear. */
  async #transition(
    queries: Query[],
    to: { querySet?: number; identity?: number },
    always: boolean,
    modifications: Record<string, unknown>[] = [],
  ): Promise<void> {
    for (const query of queries) {
      if (this.#queries.get(query.queryId) !== query) continue;
      const modification = await this.#run(query);
      const json = JSON.stringify(modification);
      if (json === query.sent) continue;
      query.sent = json;
      modifications.push(modification);
    }
    if (modifications.length === 0 && !always) return;
    const from = this.#version;
    this.#version = { ...from, ...to, ts: this.#nextTs() };
    this.send({
      type: "Transition",
      startVersion: { ...from, ts: encodeU64(from.ts) },
      endVersion: { ...this.#version, ts: encodeU64(this.#version.ts) },
      modifications,
    });
  }

  #nextTs(): bigint {
    const now = BigInt(Date.now()) * 1_000_000n;
    return now > this.#version.ts ? now : this.#version.ts + 1n;
  }

  #inOrder(step: () => Promise<void>): void {
    this.#queue = this.#queue.then(step).catch((error: unknown) => {
      this.send({ type: "FatalError", error: String(error) });
    });
  }
}
