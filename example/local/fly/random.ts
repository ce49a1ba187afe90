/** A seeded generator with named streams: one more draw in one stream leaves the others unchanged. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  between(min: number, max: number): number;
  integer(below: number): number;
  pick<T>(list: readonly [T, ...T[]]): T;
  text(alphabet: string, length: number): string;
  shuffle<T>(list: readonly T[]): T[];
  stream(label: string): Random;
}

/** FNV-1a: short, stable and good enough to seed a stream or to tell tokens apart in a log. */
export function shortHash(text: string): string {
  return hash(text).toString(16).padStart(8, "0");
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;

  function next(): number {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }
  const integer = (below: number) => Math.floor(next() * below);

  return {
    next,
    integer,
    between: (min, max) => min + next() * (max - min),
    pick: (list) => list[integer(list.length)] ?? list[0],
    text(alphabet, length) {
      return Array.from({ length }, () => alphabet.charAt(integer(alphabet.length))).join("");
    },
    shuffle(list) {
      return list
        .map((item) => ({ item, key: next() }))
        .sort((left, right) => left.key - right.key)
        .map(({ item }) => item);
    },
    stream: (label) => createRandom(hash(`${seed}/${label}`)),
  };
}

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz";
const ADJECTIVES = ["aged", "bold", "calm", "dark", "lively", "quiet", "rough", "small"] as const;
const NOUNS = ["field", "forest", "leaf", "moon", "river", "shadow", "thunder", "wind"] as const;

export interface Ids {
  machine(): string;
  volume(): string;
  ulid(at: number): string;
  privateIp(): string;
  machineName(): string;
}

export function createIds(random: Random): Ids {
  return {
    machine: () => random.text("0123456789abcdef", 14),
    volume: () => `vol_${random.text(BASE36, 16)}`,
    ulid(at) {
      let time = "";
      for (let rest = Math.floor(at), digit = 0; digit < 10; digit++) {
        time = CROCKFORD.charAt(rest % 32) + time;
        rest = Math.floor(rest / 32);
      }
      return time + random.text(CROCKFORD, 16);
    },
    privateIp: () => `fdaa:0:1:a7b:${random.text("0123456789abcdef", 4)}:0:0:2`,
    machineName() {
      return `${random.pick(ADJECTIVES)}-${random.pick(NOUNS)}-${1000 + random.integer(9000)}`;
    },
  };
}
