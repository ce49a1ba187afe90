import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { api } from "../_generated/api.js";
import {
  decideDelivery,
  decideLateReport,
  type DeliveryDecision,
  type DeliveryReport,
} from "./answers.js";
import {
  claim,
  complete,
  deliver,
  expectConsistent,
  fail,
  mustClaim,
  pass,
  queueTest,
  readRows,
  refusal,
  send,
  store,
  useTestClock,
} from "./setup.test.js";
import type { AnswerPart } from "./validators.js";

describe("decideDelivery", () => {
  const [silence, duplicate] = [{ onUnknown: "silence" }, { onUnknown: "duplicate" }] as const;
  it.each([
    // part, report, policy → part, proceed, unknown
    ["pending", "sending", silence, "sending", true, false],
    ["pending", "sending", duplicate, "sending", true, false],
    ["pending", "sent", silence, "sent", false, false],
    ["pending", "failed", silence, "pending", true, false],
    ["sending", "sending", silence, "unknown", false, true],
    ["sending", "sending", duplicate, "sending", true, true],
    ["sending", "sent", silence, "sent", false, false],
    ["sending", "failed", silence, "pending", true, false],
    ["sent", "sending", silence, "sent", false, false],
    ["sent", "sending", duplicate, "sent", false, false],
    ["sent", "sent", silence, "sent", false, false],
    ["sent", "failed", silence, "sent", false, false],
    ["unknown", "sending", silence, "unknown", false, false],
    ["unknown", "sending", duplicate, "unknown", false, false],
    ["unknown", "sent", silence, "unknown", false, false],
    ["unknown", "failed", silence, "unknown", false, false],
  ] as const)(
    "%s + %s under %o: %s, proceed %s, unknown %s",
    (state, report, policy, to, proceed, unknown) => {
      const part: AnswerPart = { text: "t", state };
      expect(decideDelivery(part, report, policy)).toEqual({ state: to, proceed, unknown });
    },
  );
});

