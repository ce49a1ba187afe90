/** One transaction: its snapshot, its writes in layers (a sub-transaction can roll back), and what it depends on. */
import { getDocumentSize, type Value } from "convex/values";
import {
  compareKeys,
  isAbove,
  isBelow,
  type Bound,
  type Key,
  type Row,
  type Table,
} from "./rows.js";

/** What a conflict is judged by: an index range that was consumed. */
export type ReadRange = { table: Table; index: string; low: Bound; high: Bound };
export type Write = { table: Table; id: string; row: Row | null };
export type Scheduled = { id: string; name: string; args: Value; at: number };
export type Cursor = { next(): Row | null };

export class Transaction {
  readonly reads: ReadRange[] = [];
  readonly scheduled: Scheduled[] = [];
  readonly cursors = new Map<number, Cursor>();
  readonly metrics = {
    ...{ documentsRead: 0, bytesRead: 0, databaseQueries: 0, documentsWritten: 0, bytesWritten: 0 },
    ...{ functionsScheduled: 0, scheduledFunctionArgsBytes: 0 },
  };
  private readonly layers: Map<string, Write>[] = [new Map()];

  /** A stale transaction reads what was committed, not what its caller wrote, and depends on nothing. */
  constructor(
    readonly snapshot: number,
    readonly stale = false,
  ) {}

  get writes(): readonly Write[] {
    return [...(this.layers[0]?.values() ?? [])];
  }

  get(table: Table, id: string): Row | null {
    const bound = { key: [id], inclusive: true };
    this.depend({ table, index: "by_id", low: bound, high: bound });
    const row = this.look(table, id);
    if (row !== null) this.countRead(row);
    return row;
  }

  put(table: Table, id: string, row: Row | null): void {
    this.layers.at(-1)?.set(`${table.name}/${id}`, { table, id, row });
    this.metrics.documentsWritten++;
    if (row !== null) this.metrics.bytesWritten += getDocumentSize(row as Record<string, Value>);
  }

  /** A query: the dependency grows with what is consumed, to the whole range when it is exhausted. */
  open(query: {
    table: Table;
    index: string;
    low: Bound;
    high: Bound;
    descending: boolean;
    limit: number;
  }): Cursor {
    this.metrics.databaseQueries++;
    const { table, index, low, high, descending } = query;
    const rows = this.merged(table, index, low, high, descending);
    let range: ReadRange | null = null;
    let left = query.limit;
    return {
      next: () => {
        if (left <= 0) return null;
        const { value } = rows.next();
        if (range === null) this.depend((range = { table, index, low, high }));
        if (value === undefined) {
          [range.low, range.high] = [low, high];
          return null;
        }
        left--;
        const reached = { key: value.key, inclusive: true };
        if (descending) range.low = reached;
        else range.high = reached;
        this.countRead(value.row);
        return value.row;
      },
    };
  }

  beginNested(): { keep(): void; rollBack(): void } {
    this.layers.push(new Map());
    const scheduledBefore = this.scheduled.length;
    return {
      keep: () => {
        for (const [key, write] of this.layers.pop() ?? []) this.layers.at(-1)?.set(key, write);
      },
      rollBack: () => {
        this.layers.pop();
        this.scheduled.length = scheduledBefore;
      },
    };
  }

  private *merged(table: Table, index: string, low: Bound, high: Bound, descending: boolean) {
    const own = new Map<string, Row | null>();
    if (!this.stale)
      for (const layer of this.layers)
        for (const write of layer.values()) if (write.table === table) own.set(write.id, write.row);
    const sign = descending ? -1 : 1;
    const pending: { key: Key; row: Row }[] = [];
    for (const row of own.values()) {
      if (row === null) continue;
      const key = table.keyOf(row, index);
      if (isAbove(key, low) && isBelow(key, high)) pending.push({ key, row });
    }
    pending.sort((a, b) => sign * compareKeys(a.key, b.key));
    for (const found of table.range(index, low, high, descending, this.snapshot)) {
      if (own.has(found.row._id)) continue;
      for (let first = pending[0]; first !== undefined; first = pending[0]) {
        if (sign * compareKeys(first.key, found.key) > 0) break;
        pending.shift();
        yield first;
      }
      yield found;
    }
    yield* pending;
  }

  look(table: Table, id: string): Row | null {
    if (!this.stale)
      for (const layer of [...this.layers].reverse()) {
        const write = layer.get(`${table.name}/${id}`);
        if (write !== undefined) return write.row;
      }
    return table.at(id, this.snapshot);
  }

  private depend(range: ReadRange): void {
    if (!this.stale) this.reads.push(range);
  }

  private countRead(row: Row): void {
    this.metrics.documentsRead++;
    this.metrics.bytesRead += getDocumentSize(row as Record<string, Value>);
  }
}

/** The range that a commit of `before` → `after` would make untrue, or null. */
export function violatedRange(
  reads: readonly ReadRange[],
  write: { table: Table; before: Row | null; after: Row | null },
): ReadRange | null {
  for (const range of reads) {
    if (range.table !== write.table) continue;
    for (const row of [write.before, write.after]) {
      if (row === null) continue;
      const key = write.table.keyOf(row, range.index);
      if (isAbove(key, range.low) && isBelow(key, range.high)) return range;
    }
  }
  return null;
}
