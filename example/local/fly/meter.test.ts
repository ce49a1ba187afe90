import { expect, test } from "vitest";
import { field, setup } from "./client.setup.js";

const HOUR = 3_600_000;

test("the bill stands still once every machine is destroyed and every volume deleted", async () => {
  const { call, create, control } = setup({ rateLimits: false });
  const volumeIds = [];
  for (const name of ["one", "two", "three"]) {
    const volume = await call("POST", "/volumes", { name, region: "fra", size_gb: 1 });
    const volumeId = field(volume, "id");
    volumeIds.push(volumeId);
    await create({ name }, { mounts: [{ volume: volumeId, path: "/data" }] });
  }
  await control.advance(HOUR);
  expect(control.bill()).toMatchObject({ runningNow: 3, peakMachines: 3 });
  expect(() => control.expectNoCost()).toThrow("is started");

  for (const { id } of control.machines()) await call("DELETE", `/machines/${id}?force=true`);
  await control.advance(20_000);
  for (const id of volumeIds) expect((await call("DELETE", `/volumes/${id}`)).status).toBe(200);
  control.expectNoCost();
  const { totalUsd, usdPerHour } = control.bill();
  expect(usdPerHour).toBe(0);
  await control.advance(1000 * HOUR);
  expect(control.bill().totalUsd).toBe(totalUsd);
});

test("a running machine costs its guest, a stopped one its file system, a volume its size", async () => {
  const { call, create, control } = setup({ timings: "instant" });
  const id = field(await create(), "id");
  await control.advance(0);
  await control.advance(30 * 24 * HOUR);
  await call("POST", `/machines/${id}/stop`);
  await control.advance(0);
  await control.advance(30 * 24 * HOUR);
  expect(control.bill().totalUsd).toBeCloseTo(1.94 + 0.15, 5);
  expect(() => control.expectNoCost()).toThrow("is stopped");
  await call("DELETE", `/machines/${id}`);
  await control.advance(0);

  await call("POST", "/volumes", { name: "data", region: "fra", size_gb: 10 });
  const before = control.bill().totalUsd;
  await control.advance(730 * HOUR);
  expect(control.bill().totalUsd - before).toBeCloseTo(1.5, 5);
});

test("the peak counts machines that live at the same time, even when a create was ambiguous", async () => {
  const { call, create, control } = setup();
  control.scenario("ambiguousCreate5xx");
  expect((await create()).status).toBe(502);
  const id = field(await create(), "id");
  expect(control.bill().peakMachines).toBe(2);
  await call("DELETE", `/machines/${id}?force=true`);
  await create();
  expect(control.bill().peakMachines).toBe(2);
});

test("cost can be asked for by owner", async () => {
  const { create, control } = setup();
  await create({}, { metadata: { owner: "a" } });
  expect(() => control.expectNoCost({ key: "owner", value: "a" })).toThrow("still costing");
  control.expectNoCost({ key: "owner", value: "b" });
});
