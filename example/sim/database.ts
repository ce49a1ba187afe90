/**
 * convex-test's database, seen from inside: it reads every document of the deployment for every query, which makes long
 * runs slow, so documents are kept by table here; and what every transaction wrote is told to the checks.
 */
import { AsyncLocalStorage } from "node:async_hooks";

export type Row = Record<string, unknown> & { _id: string; _creationTime: number };
export type Write = { table: string; id: string; before: Row | null; after: Row | null };

/** What is used of convex-test's private class. */
type Inner = {
  _documents: Record<string, Row>;
  _writes: Record<string, Row | null>[];
  _queryResults: Record<string, unknown>;
  _iterateDocs: (table: string, visit: (row: Row) => void) => void;
  commit: (commitTs?: unknown) => void;
  get: (table: string, id: string) => Row | null;
  _generateId: (table: string) => string;
};

type Capture = { components: Record<string, { db: Inner }> };

const tableOf = (id: string) => id.replace(/^[0-9]+/, "");

/** Runs `probe` and catches the deployment that convex-test passes through its async context. */
async function findInner(probe: () => Promise<unknown>): Promise<Inner> {
  const scope = AsyncLocalStorage.prototype as unknown as {
    run: (store: unknown, ...rest: unknown[]) => unknown;
  };
  const { run } = scope;
  let found: Capture | undefined;
  scope.run = function (this: unknown, store: unknown, ...rest: unknown[]) {
    if (typeof store === "object" && store !== null && "components" in store)
      found ??= store as unknown as Capture;
    return run.call(this, store, ...rest);
  };
  try {
    await probe();
  } finally {
    scope.run = run;
  }
  const inner = found?.components[""]?.db;
  if (inner === undefined) throw new Error("convex-test hides its database differently now");
  return inner;
}

export class Database {
  readonly #tables = new Map<string, Map<string, Row>>();
  readonly #inner: Inner;

  private constructor(inner: Inner, onCommit: (writes: Write[]) => void) {
    this.#inner = inner;
    for (const row of Object.values(inner._documents)) this.#put(tableOf(row._id), row);
    const commit = inner.commit.bind(inner);
    inner.commit = (commitTs) => {
      const outermost = inner._writes.length === 1;
      const pending = outermost ? Object.keys(inner._writes[0] ?? {}) : [];
      const before = pending.map((id) => inner._documents[id] ?? null);
      commit(commitTs);
      if (pending.length === 0) return;
      inner._queryResults = {};
      const writes = pending.map((id, i): Write => {
        const after = inner._documents[id] ?? null;
        const table = tableOf(id);
        if (after === null) this.#tables.get(table)?.delete(id);
        else this.#put(table, after);
        return { table, id, before: before[i] ?? null, after };
      });
      onCommit(writes);
    };
    inner._iterateDocs = (table, visit) => {
      const rows = this.#tables.get(table);
      if (inner._writes.length === 0) {
        for (const row of rows?.values() ?? []) visit(row);
        return;
      }
      const staged = new Set<string>();
      for (const level of inner._writes)
        for (const id of Object.keys(level)) if (tableOf(id) === table) staged.add(id);
      for (const row of rows?.values() ?? []) if (!staged.has(row._id)) visit(row);
      for (const id of staged) {
        const row = inner.get(table, id);
        if (row !== null) visit(row);
      }
    };
  }

  static async open(
    probe: () => Promise<unknown>,
    onCommit: (writes: Write[]) => void,
  ): Promise<Database> {
    return new Database(await findInner(probe), onCommit);
  }

  #put(table: string, row: Row): void {
    let rows = this.#tables.get(table);
    if (rows === undefined) this.#tables.set(table, (rows = new Map()));
    rows.set(row._id, row);
  }

  /** The committed rows of a table. Not to be changed. */
  rows<R extends Row = Row>(table: string): R[] {
    return [...(this.#tables.get(table)?.values() ?? [])] as R[];
  }

  get<R extends Row = Row>(id: string): R | null {
    return (this.#inner._documents[id] ?? null) as R | null;
  }

  /** Every committed row. Not to be changed. */
  all(): Row[] {
    return [...this.#tables.values()].flatMap((rows) => [...rows.values()]);
  }

  /** Forgets rows that nobody reads any more, behind the deployment's back. */
  prune(table: string, dispensable: (row: Row) => boolean): void {
    for (const row of this.rows(table)) {
      if (!dispensable(row)) continue;
      Reflect.deleteProperty(this.#inner._documents, row._id);
      this.#tables.get(table)?.delete(row._id);
    }
  }
}
