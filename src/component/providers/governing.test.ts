import { getFunctionName, type FunctionReference } from "convex/server";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ActionCtx } from "../kit/functions.js";
import { admitCalls, OPEN_GATE, settleCall, type CallOutcome } from "./fly/admission.js";
import type { FlyAction } from "./fly/governor.js";
import { storedGovernor } from "./governing.js";

const NOW = 1_800_000_000_000;
beforeEach(() => void vi.useFakeTimers({ now: NOW }));
afterEach(() => void vi.useRealTimers());

/** The stored gate, without a database; `broken`: its next transaction fails. */
function setup(patienceMs = 10_000) {
  const gate = { state: OPEN_GATE, reserved: [] as FlyAction[][], settled: 0, broken: false };
  const runMutation = (async (ref: FunctionReference<"mutation", "internal">, args: object) => {
    await Promise.resolve();
    if (gate.broken) {
      gate.broken = false;
      throw new Error("the transaction failed");
    }
    if (getFunctionName(ref).endsWith(":reserve")) {
      const { actions } = args as { actions: FlyAction[] };
      gate.reserved.push(actions);
      const { state, admissions } = admitCalls(gate.state, actions, Date.now());
      gate.state = state;
      return admissions.map((one) => ({ ...one, message: "not now" }));
    }
    gate.settled += 1;
    const { action, outcome } = args as { action: FlyAction; outcome: CallOutcome };
    gate.state = settleCall(gate.state, action, outcome, Date.now()).state;
    const { circuit, notBefore } = gate.state;
    return {
      circuitUntil: circuit.state === "open" ? circuit.retryAt : 0,
      actionUntil: notBefore[action] ?? 0,
    };
  }) as unknown as ActionCtx["runMutation"];
  const governor = storedGovernor({ runMutation }, "workers", patienceMs);
  /** When each call was let through, in seconds from now; or why it was not. */
  const went: (number | string)[] = [];
  const call = async (action: FlyAction) =>
    await governor.admit(action).then(
      () => void went.push((Date.now() - NOW) / 1_000),
      (error: Error) => void went.push(error.message),
    );
  return { gate, governor, call, went };
}

describe("the governor of an action", () => {
  test("asks once for calls that come together, and spreads them", async () => {
    const { gate, call, went } = setup();
    const calls = Array.from({ length: 5 }, () => call("machineCreate"));
    await vi.advanceTimersByTimeAsync(5_000);
    await Promise.all(calls);
    expect(went).toEqual([0, 0, 0, 1.02, 2.02]);
    // The first one asks at once; the others meanwhile gather behind it.
    expect(gate.reserved.map((batch) => batch.length)).toEqual([1, 4]);
  });

  test("makes no call that the provider wants later than its patience lasts", async () => {
    const { governor, call, went } = setup();
    await governor.settle("machineCreate", { kind: "limited", retryAfterMs: 10_001 });
    await call("machineCreate");
    expect(went).toEqual(["not now"]);
    await expect(governor.admit("machineCreate")).rejects.toMatchObject({
      kind: "rateLimited",
      details: { retryAfterMs: 10_001 },
    });
    const late = call("machineCreate");
    await vi.advanceTimersByTimeAsync(1);
    await late;
    const patient = call("machineCreate");
    await vi.advanceTimersByTimeAsync(10_100);
    await patient;
    expect(went).toHaveLength(3);
    expect(went[2]).toBeCloseTo(10.02, 1);
  });

  test("holds a call back that waited for its turn when another one met a 429 meanwhile", async () => {
    const { governor, call, went } = setup();
    const calls = Array.from({ length: 4 }, () => call("machineStop"));
    await vi.advanceTimersByTimeAsync(500);
    expect(went).toEqual([0, 0, 0]);
    await governor.settle("machineStop", { kind: "limited", retryAfterMs: 5_000 });
    await vi.advanceTimersByTimeAsync(4_900);
    expect(went).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(3_000);
    await Promise.all(calls);
    expect(went[3]).toBeGreaterThanOrEqual(5.5);
  });

  test("tells the gate of successes only while it wants to know", async () => {
    const { gate, governor } = setup();
    const succeed = async () => {
      await governor.admit("machineGet");
      await governor.settle("machineGet", { kind: "answered" });
    };
    await succeed();
    expect(gate.settled).toBe(0);
    await governor.settle("machineGet", { kind: "failed", reason: "HTTP 500" });
    await succeed();
    expect([gate.settled, gate.state.circuit.failures]).toEqual([2, 0]);
    await succeed();
    expect(gate.settled).toBe(2);
  });

  test("passes a failed transaction on to those who asked, and works for the next ones", async () => {
    const { gate, call, went } = setup();
    gate.broken = true;
    await call("machineList");
    await call("machineList");
    expect(went).toEqual(["the transaction failed", 0]);
  });
});
