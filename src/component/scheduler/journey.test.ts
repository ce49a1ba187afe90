import { afterEach, describe, expect, test } from "vitest";
import { api } from "../_generated/api.js";
import { sha256Hex } from "../kit/random.js";
import { send } from "../setup.test.js";
import { MINUTE, openStage, type Stage } from "./pass.fixture.js";

let stage: Stage;
afterEach(async () => await stage.close());

describe("from the first message to the last cent", () => {
  test("a worker is reserved, created, answers, idles, snapshots, and nothing of it is left", async () => {
    stage = await openStage();
    const { t } = stage;
    const messageId = await send(t, "c1");

    const workerId = await stage.nextStarted();
    expect(await stage.worker(workerId)).toMatchObject({
      status: "active",
      load: 0,
      appName: "local-workers",
      machineName: workerId,
      assignment: { conversationId: "c1", agentKey: "default" },
    });
    expect(await stage.conversation("c1")).toMatchObject({ ownerWorkerId: workerId });
    const [machine] = stage.machines();
    const { deploymentId } = await stage.state();
    expect(machine?.config.metadata).toEqual({
      managed_by: "agent-factory",
      agent_factory_deployment: deploymentId,
      agent_factory_worker: workerId,
    });
    const env = stage.environment(workerId);
    const token = env["AGENT_FACTORY_WORKER_TOKEN"] ?? "";
    expect(token).toMatch(/^afw_[\w-]{43}$/);
    expect(env).toMatchObject({
      AGENT_FACTORY_GATEWAY_URL: "https://happy-animal-123.convex.site/agent-factory/worker",
      CONVEX_URL: `https://happy-animal-123.convex.site/agent-factory/worker/${token}`,
      AGENT_FACTORY_WORKER_ID: workerId,
      WORKER_ID: workerId,
      WORKSPACE_ID: "default",
      OPENCLAW_CONVERSATION_ID: "c1",
      OPENCLAW_AGENT_KEY: "default",
      WORKER_IDLE_TIMEOUT_MS: "1800000",
      AGENT_FACTORY_STOP_GRACE_MS: "110000",
    });
    expect(JSON.stringify(env)).not.toContain("fm2_local");
    const tokens = await t.run(async (ctx) => await ctx.db.query("workerTokens").take(9));
    expect(tokens).toMatchObject([{ tokenHash: await sha256Hex(token), workerId }]);
    expect(JSON.stringify(tokens)).not.toContain(token);
    expect(stage.gatewayCalls).toEqual([
      "https://happy-animal-123.convex.site/agent-factory/health",
    ]);

    expect(await stage.boot(workerId)).toBeNull();
    const job = await stage.claim(workerId);
    expect(job).toMatchObject({ messageId, conversationId: "c1" });
    expect(
      await stage.call(workerId, "workerHydrationBundle", { messageId, workspaceId: "default" }),
    ).toMatchObject({ userText: "hello", answer: null });
    await stage.finish(workerId, job);
    expect(await stage.message(messageId)).toMatchObject({ status: "done", attempts: 0 });

    expect(await stage.idle(workerId, 29.9 * MINUTE)).toMatchObject({ kind: "idle" });
    expect(await stage.worker(workerId)).toMatchObject({ status: "active" });
    await stage.pass(0.5 * MINUTE);
    expect(await stage.worker(workerId)).toMatchObject({ status: "draining", drainReason: "idle" });
    expect(await stage.call(workerId, "workerPoll")).toEqual({ kind: "stop", reason: "idle" });
    const snapshotId = await stage.snapshot(workerId);
    expect(await stage.worker(workerId)).toMatchObject({
      status: "stopping",
      finalSnapshotId: snapshotId,
    });
    expect(await stage.conversation("c1")).not.toHaveProperty("ownerWorkerId");

    await stage.emptied();
    expect(stage.fly.bill()).toMatchObject({ usdPerHour: 0, runningNow: 0, peakMachines: 1 });
    const stopped = await stage.worker(workerId);
    expect(stopped).toMatchObject({ status: "stopped" });
    expect(stopped).not.toHaveProperty("machineRef");
    expect(await t.run(async (ctx) => await ctx.db.query("workerTokens").take(9))).toEqual([]);
    expect(await t.run(async (ctx) => await ctx.db.query("workerHeartbeats").take(9))).toEqual([]);
    await expect(stage.callWith(token, "workerPoll")).rejects.toThrow("TOKEN_INVALID");
    const events = await t.query(api.lib.listWorkerEvents, { workerId });
    expect(events.map((event) => event.kind)).toEqual([
      "reserved",
      "created",
      "ready",
      "drain",
      "snapshot_ready",
      "released",
      "stopping",
      "destroyed",
      "stopped",
    ]);

    // The deployment sleeps: no wake-up, no call, whatever time passes.
    const calls = stage.fly.log().length;
    await stage.pass(24 * 60 * MINUTE);
    expect(stage.fly.log()).toHaveLength(calls);
    const state = await stage.state();
    expect([state.wakeAt, state.wakeFunctionId, state.passId]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
