import { describe, expect, it, test } from "vitest";
import { api } from "../_generated/api.js";
import { decideDelivery } from "./answers.js";
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
