/** What a Convex function asks its host for, as far as the component's queries and mutations do. */
import { convexToJson, jsonToConvex, type JSONValue, type Value } from "convex/values";
import type { Bound, Key, Row, Table } from "./rows.js";
import { Transaction } from "./transaction.js";

export type Invocation = { transaction: Transaction; name: string };
type Host = {
  table(name: string): Table;
  newId(table: string): string;
  nextCreationTime(): number;
  current(): Invocation;
  pause(): Promise<void>;
  invoke(kind: "query" | "mutation", name: string, args: Value, tx: Transaction): Promise<Value>;
};
type RangeStep = { type: "Eq" | "Gt" | "Gte" | "Lt" | "Lte"; value: JSONValue };
type Query = {
  source:
    | { type: "FullTableScan"; tableName: string; order: "asc" | "desc" }
    | { type: "IndexRange"; indexName: string; range: RangeStep[]; order: "asc" | "desc" };
  operators: { limit?: number }[];
};
type Args = {
  id: string;
  idString: string;
  table: string;
  value: Record<string, JSONValue>;
  query: Query;
  queryId: number;
  name: string;
  args: JSONValue;
  ts: number;
  udfType: "query" | "mutation" | "snapshotQuery";
};

const tableOfId = (id: string) => id.replace(/^\d+/, "");
const isUndefined = (value: JSONValue) =>
  typeof value === "object" && value !== null && "$undefined" in value;
const fromJson = (value: JSONValue): Value | undefined =>
  isUndefined(value) ? undefined : jsonToConvex(value);
const toJson = (value: Value) => JSON.stringify(convexToJson(value));
const rowJson = (row: Row | null) => convexToJson(row as Value);

