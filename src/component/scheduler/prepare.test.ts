import { expect, test } from "vitest";
import { internal } from "../_generated/api.js";
import { messageRow, mustClaim, pass, queueTest, send, useTestClock } from "../queue/setup.test.js";

useTestClock();

test("a pass ends leases that expired, also those of workers that it knows nothing of; a superseded one does not", async () => {
  const t = await queueTest();
  const messageId = await send(t, "c1");
  await mustClaim(t, "self-announced");
  pass(360_001);
  await t.run(async (ctx) => {
    const state = await ctx.db.query("schedulerState").first();
    if (state !== null)
      await ctx.db.patch("schedulerState", state._id, {
        passId: "this",
        passStartedAt: Date.now(),
      });
  });
  expect(await t.mutation(internal.scheduler.reserve.prepare, { passId: "former" })).toBe(false);
  expect(await messageRow(t, messageId)).toMatchObject({ status: "processing", attempts: 0 });

  expect(await t.mutation(internal.scheduler.reserve.prepare, { passId: "this" })).toBe(true);
  expect(await messageRow(t, messageId)).toMatchObject({
    status: "queued",
    attempts: 1,
    lastError: "Lease expired while processing",
  });
});
