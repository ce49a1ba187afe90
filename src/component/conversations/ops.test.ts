import { describe, expect, test } from "vitest";
import { api } from "../_generated/api.js";
import {
  complete,
  conversationRow,
  fail,
  legacyConversation,
  mustClaim,
  pass,
  queueTest,
  refusal,
  send,
  START,
  store,
  useTestClock,
  type T,
} from "../queue/setup.test.js";
import { historyWindow, loadConversation } from "./ops.js";
import type { NewHistoryEntry } from "./validators.js";

useTestClock();

const append = async (t: T, messages: NewHistoryEntry[], more: { nowMs?: number } = {}) =>
  await t.mutation(api.lib.appendConversationMessages, {
    conversationId: "c1",
    messages: messages.map(({ at, ...rest }) => ({ ...rest, ...(at === undefined ? {} : { at }) })),
    ...more,
  });
const page = async (t: T, options: { before?: number; limit?: number } = {}) =>
  await t.query(api.lib.listConversationMessages, { conversationId: "c1", ...options });
const texts = async (t: T) => (await page(t, { limit: 200 })).entries.map((e) => e.content);
const window = async (t: T, maxTokens: number) =>
  await t.run(async (ctx) => {
    const conversation = await loadConversation(ctx, "c1");
    if (conversation === null) throw new Error("gone");
    return (await historyWindow(ctx, conversation, maxTokens)).map((e) => e.content);
  });
const numbered = (count: number, from = 0): NewHistoryEntry[] =>
  Array.from({ length: count }, (_, i) => ({ role: "user", content: `${from + i}` }));

describe("appending", () => {
  test("adds one row per entry, in order; a missing time is now + index", async () => {
    const t = await queueTest();
    await send(t, "c1");
    expect(
      await append(t, [
        { role: "user", content: "a" },
        { role: "assistant", content: "b" },
        { role: "tool", content: "c", at: 7 },
      ]),
    ).toEqual({ updated: true, messageCount: 3 });
    expect((await page(t)).entries).toEqual([
      { role: "user", content: "a", at: START },
      { role: "assistant", content: "b", at: START + 1 },
      { role: "tool", content: "c", at: 7 },
    ]);
    const row = await conversationRow(t, "c1");
    expect(row).toMatchObject({ nextSequence: 3, contextHistory: [] });
    expect(await append(t, [])).toEqual({ updated: true, messageCount: 0 });
    expect(await conversationRow(t, "c1")).toEqual(row);
  });

  test("to an unknown conversation changes nothing", async () => {
    const t = await queueTest();
    expect(await append(t, numbered(1))).toEqual({ updated: false, messageCount: 0 });
    const rows = await t.run(async (ctx) => await ctx.db.query("conversationMessages").take(5));
    expect(rows).toEqual([]);
  });

  test("without a lease is not deduplicated", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await append(t, numbered(1));
    await append(t, numbered(1));
    expect(await texts(t)).toEqual(["0", "0"]);
  });

  test("during a lease happens once per message; a later answer replaces the earlier", async () => {
    const t = await queueTest();
    await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    const turn = (answer: string): NewHistoryEntry[] => [
      { role: "user", content: "q" },
      { role: "assistant", content: answer },
    ];
    await append(t, turn("first"));
    expect(await append(t, turn("first"))).toEqual({ updated: true, messageCount: 2 });
    expect(await texts(t)).toEqual(["q", "first"]);
    await fail(t, ref);
    pass(5_000);
    const again = await mustClaim(t, "w1");
    await append(t, turn("second"));
    expect(await texts(t)).toEqual(["q", "second"]);
    await complete(t, again.ref);
    await send(t, "c1");
    await mustClaim(t, "w1");
    await append(t, turn("third"));
    expect(await texts(t)).toEqual(["q", "second", "q", "third"]);
  });

  test("a turn with several entries of a role is kept whole when it is repeated", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await mustClaim(t, "w1");
    const turn: NewHistoryEntry[] = [
      { role: "user", content: "q" },
      { role: "assistant", content: "let me look" },
      { role: "tool", content: "found" },
      { role: "assistant", content: "here it is" },
    ];
    const kept = turn.map((e) => e.content);
    await append(t, turn);
    await append(t, turn);
    expect(await texts(t)).toEqual(kept);
    // The answer of the next delivery is longer: what it has more is added.
    await append(t, [...turn, { role: "assistant", content: "and more" }]);
    expect(await texts(t)).toEqual([...kept, "and more"]);
  });

  test("two hundred entries of one message are still appended once", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await mustClaim(t, "w1");
    await append(t, numbered(200));
    await append(t, numbered(200));
    expect(await texts(t)).toHaveLength(200);
    expect(await conversationRow(t, "c1")).toMatchObject({ nextSequence: 200 });
  });

  test.each([
    ["201 entries", numbered(201), "INVALID_ARGUMENT", "At most 200 messages per call, got 201."],
    [
      "an entry above 512 KiB",
      [{ role: "user", content: "ü".repeat(300_000) }],
      "PAYLOAD_TOO_LARGE",
      "A history entry may have 524288 bytes. Shorten it.",
    ],
    [
      "a time that is none",
      [{ role: "user", content: "x", at: Number.NaN }],
      "INVALID_ARGUMENT",
      "messages[].at must be a finite number of milliseconds.",
    ],
  ] as const)("%s: refused, nothing stored", async (_name, messages, code, message) => {
    const t = await queueTest();
    await send(t, "c1");
    expect(await refusal(append(t, [...messages]))).toMatchObject({ code, message });
    expect(await texts(t)).toEqual([]);
  });

  test("a clock that is none is refused", async () => {
    const t = await queueTest();
    await send(t, "c1");
    const refused = await refusal(append(t, numbered(1), { nowMs: Number.NaN }));
    expect(refused.code).toBe("INVALID_ARGUMENT");
    expect(await texts(t)).toEqual([]);
  });
});