export function createSyscalls(host: Host) {
  let cursors = 0;
  const calls: Record<string, (args: Args, tx: Transaction) => Promise<string> | string> = {
    "1.0/queryStreamNext": ({ queryId }, tx) => {
      const row = tx.cursors.get(queryId)?.next() ?? null;
      return JSON.stringify({ value: rowJson(row), done: row === null });
    },
    "1.0/get": ({ id }, tx) => {
      tx.metrics.databaseQueries++;
      return JSON.stringify(rowJson(tx.get(host.table(tableOfId(id)), id)));
    },
    "1.0/insert": ({ table, value }, tx) => {
      const _id = host.newId(table);
      const fields = jsonToConvex(value) as Record<string, Value>;
      tx.put(host.table(table), _id, { ...fields, _id, _creationTime: host.nextCreationTime() });
      return JSON.stringify({ _id });
    },
    "1.0/shallowMerge": ({ id, value }, tx) => {
      const table = host.table(tableOfId(id));
      const next = { ...existing(tx, table, id) };
      for (const [field, to] of Object.entries(value)) next[field] = fromJson(to);
      for (const field of Object.keys(next)) if (next[field] === undefined) delete next[field];
      tx.put(table, id, next);
      return "{}";
    },
    "1.0/replace": ({ id, value }, tx) => {
      const table = host.table(tableOfId(id));
      const { _id, _creationTime } = existing(tx, table, id);
      const fields = jsonToConvex(value) as Record<string, Value>;
      tx.put(table, id, { ...fields, _id, _creationTime });
      return "{}";
    },
    "1.0/remove": ({ id }, tx) => {
      const table = host.table(tableOfId(id));
      existing(tx, table, id);
      tx.put(table, id, null);
      return "{}";
    },
    "1.0/getTransactionMetrics": (_args, tx) =>
      JSON.stringify(
        Object.fromEntries(
          Object.entries(tx.metrics).map(([name, used]) => [name, { used, remaining: 1e9 }]),
        ),
      ),
    "1.0/runUdf": async ({ name, args, udfType }, tx) => {
      const input = jsonToConvex(args);
      if (udfType === "snapshotQuery") {
        const stale = new Transaction(tx.snapshot, true);
        const value = await host.invoke("query", name, input, stale);
        for (const key of ["documentsRead", "bytesRead", "databaseQueries"] as const)
          tx.metrics[key] += stale.metrics[key];
        return toJson(value);
      }
      if (udfType === "query") return toJson(await host.invoke("query", name, input, tx));
      const nested = tx.beginNested();
      try {
        const value = await host.invoke("mutation", name, input, tx);
        nested.keep();
        return toJson(value);
      } catch (error) {
        nested.rollBack();
        throw error;
      }
    },
    "1.0/schedule": ({ name, args, ts }, tx) => {
      const _id = host.newId("_scheduled_functions");
      const at = ts * 1_000;
      const input = jsonToConvex(args);
      tx.put(host.table("_scheduled_functions"), _id, {
        ...{ _id, _creationTime: host.nextCreationTime(), name, args: [input] },
        ...{ scheduledTime: at, state: { kind: "pending" } },
      });
      // The job's row is not one of the component's documents.
      tx.metrics.documentsWritten--;
      tx.metrics.functionsScheduled++;
      tx.scheduled.push({ id: _id, name, args: input, at });
      return toJson(_id);
    },
    "1.0/cancel_job": ({ id }, tx) => {
      const table = host.table("_scheduled_functions");
      tx.put(table, id, { ...existing(tx, table, id), state: { kind: "canceled" } });
      tx.metrics.documentsWritten--;
      return "{}";
    },
  };

  const open = (query: Query, tx: Transaction): number => {
    const { source, operators } = query;
    const limits = operators.flatMap(({ limit }) => (limit === undefined ? [] : [limit]));
    const descending = source.order === "desc";
    const limit = Math.min(Number.POSITIVE_INFINITY, ...limits);
    const id = ++cursors;
    if (source.type === "FullTableScan") {
      const range = { index: "by_creation_time", low: undefined, high: undefined };
      const table = host.table(source.tableName);
      tx.cursors.set(id, tx.open({ table, ...range, descending, limit }));
      return id;
    }
    const [tableName = "", index = ""] = source.indexName.split(".");
    const bounds = boundsOf(source.range);
    tx.cursors.set(
      id,
      tx.open({ table: host.table(tableName), index, ...bounds, descending, limit }),
    );
    return id;
  };

  return {
    syscall: (operation: string, json: string): string => {
      const args = JSON.parse(json) as Args;
      if (operation === "1.0/queryStream")
        return JSON.stringify({ queryId: open(args.query, host.current().transaction) });
      if (operation === "1.0/queryCleanup") return "{}";
      if (operation === "1.0/db/normalizeId") {
        const id = tableOfId(args.idString) === args.table ? args.idString : null;
        return JSON.stringify({ id });
      }
      throw new Error(`The engine does not know ${operation}.`);
    },
    asyncSyscall: async (operation: string, json: string): Promise<string> => {
      await host.pause();
      const call = calls[operation];
      if (call === undefined) throw new Error(`The engine does not know ${operation}.`);
      return await call(JSON.parse(json) as Args, host.current().transaction);
    },
  };
}

function existing(tx: Transaction, table: Table, id: string): Row {
  const row = tx.get(table, id);
  if (row === null) throw new Error(`There is no row ${id}.`);
  return row;
}

function boundsOf(range: readonly RangeStep[]): { low: Bound; high: Bound } {
  const equal: Key = [];
  let low: Bound;
  let high: Bound;
  for (const { type, value } of range) {
    const end = fromJson(value);
    if (type === "Eq") equal.push(end);
    else if (type === "Gt" || type === "Gte")
      low = { key: [...equal, end], inclusive: type === "Gte" };
    else high = { key: [...equal, end], inclusive: type === "Lte" };
  }
  const prefix = equal.length === 0 ? undefined : { key: equal, inclusive: true };
  return { low: low ?? prefix, high: high ?? prefix };
}
