/** Memory on its way from one worker to the next. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { api } from "../_generated/api.js";
import { send } from "../setup.test.js";
import { MINUTE, openStage, type Stage } from "./pass.fixture.js";

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({ policy: { scaling: { maxWorkers: 3, spawnStep: 3 } } });
});
afterEach(async () => await stage.close());

async function answered(known: string[] = []): Promise<string> {
  await send(stage.t, "c1");
  const workerId = await stage.nextStarted(known);
  await stage.boot(workerId);
  await stage.finish(workerId, await stage.claim(workerId));
  return workerId;
}
const drain = async (workerId: string) => await stage.t.mutation(api.lib.drainWorker, { workerId });
const lineages = async () =>
  await stage.t.run(async (ctx) =>
    (await ctx.db.query("dataSnapshots").take(50)).map((row) => ({
      id: row._id as string,
      status: row.status,
      lineage: row.lineage,
    })),
  );

describe("a conversation whose worker drains", () => {
  test("is not given away while the final snapshot is on its way; the next worker restores exactly that one", async () => {
    const old = await answered();
    await stage.snapshot(old, "manual");
    await drain(old);
    const snapshotId = await stage.beginSnapshot(old);
    const messageId = await send(stage.t, "c1");
    await stage.pass(2.5 * MINUTE);
    expect(await stage.conversation("c1")).toMatchObject({ ownerWorkerId: old });
    expect(await stage.live()).toHaveLength(1);
    expect(
      await stage.t.mutation(api.lib.claim, { workerId: "somebody", conversationId: "c1" }),
    ).toBeNull();

    await stage.endSnapshot(old, snapshotId);
    const next = await stage.nextStarted([old]);
    expect(await stage.boot(next)).toBe(snapshotId);
    const job = await stage.claim(next);
    expect(job.messageId).toBe(messageId);
    await stage.finish(next, job);
    expect(await stage.worker(next)).toMatchObject({ restoredSnapshotId: snapshotId });
  });

  test("is given away at the drain deadline; a late upload is kept aside and never restored", async () => {
    const old = await answered();
    const first = await stage.snapshot(old, "manual");
    await drain(old);
    const late = await stage.beginSnapshot(old);
    await send(stage.t, "c1");
    // Its machine resists, so that the worker lives on and finishes its upload after all.
    stage.fly.fault({
      match: { action: "machine_destroy" },
      effect: { kind: "status", status: 500 },
    });
    await stage.until(
      async () => (await stage.conversation("c1"))?.ownerWorkerId !== old,
      4 * MINUTE,
    );
    const next = await stage.nextStarted([old]);
    expect(await stage.boot(next)).toBe(first);
    await stage.finish(next, await stage.claim(next));

    expect(await stage.endSnapshot(old, late)).toBe(true);
    expect((await lineages()).find(({ id }) => id === late)).toMatchObject({
      status: "ready",
      lineage: "detached",
    });
    stage.fly.clearFaults();
    await drain(next);
    const own = await stage.snapshot(next);
    await send(stage.t, "c1");
    expect(await stage.boot(await stage.nextStarted([old, next]))).toBe(own);
  });

  test("is given away when the worker reports that the upload failed and exits", async () => {
    const old = await answered();
    await drain(old);
    const snapshotId = await stage.beginSnapshot(old);
    await stage.call(old, "workerFailSnapshotUpload", { snapshotId, error: "disk full" });
    await send(stage.t, "c1");
    stage.fly.exit((await stage.worker(old))?.machineRef?.machineId ?? "", 1);
    const next = await stage.nextStarted([old], 4 * MINUTE);
    expect(await stage.boot(next)).toBeNull();
    expect(await stage.claim(next)).toMatchObject({ conversationId: "c1" });
  });
});

describe("the final snapshot", () => {
  test("moves a draining worker to stopping", async () => {
    const workerId = await answered();
    await drain(workerId);
    const snapshotId = await stage.snapshot(workerId);
    expect(await stage.worker(workerId)).toMatchObject({
      status: "stopping",
      finalSnapshotId: snapshotId,
      lastSnapshotId: snapshotId,
    });
    expect((await stage.conversation("c1"))?.ownerWorkerId).toBeUndefined();
  });

  test("is none while the worker is active: a manual one leaves it at work", async () => {
    const workerId = await answered();
    for (let i = 0; i < 2; i++) {
      const snapshotId = await stage.snapshot(workerId, "manual");
      const row = await stage.worker(workerId);
      expect(row).toMatchObject({ status: "active", lastSnapshotId: snapshotId });
      expect(row).not.toHaveProperty("finalSnapshotId");
    }
    expect((await lineages()).map(({ lineage }) => lineage)).toEqual(["main", "main"]);
  });

  test("of a worker that leaves by itself drains it, with time for the upload", async () => {
    const workerId = await answered();
    const snapshotId = await stage.beginSnapshot(workerId, "signal");
    expect(await stage.worker(workerId)).toMatchObject({
      status: "draining",
      drainReason: "exited",
    });
    await send(stage.t, "c1");
    await stage.pass(2 * MINUTE);
    expect(await stage.conversation("c1")).toMatchObject({ ownerWorkerId: workerId });
    await stage.endSnapshot(workerId, snapshotId);
    expect(await stage.boot(await stage.nextStarted([workerId]))).toBe(snapshotId);
  });

  test("is none when it began before draining did", async () => {
    const workerId = await answered();
    const early = await stage.beginSnapshot(workerId, "manual");
    await stage.pass(1_000);
    await drain(workerId);
    await stage.endSnapshot(workerId, early);
    expect(await stage.worker(workerId)).toMatchObject({
      status: "draining",
      lastSnapshotId: early,
    });
    expect(await stage.worker(workerId)).not.toHaveProperty("finalSnapshotId");
    const last = await stage.snapshot(workerId);
    expect(await stage.worker(workerId)).toMatchObject({
      status: "stopping",
      finalSnapshotId: last,
    });
  });

  test("waits for the message in hand", async () => {
    await send(stage.t, "c1");
    const workerId = await stage.nextStarted();
    await stage.boot(workerId);
    const job = await stage.claim(workerId);
    await drain(workerId);
    const snapshotId = await stage.snapshot(workerId);
    expect(await stage.worker(workerId)).toMatchObject({
      status: "draining",
      finalSnapshotId: snapshotId,
    });
    await stage.finish(workerId, job);
    await stage.until(async () => (await stage.worker(workerId))?.status !== "draining", 30_000);
    expect(await stage.message(job.messageId)).toMatchObject({ status: "done" });
  });

  test("repeated after a lost answer says the same and moves nothing twice", async () => {
    const workerId = await answered();
    await drain(workerId);
    const env = stage.environment(workerId);
    const { snapshotId } = await stage.t.mutation(api.lib.prepareDataSnapshotUpload, {
      workerId,
      workspaceId: env["WORKSPACE_ID"] ?? "",
      agentKey: "default",
      conversationId: "c1",
      reason: "drain",
    });
    const storageId = await stage.t.run(async (ctx) => await ctx.storage.store(new Blob(["abc"])));
    const done = {
      workerId,
      snapshotId,
      storageId,
      sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      sizeBytes: 3,
    };
    expect(await stage.t.mutation(api.lib.finalizeDataSnapshotUpload, done)).toBe(true);
    const before = await stage.worker(workerId);
    expect(await stage.t.mutation(api.lib.finalizeDataSnapshotUpload, done)).toBe(true);
    expect(await stage.worker(workerId)).toEqual(before);
    const other = { ...done, workerId: "somebody" };
    expect(await stage.t.mutation(api.lib.finalizeDataSnapshotUpload, other)).toBe(false);
  });

  test("of a conversation that the worker does not have is refused", async () => {
    const workerId = await answered();
    await expect(
      stage.t.mutation(api.lib.prepareDataSnapshotUpload, {
        workerId,
        workspaceId: "default",
        agentKey: "default",
        conversationId: "c2",
        reason: "manual",
      }),
    ).rejects.toThrow("SNAPSHOT_REFUSED");
    await expect(
      stage.t.mutation(api.lib.prepareDataSnapshotUpload, {
        workerId: "nobody",
        workspaceId: "default",
        agentKey: "default",
        conversationId: "c1",
        reason: "manual",
      }),
    ).rejects.toThrow("WORKER_NOT_FOUND");
  });
});
