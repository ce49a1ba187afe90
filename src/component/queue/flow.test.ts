import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api } from "../_generated/api.js";
import { initTest, newAgent, send } from "../setup.test.js";

describe("a message", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.setSystemTime(1_800_000_000_000);
  });
  afterEach(() => vi.useRealTimers());

  test("is claimed, hydrated, completed", async () => {
    const t = initTest();
    await newAgent(t);
    const messageId = await send(t, "c1");
    const job = await t.mutation(api.lib.claim, { workerId: "w1" });
    expect(job).toMatchObject({ messageId, conversationId: "c1", agentKey: "default" });
    const again = await t.mutation(api.lib.claim, { workerId: "w1" });
    expect(again).toEqual(job);
    const bundle = await t.query(api.lib.getHydrationBundle, { messageId, workspaceId: "default" });
    expect(bundle).toMatchObject({ userText: "hello", answer: null });
    expect(
      await t.mutation(api.lib.complete, { workerId: "w1", messageId, leaseId: job!.leaseId }),
    ).toBe(true);
    expect(await t.query(api.lib.queueStats, {})).toEqual({
      queuedReady: 0,
      processing: 0,
      deadLetter: 0,
    });
  });
});
