import { expect, test } from "vitest";
import { field, setup } from "./client.setup.js";

async function machineWithVolume(unbindMs = 60_000) {
  const fly = setup({ timings: { volumeUnbind: [unbindMs, unbindMs] } });
  const volume = await fly.call("POST", "/volumes", { name: "data_1", region: "fra", size_gb: 1 });
  const volumeId = field(volume, "id");
  const mounts = [{ volume: volumeId, path: "/data" }];
  const machineId = field(await fly.create({}, { mounts }), "id");
  return { ...fly, volumeId, machineId, mounts };
}

test("a volume is refused deletion until its machine is destroyed and the binding has gone", async () => {
  const { call, control, volumeId, machineId, core } = await machineWithVolume();
  const bound = {
    status: 412,
    text: `{"error":"failed_precondition: volume is currently bound to machine: ${machineId}"}\n`,
  };
  await control.advance(10_000);
  expect(await call("DELETE", `/volumes/${volumeId}`)).toMatchObject(bound);
  await call("DELETE", `/machines/${machineId}?force=true`);
  await control.advance(10_000);
  expect(control.machines()[0]?.state).toBe("destroyed");
  expect(await call("DELETE", `/volumes/${volumeId}`)).toMatchObject(bound);
  expect(() => control.expectNoCost()).toThrow(volumeId);
  await control.advance(60_000);
  expect((await call("DELETE", `/volumes/${volumeId}`)).json).toMatchObject({
    id: volumeId,
    state: "scheduling_destroy",
    attached_machine_id: null,
  });
  control.expectNoCost();
  await control.advance(5000);
  expect((await call("GET", "/volumes")).json).toMatchObject([{ state: "pending_destroy" }]);
  expect((await call("DELETE", `/volumes/${volumeId}`)).status).toBe(200);
  await control.advance(24 * 3_600_000);
  expect((await call("GET", `/volumes/${volumeId}`)).status).toBe(404);
  await core.close();
});

test("a volume serves one machine only", async () => {
  const { create, mounts, machineId, control } = await machineWithVolume();
  expect(await create({}, { mounts })).toMatchObject({
    status: 412,
    json: { error: `failed_precondition: volume already claimed by machine ${machineId}` },
  });
  control.switches.claimedByNul = true;
  const text = (await create({}, { mounts })).text;
  expect(text).toContain("\\u0000".repeat(14));
});

test("an unknown, a dying or a distant volume is not found at create", async () => {
  const { call, create, control } = setup();
  const volumeId = field(await call("POST", "/volumes", { name: "data_1", region: "ams" }), "id");
  const refused = { status: 400, text: '{"error":"volume not found"}\n' };
  const mount = (volume: string) => ({ mounts: [{ volume, path: "/data" }] });
  expect(await create({}, mount("vol_unknown"))).toMatchObject(refused);
  expect(await create({ region: "fra" }, mount(volumeId))).toMatchObject(refused);
  await call("DELETE", `/volumes/${volumeId}`);
  await control.advance(2000);
  expect(await create({ region: "ams" }, mount(volumeId))).toMatchObject(refused);
});

test("names may repeat, and have a narrow alphabet", async () => {
  const { call } = setup();
  const create = (name: string) => call("POST", "/volumes", { name, region: "fra" });
  const first = field(await create("data"), "id");
  expect(field(await create("data"), "id")).not.toBe(first);
  expect((await create("with-dash")).status).toBe(422);
});

test("a list may show a deleted volume as created for a moment", async () => {
  const { call, control } = setup({ switches: { volumeListLagMs: 5000 } });
  const volumeId = field(await call("POST", "/volumes", { name: "data", region: "fra" }), "id");
  await call("DELETE", `/volumes/${volumeId}`);
  expect((await call("GET", "/volumes")).json).toMatchObject([{ state: "created" }]);
  expect((await call("GET", `/volumes/${volumeId}`)).json).toMatchObject({
    state: "scheduling_destroy",
  });
  await control.advance(5000);
  expect((await call("GET", "/volumes")).json).not.toMatchObject([{ state: "created" }]);
});