describe("pages", () => {
  const old = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      role: "user" as const,
      content: `old ${i}`,
      at: i,
    }));
  const readAll = async (t: T, limit: number) => {
    const pages: string[][] = [];
    let before: number | undefined;
    for (;;) {
      const { entries, continueBefore } = await page(t, {
        limit,
        ...(before === undefined ? {} : { before }),
      });
      pages.unshift(entries.map((e) => e.content));
      if (continueBefore === null) return pages;
      before = continueBefore;
    }
  };

  test.each([1, 2, 3, 4, 5, 7, 9, 10, 50])(
    "of %i go over new rows and what 3.x wrote without gap or repetition",
    async (limit) => {
      const t = await queueTest();
      await legacyConversation(t, "c1", { history: old(5) });
      await append(t, numbered(4));
      const pages = await readAll(t, limit);
      expect(pages.flat()).toEqual([
        ...old(5).map((e) => e.content),
        ...numbered(4).map((e) => e.content),
      ]);
      for (const one of pages.slice(1)) expect(one).toHaveLength(limit);
    },
  );

  test("of a conversation with only new, only old or no history", async () => {
    const t = await queueTest();
    expect(await page(t)).toEqual({ entries: [], continueBefore: null });
    await legacyConversation(t, "c1", { history: old(3) });
    expect((await readAll(t, 2)).flat()).toEqual(["old 0", "old 1", "old 2"]);
  });

  test.each([
    [undefined, 50],
    [Number.NaN, 50],
    [0, 1],
    [-4, 1],
    [3.7, 3],
    [1e9, 200],
  ])("limit %s: %i entries", async (limit, length) => {
    const t = await queueTest();
    await send(t, "c1");
    await append(t, numbered(200));
    await append(t, numbered(50, 200));
    const { entries } = await page(t, limit === undefined ? {} : { limit });
    expect(entries).toHaveLength(length);
    expect(entries.at(-1)?.content).toBe("249");
  });

  test.each([-4, -5, -100, Number.NEGATIVE_INFINITY])(
    "before %s, beyond the beginning: empty",
    async (before) => {
      const t = await queueTest();
      await legacyConversation(t, "c1", { history: old(3) });
      expect(await page(t, { before })).toEqual({ entries: [], continueBefore: null });
    },
  );

  test("before NaN: the newest", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await append(t, numbered(3));
    expect((await page(t, { before: Number.NaN })).entries).toHaveLength(3);
  });

  test("of large entries are shorter, and still complete", async () => {
    const t = await queueTest();
    await send(t, "c1");
    for (let i = 0; i < 24; i++)
      await append(t, [{ role: "user", content: `${i} ${"x".repeat(500_000)}` }]);
    const pages = await readAll(t, 200);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.flat().map((text) => Number.parseInt(text))).toEqual(
      numbered(24).map((_, i) => i),
    );
  });
});

describe("the window for a worker", () => {
  test("is the newest history that fits, with what 3.x wrote as its beginning", async () => {
    const t = await queueTest();
    await legacyConversation(t, "c1", {
      history: [
        { role: "user", content: "old a", at: 1 },
        { role: "assistant", content: "old b", at: 2 },
      ],
    });
    await append(t, numbered(2));
    expect(await window(t, 1_000)).toEqual(["old a", "old b", "0", "1"]);
    expect(await window(t, 16)).toEqual(["old b", "0", "1"]);
    expect(await window(t, 5)).toEqual(["1"]);
    expect(await window(t, 0)).toEqual([]);
  });

  test("of a long history reads no more than it hands out", async () => {
    const t = await queueTest();
    await send(t, "c1");
    for (let i = 0; i < 40; i++)
      await append(t, [{ role: "user", content: `${i} ${"x".repeat(500_000)}` }]);
    const read = await t.query(async (ctx) => {
      const conversation = await loadConversation(ctx, "c1");
      if (conversation === null) throw new Error("gone");
      const entries = await historyWindow(ctx, conversation, 16_000);
      expect(entries).toHaveLength(1);
      return (await ctx.meta.getTransactionMetrics()).bytesRead.used;
    });
    // 20 MB of history: reading it all would exceed what a query may read.
    expect(read).toBeLessThan(2_000_000);
  });

  test("leaves out the turn of the message that is being answered", async () => {
    const t = await queueTest();
    await send(t, "c1", "first");
    const first = await mustClaim(t, "w1");
    await store(t, first.ref, "answer one");
    await complete(t, first.ref);
    const messageId = await send(t, "c1", "second");
    const second = await mustClaim(t, "w1");
    await store(t, second.ref, "answer two");
    const bundle = await t.query(api.lib.getHydrationBundle, { messageId, workspaceId: "default" });
    expect(bundle?.conversationState.contextHistory.map((e) => e.content)).toEqual([
      "first",
      "answer one",
    ]);
  });
});
