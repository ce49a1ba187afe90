/** Everything that is stored, for checks like "this secret is nowhere". */
import type { Value } from "convex/values";
import type { Runtime, TransactionCtx } from "./runtime.js";

export type Row = Record<string, Value>;
/** Component path → table → rows. The app is "". */
export type Dump = Record<string, Record<string, Row[]>>;

const SYSTEM_TABLES = ["_scheduled_functions", "_storage"] as const;
/** A page must stay below what one transaction may read, even with large documents. */
const PAGE_SIZE = 16;

export async function dumpTables(runtime: Runtime): Promise<Dump> {
  const dump: Dump = {};
  for (const { path, schema } of runtime.instances.values()) {
    const tables: Record<string, Row[]> = {};
    for (const table of Object.keys(schema?.tables ?? {})) {
      tables[table] = await readTable(runtime, path, (ctx) => ctx.db.query(table));
    }
    for (const table of SYSTEM_TABLES) {
      tables[table] = await readTable(runtime, path, (ctx) => ctx.db.system.query(table));
    }
    dump[path] = tables;
  }
  return dump;
}

interface Paginated {
  paginate(options: { numItems: number; cursor: string | null }): Promise<{
    page: unknown[];
    isDone: boolean;
    continueCursor: string;
  }>;
}

async function readTable(
  runtime: Runtime,
  componentPath: string,
  query: (ctx: TransactionCtx) => Paginated,
): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null = null;
  for (let done = false; !done;) {
    const options: { numItems: number; cursor: string | null } = { numItems: PAGE_SIZE, cursor };
    const result = await runtime.transaction(componentPath, (ctx) => query(ctx).paginate(options));
    rows.push(...(result.page as Row[]));
    done = result.isDone;
    cursor = result.continueCursor;
  }
  return rows;
}
