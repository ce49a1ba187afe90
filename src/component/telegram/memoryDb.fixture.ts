/** A database in memory with indexes, for runs that convex-test, which scans every row, would take hours for. */
import type { MutationCtx } from "../kit/functions.js";
import schema from "../schema.js";

type Row = Record<string, unknown> & { _id: string; _creationTime: number };
type Test = (row: Row) => boolean;
type Indexes = { indexDescriptor: string; fields: string[] }[];

function fieldsOf(table: string, index: string): string[] {
  const tables = schema.tables as unknown as Record<string, { " indexes"(): Indexes }>;
  const found = tables[table]?.[" indexes"]().find((known) => known.indexDescriptor === index);
  if (found === undefined) throw new Error(`no index ${table}.${index}`);
  return found.fields;
}

function compare(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a === undefined) return -1;
  if (b === undefined) return 1;
  return (a as number) < (b as number) ? -1 : 1;
}

/** One mutation at a time; nothing is rolled back. */
export function memoryCtx() {
  const tables = new Map<string, Map<string, Row>>();
  const buckets = new Map<string, Set<Row>>();
  let ids = 0;
  const rows = (table: string) => {
    const known = tables.get(table) ?? new Map<string, Row>();
    tables.set(table, known);
    return known;
  };
  const bucketsOf = (table: string, row: Row) =>
    Object.entries(row).map(([field, value]) => `${table}/${field}/${JSON.stringify(value)}`);
  const file = (table: string, row: Row) => {
    rows(table).set(row._id, row);
    for (const key of bucketsOf(table, row)) {
      const bucket = buckets.get(key) ?? new Set<Row>();
      buckets.set(key, bucket.add(row));
    }
  };
  const unfile = (table: string, id: string): Row => {
    const row = rows(table).get(id);
    if (row === undefined) throw new Error(`no row ${table}/${id}`);
    rows(table).delete(id);
    for (const key of bucketsOf(table, row)) buckets.get(key)?.delete(row);
    return row;
  };
  const clean = (row: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as Row;

  const query = (table: string) => {
    let found: Row[] = [];
    const api = {
      withIndex(index: string, range?: (q: unknown) => unknown) {
        const fields = fieldsOf(table, index);
        const tests: Test[] = [];
        let start: string | null = null;
        const q = {
          eq(field: string, value: unknown) {
            if (start === null && value !== undefined)
              start = `${table}/${field}/${JSON.stringify(value)}`;
            tests.push((row) => compare(row[field], value) === 0);
            return q;
          },
          gt: (field: string, value: unknown) => bound(field, value, (c) => c > 0),
          gte: (field: string, value: unknown) => bound(field, value, (c) => c >= 0),
          lt: (field: string, value: unknown) => bound(field, value, (c) => c < 0),
          lte: (field: string, value: unknown) => bound(field, value, (c) => c <= 0),
        };
        const bound = (field: string, value: unknown, fits: (c: number) => boolean) => {
          tests.push((row) => fits(compare(row[field], value)));
          return q;
        };
        range?.(q);
        const candidates = start === null ? rows(table).values() : (buckets.get(start) ?? []);
        found = [...candidates].filter((row) => tests.every((test) => test(row)));
        const order = [...fields, "_creationTime"];
        found.sort((a, b) => order.reduce((c, field) => c || compare(a[field], b[field]), 0));
        return api;
      },
      order(direction: "asc" | "desc") {
        if (direction === "desc") found.reverse();
        return api;
      },
      first: () => Promise.resolve(found[0] ?? null),
      unique: () => Promise.resolve(found[0] ?? null),
      take: (n: number) => Promise.resolve(found.slice(0, n)),
    };
    return api;
  };

  const db = {
    query,
    get: (table: string, id: string) => Promise.resolve(rows(table).get(id) ?? null),
    insert(table: string, row: Record<string, unknown>) {
      ids += 1;
      const _id = `${table}:${ids}`;
      file(table, { ...clean(row), _id, _creationTime: ids });
      return Promise.resolve(_id);
    },
    patch(table: string, id: string, changes: Record<string, unknown>) {
      file(table, clean({ ...unfile(table, id), ...changes }));
      return Promise.resolve();
    },
  };
  const scheduler = { runAfter: () => Promise.resolve("job"), cancel: () => Promise.resolve() };
  const ctx = { db, scheduler } as unknown as MutationCtx;
  return { ctx, all: (table: string) => [...rows(table).values()] };
}
