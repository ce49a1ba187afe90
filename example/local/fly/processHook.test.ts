import { expect, test } from "vitest";
import { field, setup } from "./client.setup.js";
import type { ProcessMachine, ProcessSignal } from "./types.js";
import type { LocalFlyOptions } from "./world.js";

/** Processes that note their signals and end only when the test says so. */
function stage(options: LocalFlyOptions = {}) {
  const started: { machine: ProcessMachine; signals: ProcessSignal[]; end(code: number): void }[] =
    [];
  const fly = setup({
    timings: "instant",
    startProcess(machine) {
      const signals: ProcessSignal[] = [];
      let end: (code: number) => void = () => {};
      const exited = new Promise<number>((resolve) => (end = resolve));
      started.push({ machine, signals, end });
      return { exited, kill: (signal) => void signals.push(signal) };
    },
    ...options,
  });
  const state = () => fly.control.machines()[0]?.state;
  return { ...fly, started, state };
}

test("the hook learns who it is, and starts only when the machine has", async () => {
  const { create, control, started } = stage();
  const id = field(await create({ name: "worker-1" }, { env: { MODE: "a" } }), "id");
  expect(started).toEqual([]);
  await control.advance(1);
  expect(started[0]?.machine).toMatchObject({
    id,
    name: "worker-1",
    region: "fra",
    env: { MODE: "a", FLY_MACHINE_ID: id },
    mounts: [],
  });
});

test("a stop sends the configured signal and SIGKILL after the grace", async () => {
  const { call, create, control, started, state } = stage();
  const stopConfig = { stop_config: { signal: "SIGTERM", timeout: "30s" } };
  const id = field(await create({}, stopConfig), "id");
  await control.advance(1);
  await call("POST", `/machines/${id}/stop`);
  expect(started[0]?.signals).toEqual(["SIGTERM"]);
  await control.advance(29_000);
  expect(started[0]?.signals).toEqual(["SIGTERM"]);
  await control.advance(1000);
  expect(started[0]?.signals).toEqual(["SIGTERM", "SIGKILL"]);
  expect(state()).toBe("stopping");
  started[0]?.end(137);
  await control.advance(1);
  expect(state()).toBe("stopped");
});

test("the body of a stop outranks the configuration", async () => {
  const { call, create, control, started } = stage();
  const id = field(await create({}, { stop_config: { timeout: "30s" } }), "id");
  await control.advance(1);
  await call("POST", `/machines/${id}/stop`, { signal: "SIGHUP", timeout: 2_000_000_000 });
  await control.advance(2000);
  expect(started[0]?.signals).toEqual(["SIGTERM", "SIGKILL"]);
});

test("a machine is not destroyed before its process has ended", async () => {
  const { call, create, control, started, state } = stage();
  const id = field(await create(), "id");
  await control.advance(1);
  await call("DELETE", `/machines/${id}?force=true`);
  await control.advance(60_000);
  expect(started[0]?.signals).toEqual(["SIGKILL"]);
  expect(state()).toBe("destroying");
  started[0]?.end(137);
  await control.advance(1);
  expect(state()).toBe("destroyed");
});

test("a late end of an earlier process does not touch the next one", async () => {
  const { create, control, started, state } = stage();
  const id = field(await create(), "id");
  await control.advance(1);
  control.exit(id, 1);
  expect(started[0]?.signals).toEqual(["SIGKILL"]);
  await control.advance(1);
  expect(started).toHaveLength(2);
  started[0]?.end(0);
  await control.advance(1);
  expect(state()).toBe("started");
});

test("a hook that cannot start leaves a failed machine that can be destroyed", async () => {
  const { call, create, control, state } = stage({
    startProcess() {
      throw new Error("no room");
    },
  });
  const id = field(await create(), "id");
  await control.advance(1);
  expect(state()).toBe("failed");
  expect((await call("DELETE", `/machines/${id}`)).status).toBe(200);
  await control.advance(1);
  control.expectNoCost();
});

test("close kills all and waits for the last one", async () => {
  const { create, control, core, started } = stage();
  await create();
  await create();
  await control.advance(1);
  let closed = false;
  const closing = core.close().then(() => (closed = true));
  expect(started.map(({ signals }) => signals)).toEqual([["SIGKILL"], ["SIGKILL"]]);
  started[0]?.end(137);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(closed).toBe(false);
  started[1]?.end(137);
  await closing;
});
