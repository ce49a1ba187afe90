import { describe, expect, test } from "vitest";
import { api, internal } from "../_generated/api.js";
import {
  claim,
  complete,
  conversationRow,
  expectConsistent,
  messageRow,
  mustClaim,
  newAgent,
  queueTest,
  refusal,
  send,
  useTestClock,
  type T,
} from "./setup.test.js";

useTestClock();

const pause = async (t: T, conversationId = "c1", reason?: string) =>
  await t.mutation(api.lib.pauseConversation, {
    conversationId,
    ...(reason === undefined ? {} : { reason }),
  });
const resume = async (t: T, conversationId = "c1") =>
  await t.mutation(api.lib.resumeConversation, { conversationId });
const pauseAgent = async (t: T) => await t.mutation(api.lib.pauseAgent, { agentKey: "default" });
const resumeAgent = async (t: T) => await t.mutation(api.lib.resumeAgent, { agentKey: "default" });
const configure = async (t: T, enabled: boolean) =>
  await t.mutation(api.lib.configureAgent, {
    agentKey: "default",
    version: "1.0.0",
    secretsRef: [],
    enabled,
  });
/** Runs what resuming an agent has scheduled, to its end. */
const unblock = async (t: T) => {
  for (;;) {
    const pending = await t.run(async (ctx) =>
      (await ctx.db.system.query("_scheduled_functions").take(1_000)).filter(
        (f) => f.name === "queue/pausing:unblock" && f.state.kind === "pending",
      ),
    );
    const [next] = pending;
    if (next === undefined) return;
    await t.mutation(async (ctx) => {
      await ctx.scheduler.cancel(next._id);
      await ctx.runMutation(internal.queue.pausing.unblock, { agentKey: "default" });
    });
  }
};

describe("a paused conversation", () => {
  test("is not claimed by anyone until it is resumed", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    expect(await pause(t, "c1", "being looked at")).toBe(true);
    expect(await conversationRow(t, "c1")).toMatchObject({
      state: "paused",
      pausedAt: Date.now(),
      pauseReason: "being looked at",
    });
    expect(await claim(t, "w1")).toBeNull();
    expect(await claim(t, "w2", "c1")).toBeNull();
    expect(await resume(t)).toBe(true);
    const row = await conversationRow(t, "c1");
    expect([row.state, row.pausedAt, row.pauseReason]).toEqual(["ready", undefined, undefined]);
    expect(await mustClaim(t, "w1")).toMatchObject({ messageId });
    await expectConsistent(t, 1);
  });

  test("says when nothing changed", async () => {
    const t = await queueTest();
    await send(t, "c1");
    expect(await resume(t)).toBe(false);
    await pause(t, "c1", "first");
    const before = await conversationRow(t, "c1");
    expect(await pause(t, "c1", "second")).toBe(false);
    expect(await conversationRow(t, "c1")).toEqual(before);
  });

  test("lets its leased message finish, and holds the next", async () => {
    const t = await queueTest();
    const first = await send(t, "c1");
    await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    expect(await pause(t)).toBe(true);
    expect(await conversationRow(t, "c1")).toMatchObject({ state: "leased" });
    expect(await complete(t, ref)).toBe(true);
    expect(await messageRow(t, first)).toMatchObject({ status: "done" });
    expect(await conversationRow(t, "c1")).toMatchObject({ state: "paused", queuedCount: 1 });
    expect(await claim(t, "w1")).toBeNull();
    await expectConsistent(t, 2);
  });

  test("accepts messages and serves them in order afterwards", async () => {
    const t = await queueTest();
    await send(t, "c1", "0");
    await pause(t);
    const ids = [await send(t, "c1", "1"), await send(t, "c1", "2", { priority: 100 })];
    await resume(t);
    await complete(t, (await mustClaim(t, "w1")).ref);
    for (const id of ids) {
      const job = await mustClaim(t, "w1");
      expect(job.messageId).toBe(id);
      await complete(t, job.ref);
    }
    await expectConsistent(t, 3);
  });

  test("does not exist: a clear refusal", async () => {
    const t = await queueTest();
    for (const call of [pause(t, "nobody"), resume(t, "nobody"), pause(t, "")])
      expect((await refusal(call)).code).toBe("CONVERSATION_NOT_FOUND");
    expect((await refusal(pause(t, "nobody"))).message).toBe(
      "Conversation 'nobody' does not exist.",
    );
  });
});