describe("numbered reports", () => {
  const SILENCE = { onUnknown: "silence" } as const;
  type Report = { state: DeliveryReport; sequence: number };

  function apply(part: AnswerPart, report: Report): { part: AnswerPart; made: DeliveryDecision } {
    const late = decideLateReport(part, report.state, report.sequence);
    if (late !== null) return { part, made: late };
    const made = decideDelivery(part, report.state, SILENCE);
    const sequence = Math.max(report.sequence, part.sequence ?? 0);
    return { part: { ...part, state: made.state, sequence }, made };
  }

  /** What one worker reports: some refused sends, then one that may arrive. */
  const scripts = fc
    .record({ refusals: fc.nat({ max: 4 }), arrives: fc.boolean() })
    .map(({ refusals, arrives }) => {
      const states: DeliveryReport[] = [];
      for (let i = 0; i < refusals; i++) states.push("sending", "failed");
      states.push("sending");
      if (arrives) states.push("sent");
      return states.map((state, index): Report => ({ state, sequence: index + 1 }));
    });

  test("arrive again and late in any order without reopening a send or counting it as interrupted", () => {
    fc.assert(
      fc.property(scripts, fc.array(fc.array(fc.nat())), (script, copies) => {
        let part: AnswerPart = { text: "t", state: "pending" };
        for (const [step, report] of script.entries()) {
          const first = apply(part, report);
          expect(first.made.proceed).toBe(report.state !== "sent");
          part = first.part;
          const expected = { sending: "sending", failed: "pending", sent: "sent" }[report.state];
          expect(part.state).toBe(expected);
          // Copies of anything said so far, this report included.
          for (const copy of copies[step] ?? []) {
            const again = script[copy % (step + 1)] ?? report;
            const { part: after, made } = apply(part, again);
            expect(after).toEqual(part);
            expect(made.unknown).toBe(false);
            if (made.proceed) expect(again).toEqual(report);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test("of a worker that took over go on after those it found, so an interrupted send is still found", () => {
    const found: AnswerPart = { text: "t", state: "sending", sequence: 3 };
    expect(apply(found, { state: "sending", sequence: 4 }).made).toEqual({
      ...{ state: "unknown", proceed: false, unknown: true },
    });
  });

  test("that say it was sent are believed however late", () => {
    const later: AnswerPart = { text: "t", state: "sending", sequence: 5 };
    expect(apply(later, { state: "sent", sequence: 2 }).part).toMatchObject({
      ...{ state: "sent", sequence: 5 },
    });
  });

  test.each([
    [undefined, 1],
    [1, undefined],
    [undefined, undefined],
  ])("count as before when one side has no number (%s, %s)", (known, sequence) => {
    const part: AnswerPart = {
      ...{ text: "t", state: "sending" },
      ...(known === undefined ? {} : { sequence: known }),
    };
    expect(decideLateReport(part, "failed", sequence)).toBeNull();
  });
});

describe("the answer", () => {
  useTestClock();

  test("is stored with its parts, and its turn goes into the history", async () => {
    const t = await queueTest();
    await send(t, "c1", "question");
    const { ref } = await mustClaim(t, "w1");
    pass(1_000);
    expect(await store(t, ref, "one two", ["one", "two"])).toEqual({
      text: "one two",
      parts: [
        { text: "one", state: "pending" },
        { text: "two", state: "pending" },
      ],
    });
    const { entries } = await t.query(api.lib.listConversationMessages, { conversationId: "c1" });
    expect(entries.map(({ role, content }) => `${role}: ${content}`)).toEqual([
      "user: question",
      "assistant: one two",
    ]);
    expect((await readRows(t)).answers).toMatchObject([{ ...ref, conversationId: "c1" }]);
    await expectConsistent(t, 1);
  });

  test("is stored once: a second one is dropped, also from the next delivery", async () => {
    const t = await queueTest();
    await send(t, "c1");
    const first = await mustClaim(t, "w1");
    await store(t, first.ref, "first");
    expect(await store(t, first.ref, "second")).toMatchObject({ text: "first" });
    await fail(t, first.ref);
    pass(10_000);
    const again = await mustClaim(t, "w1");
    expect(await store(t, again.ref, "third")).toMatchObject({ text: "first" });
    const { entries } = await t.query(api.lib.listConversationMessages, { conversationId: "c1" });
    expect(entries.map((entry) => entry.content)).toEqual(["hello", "first"]);
    expect((await readRows(t)).answers).toHaveLength(1);
  });

  test("of a lost lease is refused and changes nothing", async () => {
    const t = await queueTest();
    await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    const before = await readRows(t);
    expect(await store(t, { ...ref, leaseId: "other" })).toBeNull();
    expect(await store(t, { ...ref, workerId: "w2" })).toBeNull();
    expect(await deliver(t, { ...ref, leaseId: "other" }, 0, "sending")).toBeNull();
    expect(await readRows(t)).toEqual(before);
    await complete(t, ref);
    expect(await store(t, ref)).toBeNull();
    expect((await readRows(t)).answers).toEqual([]);
  });

  test("that is too large is refused with the limit", async () => {
    const t = await queueTest();
    await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    const large = await refusal(store(t, ref, "ü".repeat(200_000)));
    expect(large.code).toBe("PAYLOAD_TOO_LARGE");
    expect(large.message).toBe(
      "The answer has 800000 bytes in 1 parts; at most 524288 bytes in 64 parts fit.",
    );
    const many = await refusal(store(t, ref, "x", Array<string>(65).fill("x")));
    expect(many.code).toBe("PAYLOAD_TOO_LARGE");
    expect((await readRows(t)).answers).toEqual([]);
  });

  test("may be empty", async () => {
    const t = await queueTest();
    await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    expect(await store(t, ref, "", [])).toEqual({ text: "", parts: [] });
    expect(await deliver(t, ref, 0, "sending")).toBeNull();
    expect(await complete(t, ref)).toBe(true);
  });
});

describe("delivery", () => {
  useTestClock();

  test("is recorded part by part until all have arrived", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    await store(t, ref, "ab", ["a", "b"]);
    expect(await deliver(t, ref, 0, "sending")).toMatchObject({ proceed: true });
    expect(await deliver(t, ref, 0, "sent", "tg-1")).toMatchObject({ proceed: false });
    expect((await readRows(t)).answers?.[0]).not.toHaveProperty("deliveredAt");
    await deliver(t, ref, 1, "sending");
    expect(await deliver(t, ref, 1, "failed")).toMatchObject({ proceed: true });
    await deliver(t, ref, 1, "sending");
    pass(5);
    const last = await deliver(t, ref, 1, "sent", "tg-2");
    expect(last?.answer.parts).toMatchObject([
      { state: "sent", externalMessageId: "tg-1" },
      { state: "sent", externalMessageId: "tg-2" },
    ]);
    expect((await readRows(t)).answers).toMatchObject([{ deliveredAt: Date.now() }]);
    const events = await t.query(api.lib.listMessageEvents, { messageId });
    expect(events.map((event) => event.kind)).toEqual([
      "enqueued",
      "claimed",
      "answer_stored",
      "delivery_failed",
      "delivered",
    ]);
  });

  test("that was refused late, a second time, leaves the send that began after it alone", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    await store(t, ref, "a");
    await deliver(t, ref, 0, "sending", undefined, 1);
    await deliver(t, ref, 0, "failed", undefined, 2);
    await deliver(t, ref, 0, "sending", undefined, 3);
    const before = await readRows(t);
    for (const [state, number] of [
      ["failed", 2],
      ["sending", 1],
    ] as const) {
      expect(await deliver(t, ref, 0, state, undefined, number)).toMatchObject({
        proceed: false,
        answer: { parts: [{ state: "sending", sequence: 3 }] },
      });
    }
    expect(await readRows(t)).toEqual(before);
    // The lost answer to the newest report is given again.
    expect(await deliver(t, ref, 0, "sending", undefined, 3)).toMatchObject({ proceed: true });
    await deliver(t, ref, 0, "sent", "tg-1", 4);
    await deliver(t, ref, 0, "sent", "tg-1", 4);
    expect((await readRows(t)).answers?.[0]?.parts).toMatchObject([{ state: "sent", sequence: 4 }]);
    const events = await t.query(api.lib.listMessageEvents, { messageId });
    const kinds = events.map((event) => event.kind);
    expect(kinds.filter((kind) => kind.startsWith("deliver"))).toEqual([
      "delivery_failed",
      "delivered",
    ]);
  });

  test.each([-1, 0.5, 2, Number.NaN, 1e9])("of a part %s that is none is refused", async (part) => {
    const t = await queueTest();
    await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    await store(t, ref, "ab", ["a", "b"]);
    const before = await readRows(t);
    expect(await deliver(t, ref, part, "sending")).toBeNull();
    expect(await readRows(t)).toEqual(before);
  });

  test("without a stored answer is refused", async () => {
    const t = await queueTest();
    await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    expect(await deliver(t, ref, 0, "sending")).toBeNull();
  });

  test.each([
    ["silence", false, "unknown"],
    ["duplicate", true, "sending"],
  ] as const)(
    "that was interrupted, under %s: proceed %s, part %s, and it is counted",
    async (onUnknown, proceed, state) => {
      const t = await queueTest();
      await t.mutation(api.lib.setPolicyConfig, { policy: { delivery: { onUnknown } } });
      const messageId = await send(t, "c1");
      const crashed = await mustClaim(t, "w1");
      await store(t, crashed.ref, "a");
      await deliver(t, crashed.ref, 0, "sending");
      pass(7 * 60_000);
      await t.mutation(api.lib.releaseStuckJobs, {});
      pass(60_000);
      const next = await mustClaim(t, "w2");
      expect(await deliver(t, next.ref, 0, "sending")).toMatchObject({
        proceed,
        answer: { parts: [{ state }] },
      });
      const events = await t.query(api.lib.listMessageEvents, { messageId });
      expect(events.filter((event) => event.kind === "delivery_unknown")).toMatchObject([
        { workerId: "w2", detail: "part 1 of 1" },
      ]);
      await complete(t, next.ref);
      expect(await claim(t, "w2")).toBeNull();
      await expectConsistent(t, 1);
    },
  );
});
