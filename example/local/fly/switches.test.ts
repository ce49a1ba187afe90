import { expect, test } from "vitest";
import { field, setup } from "./client.setup.js";

test("an empty list can be null", async () => {
  const { call } = setup({ switches: { nullList: true } });
  expect((await call("GET", "/machines")).json).toBeNull();
  expect((await call("GET", "/volumes")).json).toBeNull();
});

test("wait can be terse, and can believe in destroyed too early", async () => {
  const { call, create } = setup({ switches: { terseWait: true, destroyedEarly: true } });
  const id = field(await create(), "id");
  await call("DELETE", `/machines/${id}?force=true`);
  expect((await call("GET", `/machines/${id}/wait?state=destroyed`)).text).toBe('{"ok":true}');
  expect((await call("GET", `/machines/${id}`)).json).toMatchObject({ state: "destroying" });
});

test.each([200, 409, 412] as const)("a second DELETE can be answered with %i", async (status) => {
  const { call, create } = setup({ switches: { destroyWhileDestroying: status } });
  const id = field(await create(), "id");
  await call("DELETE", `/machines/${id}?force=true`);
  expect((await call("DELETE", `/machines/${id}?force=true`)).status).toBe(status);
});

test("a machine that was never started can be made to insist on force", async () => {
  for (const destroyFromCreated of [true, false]) {
    const { call, create } = setup({ switches: { destroyFromCreated } });
    const id = field(await create({ skip_launch: true }), "id");
    const { status } = await call("DELETE", `/machines/${id}`);
    expect(status).toBe(destroyFromCreated ? 200 : 412);
  }
});

test("a name can be free as soon as its machine is on its way out", async () => {
  const { call, create, control } = setup({ switches: { destroyingHoldsName: false } });
  const id = field(await create({ name: "worker-1" }), "id");
  await call("DELETE", `/machines/${id}?force=true`);
  expect((await create({ name: "worker-1" })).status).toBe(200);
  expect(control.violations()).toEqual([]);
});

test("a dying volume can be gone at once", async () => {
  const { call } = setup({ switches: { deleteDyingVolume: 404 } });
  const id = field(await call("POST", "/volumes", { name: "data", region: "fra" }), "id");
  expect((await call("DELETE", `/volumes/${id}`)).status).toBe(200);
  expect((await call("DELETE", `/volumes/${id}`)).status).toBe(404);
});

test("speed shortens the delays of the server, and a region can be slower than the others", async () => {
  const { create, control } = setup({ speed: 20 });
  control.setTimings({ launch: [60_000, 60_000] }, "ams");
  await create({ name: "quick" });
  await create({ name: "slow", region: "ams" });
  await control.advance(300);
  const states = Object.fromEntries(control.machines().map(({ name, state }) => [name, state]));
  expect(states).toEqual({ quick: "started", slow: "created" });
  await control.advance(3000);
  expect(control.machines().map(({ state }) => state)).toEqual(["started", "started"]);
});
