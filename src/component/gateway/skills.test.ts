import { expect, test } from "vitest";
import { api } from "../_generated/api.js";
import { openGateway } from "./workers.fixture.js";

const report = {
  manifestVersion: "a".repeat(64),
  skills: [{ slug: "greeter", version: "1.0.0" }],
  refused: [{ slug: "broken", reason: "checksum" }],
};

test("operators see per worker which skills it really loaded, and the trail says so", async () => {
  const gateway = await openGateway();
  expect(await gateway.call("w1", "workerReportSkills", report)).toBe(true);
  const workers = await gateway.t.query(api.lib.listWorkers, {});
  const views = Object.fromEntries(workers.map((row) => [row.workerId, row.loadedSkills]));
  expect(views["w1"]).toEqual({ ...report, loadedAt: expect.any(Number) as number });
  expect(views["w2"]).toBeNull();
  expect((await gateway.worker("w1"))?.loadedSkills).toMatchObject(report);
  const events = await gateway.t.query(api.lib.listWorkerEvents, { workerId: "w1" });
  expect(events).toMatchObject([
    { kind: "skills_loaded", detail: "greeter@1.0.0; not loaded: broken" },
  ]);
});

test("a report that no manifest could cause is refused and changes nothing", async () => {
  const gateway = await openGateway();
  const many = Array.from({ length: 41 }, (_, i) => ({ slug: `s${i}`, version: "1.0.0" }));
  for (const bad of [{ skills: many }, { refused: [{ slug: "a", reason: "x".repeat(2_001) }] }])
    await expect(gateway.call("w1", "workerReportSkills", { ...report, ...bad })).rejects.toThrow(
      "INVALID_ARGUMENT",
    );
  expect((await gateway.worker("w1"))?.loadedSkills).toBeUndefined();
});