describe("an agent that may not run", () => {
  test.each([
    ["paused", pauseAgent, resumeAgent, "agent_paused"],
    ["disabled", (t: T) => configure(t, false), (t: T) => configure(t, true), "agent_disabled"],
  ] as const)(
    "%s: its conversations are blocked by claims and go on afterwards",
    async (_name, stop, start, blockedReason) => {
      const t = await queueTest();
      await newAgent(t, "other");
      const ids = [await send(t, "c1"), await send(t, "c2")];
      const other = await send(t, "c3", "x", { agentKey: "other" });
      await stop(t);
      expect(await claim(t, "w1", "c1")).toBeNull();
      expect(await claim(t, "w1", "c2")).toBeNull();
      for (const id of ["c1", "c2"])
        expect(await conversationRow(t, id)).toMatchObject({ state: "blocked", blockedReason });
      // Another agent's conversation is not held up.
      const job = await mustClaim(t, "w1");
      expect(job.messageId).toBe(other);
      await expectConsistent(t, 3);
      await start(t);
      await unblock(t);
      expect((await mustClaim(t, "w2", "c1")).messageId).toBe(ids[0]);
      expect((await mustClaim(t, "w3", "c2")).messageId).toBe(ids[1]);
      await expectConsistent(t, 3);
    },
  );

  test("holds back free workers without hiding other agents", async () => {
    const t = await queueTest();
    await newAgent(t, "other");
    for (let i = 0; i < 12; i++) await send(t, `c${i}`, "x", { priority: 100 });
    await send(t, "theirs", "x", { agentKey: "other", priority: 0 });
    await pauseAgent(t);
    let job = null;
    for (let polls = 0; polls < 8 && job === null; polls++) job = await claim(t, "w1");
    expect(job).toMatchObject({ conversationId: "theirs" });
    await expectConsistent(t, 13);
  });

  test("paused twice, resumed twice: the second changes nothing", async () => {
    const t = await queueTest();
    expect(await resumeAgent(t)).toBe(false);
    expect(await pauseAgent(t)).toBe(true);
    expect(await pauseAgent(t)).toBe(false);
    expect(await resumeAgent(t)).toBe(true);
    expect(await resumeAgent(t)).toBe(false);
  });

  test("that does not exist is refused", async () => {
    const t = await queueTest();
    const refused = await refusal(t.mutation(api.lib.pauseAgent, { agentKey: "nobody" }));
    expect(refused).toMatchObject({
      code: "AGENT_NOT_FOUND",
      message: "Agent profile 'nobody' not found",
    });
  });

  test("stays blocked when it is resumed while disabled", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await pauseAgent(t);
    expect(await claim(t, "w1")).toBeNull();
    await configure(t, false);
    await resumeAgent(t);
    await unblock(t);
    expect(await conversationRow(t, "c1")).toMatchObject({ state: "blocked" });
    await configure(t, true);
    await unblock(t);
    expect(await conversationRow(t, "c1")).toMatchObject({ state: "ready" });
    await expectConsistent(t, 1);
  });

  test("more conversations than one transaction unblocks all go on", async () => {
    const t = await queueTest();
    for (let i = 0; i < 130; i++) await send(t, `c${i}`);
    await pauseAgent(t);
    for (let i = 0; i < 130; i++) await claim(t, "w1", `c${i}`);
    expect(await conversationRow(t, "c129")).toMatchObject({ state: "blocked" });
    await resumeAgent(t);
    await unblock(t);
    for (let i = 0; i < 130; i++)
      expect(await conversationRow(t, `c${i}`)).toMatchObject({ state: "ready" });
    await expectConsistent(t, 130);
  });

  test("does not hold a conversation whose waiting messages were skipped meanwhile", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    await pauseAgent(t);
    await claim(t, "w1");
    await t.mutation(api.lib.skipMessage, { messageId });
    await expectConsistent(t, 1);
    await resumeAgent(t);
    await unblock(t);
    const next = await send(t, "c1");
    expect(await mustClaim(t, "w1")).toMatchObject({ messageId: next });
    await expectConsistent(t, 2);
  });

  test("does not hold a conversation that was itself paused meanwhile", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    await pauseAgent(t);
    await claim(t, "w1");
    await pause(t);
    await resumeAgent(t);
    await unblock(t);
    await resume(t);
    expect(await mustClaim(t, "w1")).toMatchObject({ messageId });
    await expectConsistent(t, 1);
  });
});
