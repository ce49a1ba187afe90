/** Versioned rows with sorted indexes: a transaction sees what was committed at its snapshot. */
import { compareValues, type Value } from "convex/values";

export type Row = { _id: string; _creationTime: number } & Record<string, Value | undefined>;
export type Key = (Value | undefined)[];
/** Compared on its own length: a prefix of a key bounds all keys that begin with it. */
export type Bound = { key: Key; inclusive: boolean } | undefined;
type Entry = { key: Key; id: string; from: number; to: number | null };
type Index = { fields: string[]; entries: Entry[] };
type Version = { at: number; row: Row | null };

export function compareKeys(a: Key, b: Key, length = Math.max(a.length, b.length)): number {
  for (let i = 0; i < length; i++) {
    const order = compareValues(a[i], b[i]);
    if (order !== 0) return order;
  }
  return 0;
}

export function isAbove(key: Key, low: Bound): boolean {
  if (low === undefined) return true;
  const order = compareKeys(key, low.key, low.key.length);
  return low.inclusive ? order >= 0 : order > 0;
}

export function isBelow(key: Key, high: Bound): boolean {
  if (high === undefined) return true;
  const order = compareKeys(key, high.key, high.key.length);
  return high.inclusive ? order <= 0 : order < 0;
}

export class Table {
  private readonly versions = new Map<string, Version[]>();
  private readonly indexes = new Map<string, Index>();

  constructor(
    readonly name: string,
    indexes: readonly { indexDescriptor: string; fields: string[] }[],
  ) {
    this.indexes.set("by_id", { fields: ["_id"], entries: [] });
    this.indexes.set("by_creation_time", { fields: ["_creationTime", "_id"], entries: [] });
    for (const { indexDescriptor, fields } of indexes)
      this.indexes.set(indexDescriptor, {
        fields: [...fields, "_creationTime", "_id"],
        entries: [],
      });
  }

  keyOf(row: Row, index: string): Key {
    return keyOf(row, this.index(index).fields);
  }

  at(id: string, snapshot: number): Row | null {
    const versions = this.versions.get(id) ?? [];
    for (let i = versions.length - 1; i >= 0; i--) {
      const version = versions[i];
      if (version !== undefined && version.at <= snapshot) return version.row;
    }
    return null;
  }

  /** Rows of the range at the snapshot, in index order. Commits may shift the entries between two of them. */
  *range(index: string, low: Bound, high: Bound, descending: boolean, snapshot: number) {
    const { entries } = this.index(index);
    for (;;) {
      const start = firstIndex(entries, (key) => isAbove(key, low));
      const end = firstIndex(entries, (key) => !isBelow(key, high));
      if (start >= end) return;
      const chunk = descending
        ? entries.slice(Math.max(start, end - CHUNK), end).reverse()
        : entries.slice(start, Math.min(end, start + CHUNK));
      let last: Key = [];
      for (const entry of chunk) {
        last = entry.key;
        if (entry.from > snapshot || (entry.to !== null && entry.to <= snapshot)) continue;
        const row = this.at(entry.id, snapshot);
        if (row !== null) yield { key: entry.key, row };
      }
      if (chunk.length < CHUNK) return;
      // A key holds its row's id: entries that share the last one are versions of a row that was handed out.
      if (descending) high = { key: last, inclusive: false };
      else low = { key: last, inclusive: false };
    }
  }

  /** Writes a version; null deletes. Returns the row before. */
  write(id: string, row: Row | null, at: number): Row | null {
    const versions = this.versions.get(id) ?? [];
    const before = versions.at(-1)?.row ?? null;
    versions.push({ at, row });
    this.versions.set(id, versions);
    for (const index of this.indexes.values()) {
      const oldKey = before === null ? null : keyOf(before, index.fields);
      const newKey = row === null ? null : keyOf(row, index.fields);
      if (oldKey !== null && newKey !== null && compareKeys(oldKey, newKey) === 0) continue;
      if (oldKey !== null) closeEntry(index.entries, oldKey, id, at);
      if (newKey !== null)
        index.entries.splice(
          firstIndex(index.entries, (key) => compareKeys(key, newKey) > 0),
          0,
          { key: newKey, id, from: at, to: null },
        );
    }
    return before;
  }

  /** Many new rows at once: sorted at the end instead of one by one. */
  load(rows: readonly Row[], at: number): void {
    for (const row of rows) this.versions.set(row._id, [{ at, row }]);
    for (const index of this.indexes.values()) {
      for (const row of rows)
        index.entries.push({ key: keyOf(row, index.fields), id: row._id, from: at, to: null });
      index.entries.sort((a, b) => compareKeys(a.key, b.key));
    }
  }

  /** Forgets what no transaction from `floor` on can see. */
  compact(floor: number): void {
    for (const [id, versions] of this.versions) {
      const seen = versions.findLastIndex((version) => version.at <= floor);
      if (seen > 0) versions.splice(0, seen);
      if (versions.length === 1 && versions[0]?.row === null) this.versions.delete(id);
    }
    for (const index of this.indexes.values())
      index.entries = index.entries.filter((entry) => entry.to === null || entry.to > floor);
  }

  private index(name: string): Index {
    const index = this.indexes.get(name);
    if (index === undefined) throw new Error(`Table ${this.name} has no index ${name}.`);
    return index;
  }
}

/** Entries looked at before the place in the index is found again. */
const CHUNK = 64;

function keyOf(row: Row, fields: readonly string[]): Key {
  return fields.map((path) => {
    let value: unknown = row;
    for (const name of path.split("."))
      value =
        value === undefined || value === null
          ? undefined
          : (value as Record<string, unknown>)[name];
    return value as Value | undefined;
  });
}

function firstIndex(entries: readonly Entry[], matches: (key: Key) => boolean): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (matches(entries[middle]?.key ?? [])) high = middle;
    else low = middle + 1;
  }
  return low;
}

function closeEntry(entries: Entry[], key: Key, id: string, at: number): void {
  for (let i = firstIndex(entries, (other) => compareKeys(other, key) >= 0); ; i++) {
    const entry = entries[i];
    if (entry === undefined) throw new Error(`The index lost row ${id}.`);
    if (entry.id !== id || entry.to !== null) continue;
    entry.to = at;
    return;
  }
}
