import { describe, expect, test } from "vitest";
import { stopTimeout, toProviderMachine, toProviderVolume } from "./machines.js";
import { flyMachine, flyMachines, flyVolume } from "./schemas.js";

const machine = (fields: Record<string, unknown> = {}) =>
  toProviderMachine(flyMachine.parse({ id: "e784126fe16e98", ...fields }));
const volume = (fields: Record<string, unknown> = {}) =>
  toProviderVolume(flyVolume.parse({ id: "vol_1", ...fields }));

describe("machines", () => {
  test("a whole one", () => {
    const config = {
      image: "i:1",
      metadata: { a: "1", n: 2 },
      mounts: [{ volume: "vol_1", path: "/data" }],
    };
    const times = { created_at: "2025-01-18T14:58:51Z", updated_at: "2025-01-18T15:00:00Z" };
    const rest = {
      config,
      incomplete_config: null,
      host_status: "ok",
      events: [{ request: null }, null, 7],
    };
    expect(machine({ name: "w", state: "started", region: "fra", ...times, ...rest })).toEqual({
      machineId: "e784126fe16e98",
      name: "w",
      phase: "running",
      state: "started",
      region: "fra",
      image: "i:1",
      tags: { a: "1" },
      volumeIds: ["vol_1"],
      createdAt: Date.UTC(2025, 0, 18, 14, 58, 51),
      changedAt: Date.UTC(2025, 0, 18, 15),
      stoppedAt: null,
      hostReachable: true,
    });
  });

  describe("since when its guest does not run", () => {
    const updated_at = "2025-01-18T15:00:00Z";
    const noon = Date.UTC(2025, 0, 18, 12);
    const at = (status: unknown, minutes: number) => ({
      status,
      timestamp: noon + minutes * 60_000,
    });
    const stoppedAt = (state: string, events: unknown) =>
      machine({ state, updated_at, events }).stoppedAt;

    test("a machine that is being destroyed stopped when its last run ended", () => {
      const events = [
        at("destroying", 180),
        at("stopped", 20),
        at("started", 10),
        at("stopped", 5),
      ];
      expect(stoppedAt("destroying", events)).toBe(noon + 20 * 60_000);
      expect(stoppedAt("destroyed", [at("destroying", 180), at("started", 10)])).toBe(
        noon + 180 * 60_000,
      );
      expect(stoppedAt("failed", [at("failed", 20)])).toBe(noon + 20 * 60_000);
    });

    test("without readable events it is the last change of state", () => {
      for (const events of [undefined, null, [], 7, [null], [at("hibernating", 1)], [at(7, 1)]])
        expect(stoppedAt("stopped", events)).toBe(Date.parse(updated_at));
      expect(stoppedAt("stopped", [{ status: "stopped", timestamp: "soon" }])).toBe(
        Date.parse(updated_at),
      );
    });

    test("one that may still run has none", () => {
      for (const state of ["created", "started", "stopping", "hibernating"])
        expect(stoppedAt(state, [at("stopped", 20)])).toBeNull();
    });
  });

  test.each([
    ["created", "booting"],
    ["starting", "booting"],
    ["restarting", "booting"],
    ["updating", "booting"],
    ["replacing", "booting"],
    ["started", "running"],
    ["stopping", "stopping"],
    ["suspending", "stopping"],
    ["stopped", "stopped"],
    ["suspended", "stopped"],
    ["destroying", "destroying"],
    ["destroyed", "destroyed"],
    ["failed", "failed"],
    ["launch_failed", "failed"],
    ["hibernating", "unknown"],
    ["replaced", "unknown"],
    ["constructor", "unknown"],
    [null, "unknown"],
    [undefined, "unknown"],
    [7, "unknown"],
  ])("the state %j is %s", (state, phase) => {
    expect(machine({ state }).phase).toBe(phase);
  });

  test("tags are read from what is left of the config; unknown is not 'none'", () => {
    const unreachable = { host_status: "unreachable" };
    expect(machine({ ...unreachable, incomplete_config: { metadata: { a: "1" } } })).toMatchObject({
      tags: { a: "1" },
      hostReachable: false,
    });
    expect(machine({ ...unreachable, incomplete_config: { image: "i" } }).tags).toBeNull();
    expect(machine(unreachable).tags).toBeNull();
    expect(machine({ config: null }).tags).toBeNull();
    expect(machine({ config: {} })).toMatchObject({ tags: {}, hostReachable: true });
  });

  test("nulls, gaps and wrong types are survived", () => {
    const empty = { name: "", region: "", image: null, volumeIds: [], createdAt: null };
    expect(machine()).toMatchObject(empty);
    const nulls = { name: null, region: null, created_at: null, config: null, host_status: null };
    expect(machine(nulls)).toMatchObject({ ...empty, hostReachable: false });
    const wrong = { name: 1, region: [], created_at: "soon", config: "none" };
    expect(machine(wrong)).toMatchObject(empty);
    expect(machine({ config: { mounts: [null, {}, { volume: "vol_1" }] } }).volumeIds).toEqual([
      "vol_1",
    ]);
    expect(flyMachines.parse(null)).toEqual([]);
    expect(flyMachines.safeParse([{ id: null }]).success).toBe(false);
  });
});

describe("volumes", () => {
  test.each([
    ["created", false],
    ["creating", false],
    ["hydrating", false],
    ["something_new", false],
    [null, false],
    ["scheduling_destroy", true],
    ["pending_destroy", true],
    ["fork_cleanup", true],
    ["waiting_for_detach", true],
    ["destroying", true],
    ["destroyed", true],
  ])("the state %j is dying: %s", (state, dying) => {
    expect(volume({ state }).dying).toBe(dying);
  });

  test("an empty attachment is none", () => {
    expect(volume({ attached_machine_id: "", size_gb: 3 })).toMatchObject({
      attachedMachineId: null,
      sizeGb: 3,
    });
    expect(volume({ attached_machine_id: null }).attachedMachineId).toBeNull();
    expect(volume({ attached_machine_id: "e784126fe16e98" }).attachedMachineId).toBe(
      "e784126fe16e98",
    );
  });
});

test.each([
  [0.2, "1s"],
  [60, "60s"],
  [300, "300s"],
  [3_600, "300s"],
])("a stop timeout of %d s is sent as %s", (seconds, text) => {
  expect(stopTimeout(seconds)).toBe(text);
});
test.each([0, -1, NaN, Infinity])("a stop timeout of %d s is refused", (seconds) => {
  expect(() => stopTimeout(seconds)).toThrow(expect.objectContaining({ kind: "invalid" }));
});
