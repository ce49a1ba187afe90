/** Updates that nobody would send: mutated, huge, deep, not even text. And genuine ones with a secret that is not. */
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SAMPLES } from "../../component/telegram/samples.fixture.js";
import { BOT, NO_SECRET, isolate, message, startApp } from "./telegram.fixture.js";

isolate({ beforeEach, afterEach });

type Json = Record<string, unknown>;

/** Every place in a value, as the keys that lead there. */
function placesIn(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...path, key])),
  ];
}

/** The value with something else, or nothing, at a place. */
function replaced(value: unknown, [key, ...rest]: string[], by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value))
    return value.map((item, i) =>
      String(i) === key ? replaced(item, rest, by) : (item as unknown),
    );
  if (typeof value !== "object" || value === null) return value;
  return { ...value, [key]: replaced((value as Json)[key], rest, by) };
}

const oddValue = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    ...[undefined, null, "", "\ud800", "\u0000", -1, 0, 1.5, 1e300, 2 ** 53, true, [], {}, [[]]],
    ...[
      "/start",
      "/start \u202eABCD",
      "x".repeat(70_000),
      { id: 1.5 },
      { id: "1" },
      { file_id: "" },
    ],
    ...[Array.from({ length: 300 }, () => ({ file_id: "p" })), { toString: 1, constructor: null }],
  ),
);

const mutated = fc
  .tuple(
    fc.constantFrom(...Object.values(SAMPLES)),
    fc.array(fc.tuple(fc.nat(), oddValue), { minLength: 1, maxLength: 4 }),
    fc.nat(2_000_000_000),
  )
  .map(([sample, changes, update_id]) =>
    changes.reduce<unknown>(
      (update, [where, value]) => {
        const places = placesIn(update);
        return replaced(update, places[where % places.length] ?? [], value);
      },
      { ...sample, update_id },
    ),
  );

const deep = (open: string, close: string, depth: number) =>
  open.repeat(depth) + close.repeat(depth);
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => new Uint8Array(array));
const latin1 = fc
  .uint8Array({ minLength: 1, maxLength: 20 })
  .map((noise) =>
    Uint8Array.from([
      ...new TextEncoder().encode(
        '{"update_id":5,"message":{"message_id":5,"chat":{"id":5},"from":{"id":5},"text":"',
      ),
      ...noise,
      ...new TextEncoder().encode('"}}'),
    ]),
  );

test("behind the right secret nonsense is answered 2xx, and nothing that follows fails", async () => {
  const complaints = vi.spyOn(console, "error").mockImplementation(() => undefined);
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const app = await startApp();
  const sane = async (update: unknown) => {
    const { status } = await app.post(update);
    expect([200, 202]).toContain(status);
  };
  for (const body of [
    deep("[", "]", 50_000),
    `{"message":${deep('{"reply_to_message":', "}", 9_000).replace(":}", ":1}")}}`,
    JSON.stringify(message({ text: "y".repeat(600_000) })),
    JSON.stringify(message({ caption: "é".repeat(200_000), text: undefined })),
    '{"update_id":1e400,"message":{"chat":{"id":1e400},"from":{"id":1}}}',
    '{"__proto__":{"message":1},"constructor":2}',
    "\ufeff{}",
    "",
  ])
    await sane(body);
  await fc.assert(fc.asyncProperty(fc.oneof(mutated, mutated, latin1, bytes, fc.string()), sane), {
    numRuns: 160,
  });
  await app.settle(6_000);
  expect(complaints).not.toHaveBeenCalled();
  expect(await app.failedFunctions()).toEqual([]);
  // A sane message after all that is taken as ever.
  expect((await app.post(message())).status).toBe(202);
});

test("without the right secret nothing is answered but 403, and nothing is written", async () => {
  const app = await startApp();
  const before = await app.dump();
  const right = app.secret();
  const secrets = fc.oneof(
    fc.constantFrom<string | null>(null, "", "x", `af_v1_${BOT}`, `af:v1:${BOT}`, `af_v2_${BOT}_`),
    fc.constantFrom(right.toLowerCase(), right.slice(0, -1), ` ${right}x`, `${right},${right}`),
    fc.stringMatching(/^af_v2_[0-9]{1,5}_[A-Za-z0-9_-]{32,43}$/),
    fc.stringMatching(/^[!-~]{1,80}$/),
    // The random part of this bot's secret, for another bot.
    fc.nat(9_999_999).map((id) => right.replace(String(BOT), String(id + 10_000))),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(mutated, fc.constant(SAMPLES.start)),
      secrets,
      async (update, secret) => {
        fc.pre(secret !== right);
        expect(await app.post(update, secret)).toEqual({ ...NO_SECRET, retryAfter: null });
      },
    ),
    { numRuns: 80 },
  );
  expect(await app.dump()).toEqual(before);
});
