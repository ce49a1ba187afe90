/**
 * The component's functions on an engine with optimistic concurrency as Convex has it: snapshots, read sets of
 * consumed index ranges, a conflict check against everything committed meanwhile, up to four retries. It has no
 * validators, storage, search or auth, and does not run what is scheduled: it exists to count conflicts and documents.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { convexToJson, jsonToConvex, type JSONValue, type Value } from "convex/values";
import { Table, type Row } from "./rows.js";
import { createSyscalls, type Invocation } from "./syscalls.js";
import { Transaction, violatedRange, type Scheduled, type Write } from "./transaction.js";
import type { VirtualTime } from "./virtualTime.js";

/** A client's mutation is tried again this often, after 100 ms, doubling, jittered; then the error is the caller's. */
const MAX_RETRIES = 4;
const RETRY_BASE_MS = 100;

type RegisteredFunction = {
  invokeQuery?: (args: string) => Promise<string>;
  invokeMutation?: (args: string) => Promise<string>;
};
type Committed = { at: number; writes: { table: Table; before: Row | null; after: Row | null }[] };
/** Loaded before: an import in the middle of a run would take real time. */
export type Modules = Map<string, Record<string, unknown>>;
export type SchemaTables = Record<
  string,
  { export(): { indexes: { indexDescriptor: string; fields: string[] }[] } }
>;
export type Metrics = Transaction["metrics"];
export type Outcome = { value: Value; metrics: Metrics; conflicts: number };

export class OccError extends Error {
  constructor(readonly range: string) {
    super(`Conflict on ${range}`);
  }
}

export type Engine = ReturnType<typeof createEngine>;

export function createEngine(options: {
  modules: Modules;
  tables: SchemaTables;
  time: VirtualTime;
  /** How long one call into the database takes: what lets transactions overlap. */
  syscallMs: () => number;
}) {
  const { modules, time } = options;
  const tables = new Map<string, Table>();
  const running = new AsyncLocalStorage<Invocation>();
  const log: Committed[] = [];
  const active = new Map<Transaction, number>();
  const scheduled: Scheduled[] = [];
  const conflictsBy = new Map<string, number>();
  let committedAt = 0;
  let ids = 0;
  let createdAt = 0;

  const table = (name: string): Table => {
    let found = tables.get(name);
    if (found === undefined) {
      found = new Table(name, options.tables[name]?.export().indexes ?? []);
      tables.set(name, found);
    }
    return found;
  };
  const newId = (name: string) => `${String(++ids).padStart(32 - name.length, "0")}${name}`;
  const nextCreationTime = () => (createdAt = Math.max(createdAt + 0.001, Date.now()));

  const find = (name: string): RegisteredFunction => {
    const [path = "", exported = "default"] = name.split(":");
    const found = modules.get(path)?.[exported];
    if (found === undefined) throw new Error(`There is no function ${name}.`);
    return found as RegisteredFunction;
  };

  const invoke = async (
    kind: "query" | "mutation",
    name: string,
    args: Value,
    transaction: Transaction,
  ): Promise<Value> => {
    const fn = find(name);
    const call = kind === "query" ? fn.invokeQuery : fn.invokeMutation;
    if (call === undefined) throw new Error(`${name} is no ${kind}.`);
    const result = await running.run(
      { transaction, name },
      async () => await call.call(fn, JSON.stringify([convexToJson(args)])),
    );
    return jsonToConvex(JSON.parse(result) as JSONValue);
  };

  const commit = (transaction: Transaction): void => {
    for (const entry of log) {
      if (entry.at <= transaction.snapshot) continue;
      for (const write of entry.writes) {
        const range = violatedRange(transaction.reads, write);
        if (range !== null) throw new OccError(`${range.table.name}.${range.index}`);
      }
    }
    if (transaction.writes.length === 0) return;
    const at = ++committedAt;
    const apply = ({ table: target, id, row }: Write) => ({
      ...{ table: target, before: target.write(id, row, at), after: row },
    });
    log.push({ at, writes: transaction.writes.map(apply) });
    scheduled.push(...transaction.scheduled);
    const floor = Math.min(committedAt, ...active.values());
    while (log[0] !== undefined && log[0].at <= floor) log.shift();
    if (at % COMPACT_EVERY === 0) for (const target of tables.values()) target.compact(floor);
  };

  const begin = (): Transaction => {
    const transaction = new Transaction(committedAt);
    active.set(transaction, transaction.snapshot);
    return transaction;
  };

  Object.assign(globalThis, {
    Convex: createSyscalls({
      ...{ table, newId, nextCreationTime, invoke },
      current: () => {
        const invocation = running.getStore();
        if (invocation === undefined) throw new Error("Called outside of a function.");
        return invocation;
      },
      pause: async () => await time.sleep(options.syscallMs()),
    }),
  });

  return {
    conflictsBy,
    scheduled,
    query: async (name: string, args: Value): Promise<Outcome> => {
      const transaction = begin();
      try {
        const value = await invoke("query", name, args, transaction);
        return { value, metrics: transaction.metrics, conflicts: 0 };
      } finally {
        active.delete(transaction);
      }
    },
    /** Runs and commits, retrying on conflicts. @throws OccError when it gave up. */
    mutation: async (name: string, args: Value): Promise<Outcome> => {
      for (let conflicts = 0; ; conflicts++) {
        const transaction = begin();
        try {
          const value = await invoke("mutation", name, args, transaction);
          commit(transaction);
          return { value, metrics: transaction.metrics, conflicts };
        } catch (error) {
          if (!(error instanceof OccError)) throw error;
          conflictsBy.set(error.range, (conflictsBy.get(error.range) ?? 0) + 1);
          if (conflicts === MAX_RETRIES) throw error;
        } finally {
          active.delete(transaction);
        }
        await time.sleep(RETRY_BASE_MS * 2 ** conflicts * (0.5 + time.random() / 2));
      }
    },
    /** Rows as if they had always been there. Returns their ids. */
    load: (name: string, rows: readonly Record<string, Value | undefined>[]): string[] => {
      const full = rows.map((row) => ({
        ...{ ...row, _id: newId(name), _creationTime: nextCreationTime() },
      }));
      table(name).load(full, ++committedAt);
      return full.map((row) => row._id);
    },
    /** All rows of a table as committed. */
    rows: (name: string): Row[] =>
      [...table(name).range("by_id", undefined, undefined, false, committedAt)].map((e) => e.row),
  };
}

const COMPACT_EVERY = 2_000;
