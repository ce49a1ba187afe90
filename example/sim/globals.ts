/**
 * The process's own sources of time, randomness and network, replaced for one run. WebCrypto is answered by Node's
 * synchronous functions: the real one answers from a thread pool, whose order no seed decides.
 */
import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import type { Random } from "../local/fly/random.js";
import type { SimClock } from "./clock.js";

export type Outside = {
  clock: SimClock;
  random: Random;
  fetch: (url: string, init: RequestInit) => Promise<unknown>;
  /** Added to every timer: nothing outside fires on the millisecond. */
  timerDelay: (ms: number) => number;
  /** What the code under test says on the console. */
  onConsole: (level: "error" | "warn", args: unknown[]) => void;
};

type Gcm = { iv: Uint8Array; additionalData: Uint8Array };
type Key = { raw: Uint8Array };
const TAG_BYTES = 16;

function cryptoOf(random: Random): unknown {
  const fill = <A extends Uint8Array>(bytes: A): A => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = random.integer(256);
    return bytes;
  };
  const view = (data: BufferSource) =>
    data instanceof ArrayBuffer
      ? new Uint8Array(data)
      : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const exact = (buffer: Buffer) => Uint8Array.from(buffer).buffer;
  const later = <T>(make: () => T) => Promise.resolve().then(make);
  return {
    getRandomValues: fill,
    randomUUID: () => {
      const hex = Buffer.from(fill(new Uint8Array(16))).toString("hex");
      return [8, 12, 16, 20, 32].map((end, i) => hex.slice([0, 8, 12, 16, 20][i], end)).join("-");
    },
    subtle: {
      digest: (name: string, data: BufferSource) =>
        later(() =>
          exact(createHash(name.replace("-", "").toLowerCase()).update(view(data)).digest()),
        ),
      importKey: (_format: string, raw: BufferSource) =>
        later((): Key => ({ raw: view(raw).slice() })),
      encrypt: ({ iv, additionalData }: Gcm, key: Key, data: BufferSource) =>
        later(() => {
          const cipher = createCipheriv("aes-256-gcm", key.raw, iv).setAAD(additionalData);
          return exact(
            Buffer.concat([cipher.update(view(data)), cipher.final(), cipher.getAuthTag()]),
          );
        }),
      decrypt: ({ iv, additionalData }: Gcm, key: Key, data: BufferSource) =>
        later(() => {
          const bytes = view(data);
          const end = bytes.length - TAG_BYTES;
          const cipher = createDecipheriv("aes-256-gcm", key.raw, iv)
            .setAAD(additionalData)
            .setAuthTag(bytes.subarray(end));
          return exact(Buffer.concat([cipher.update(bytes.subarray(0, end)), cipher.final()]));
        }),
    },
  };
}

function dateOf(clock: SimClock): DateConstructor {
  const Real = Date;
  return class SimDate extends Real {
    constructor(...args: unknown[]) {
      super(...((args.length === 0 ? [clock.now()] : args) as [number]));
    }
    static override now(): number {
      return clock.now();
    }
  } as unknown as DateConstructor;
}

/** Takes the place of the process's globals until the returned function is called. */
export function takeOver(outside: Outside): () => void {
  const { clock, random } = outside;
  const timers = new Map<number, () => void>();
  let nextTimer = 1;
  const replacements: Record<string, unknown> = {
    setTimeout: (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
      const id = nextTimer++;
      const fire = () => {
        timers.delete(id);
        run(...args);
      };
      timers.set(id, clock.schedule(outside.timerDelay(ms), fire));
      return id;
    },
    clearTimeout: (id: number) => {
      timers.get(id)?.();
      timers.delete(id);
    },
    Date: dateOf(clock),
    crypto: cryptoOf(random.stream("crypto")),
    fetch: outside.fetch,
  };
  const former = Object.keys(replacements).map(
    (key) => [key, Object.getOwnPropertyDescriptor(globalThis, key)] as const,
  );
  for (const [key, value] of Object.entries(replacements))
    Object.defineProperty(globalThis, key, {
      value,
      configurable: true,
      writable: true,
      enumerable: true,
    });
  const { random: mathRandom } = Math;
  const draws = random.stream("Math.random");
  Math.random = () => draws.next();
  const { error, warn, info, log } = console;
  console.error = (...args: unknown[]) => outside.onConsole("error", args);
  console.warn = (...args: unknown[]) => outside.onConsole("warn", args);
  console.info = console.log = () => undefined;
  return () => {
    for (const [key, descriptor] of former)
      if (descriptor !== undefined) Object.defineProperty(globalThis, key, descriptor);
    Math.random = mathRandom;
    Object.assign(console, { error, warn, info, log });
  };
}
