import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FIRST_PAUSE_MS } from "../breaker.js";
import { ProviderError } from "../provider.js";
import {
  admitCalls,
  MAX_NOT_BEFORE_MS,
  nextOpening,
  OPEN_GATE,
  outcomeOf,
  settleCall,
  type CallOutcome,
  type GateState,
} from "./admission.js";
import { limitFor, type FlyAction } from "./governor.js";

const NOW = 1_800_000_000_000;
const waits = (state: GateState, actions: FlyAction[], now = NOW) =>
  admitCalls(state, actions, now).admissions.map((one) =>
    one.kind === "go" ? one.waitMs : `${one.why} ${one.at - now}`,
  );

describe("calls are admitted", () => {
  test("in bursts of three, then one per second, each action by itself", () => {
    const many: FlyAction[] = ["machineList", "machineList", "machineList", "machineList"];
    expect(waits(OPEN_GATE, [...many, "volumeList"])).toEqual([0, 0, 0, 1_000, 0]);
  });

  test("by what an earlier pass left over, whatever became of it", () => {
    const three: FlyAction[] = ["machineList", "machineList", "machineList"];
    const { state } = admitCalls(OPEN_GATE, three, NOW);
    expect(waits(state, ["machineList"], NOW + 400)).toEqual([600]);
    expect(waits(state, ["machineList"], NOW + 1_000)).toEqual([0]);
  });

  test("not earlier when the clock is set back", () => {
    const { state } = admitCalls(OPEN_GATE, ["machineList", "machineList", "machineList"], NOW);
    expect(waits(state, ["machineList"], NOW - 5_000)).toEqual([6_000]);
  });

  test("not before Fly wants them, and the state is left as it was", () => {
    const limited: CallOutcome = { kind: "limited", retryAfterMs: 60_000 };
    const { state } = settleCall(OPEN_GATE, "machineCreate", limited, NOW);
    const refused = admitCalls(state, ["machineCreate"], NOW + 59_999);
    expect(refused.admissions).toEqual([{ kind: "later", at: NOW + 60_000, why: "limited" }]);
    expect(refused.state).toBe(state);
    expect(waits(state, ["machineDestroy"], NOW)).toEqual([0]);
    expect(nextOpening(state, NOW)).toBe(NOW + 60_000);
    expect(waits(state, ["machineCreate"], NOW + 60_000)).toEqual([0]);
    expect(nextOpening(state, NOW + 60_000)).toBeNull();
  });

  test("an hour later at the latest; a shorter wish does not shorten a longer one", () => {
    const tomorrow = settleCall(
      OPEN_GATE,
      "machineGet",
      { kind: "limited", retryAfterMs: 9e9 },
      NOW,
    );
    const soon = settleCall(
      tomorrow.state,
      "machineGet",
      { kind: "failed", reason: "HTTP 503", retryAfterMs: 5 },
      NOW,
    );
    expect(soon.state.notBefore["machineGet"]).toBe(NOW + MAX_NOT_BEFORE_MS);
  });

  test("a 429 that names no time empties the bucket", () => {
    const { state } = settleCall(OPEN_GATE, "machineStop", { kind: "limited" }, NOW);
    expect(waits(state, ["machineStop", "machineStop"], NOW)).toEqual([1_000, 2_000]);
  });

  test("one at a time while the circuit is half open, and none while it is open", () => {
    let state = OPEN_GATE;
    for (let n = 0; n < 5; n++)
      state = settleCall(state, "machineList", { kind: "failed", reason: "no answer" }, NOW).state;
    expect(waits(state, ["machineGet"])).toEqual([`circuit ${FIRST_PAUSE_MS}`]);
    const at = NOW + FIRST_PAUSE_MS;
    const probe = admitCalls(state, ["machineGet", "machineGet"], at);
    expect(probe.admissions).toEqual([
      { kind: "go", waitMs: 0, watched: true },
      { kind: "later", at: at + 1_000, why: "circuit" },
    ]);
    const { state: healed, change } = settleCall(
      probe.state,
      "machineGet",
      { kind: "answered" },
      at,
    );
    expect(change).toBe("closed");
    expect(admitCalls(healed, ["machineGet"], at).admissions).toMatchObject([
      { kind: "go", watched: false },
    ]);
  });
});

test.each<[string, ProviderError | null, CallOutcome]>([
  ["a success", null, { kind: "answered" }],
  ["a refusal", new ProviderError("auth", "no", { status: 401 }), { kind: "answered" }],
  [
    "a 409 that sounds transient",
    new ProviderError("transient", "", { status: 409 }),
    { kind: "answered" },
  ],
  ["an unreadable 200", new ProviderError("malformed", "", { status: 200 }), { kind: "answered" }],
  [
    "a 503",
    new ProviderError("transient", "", { status: 503, retryAfterMs: 7 }),
    { kind: "failed", reason: "HTTP 503", retryAfterMs: 7 },
  ],
  [
    "a 408",
    new ProviderError("transient", "", { status: 408 }),
    { kind: "failed", reason: "HTTP 408" },
  ],
  [
    "silence",
    new ProviderError("transient", "", { ambiguous: true }),
    { kind: "failed", reason: "no answer" },
  ],
  ["a 429", new ProviderError("rateLimited", "", { status: 429 }), { kind: "limited" }],
])("%s says so much about Fly", (_name, error, outcome) => {
  expect(outcomeOf(error)).toEqual(outcome);
});

/** Passes and cleanups that call when they like; some die with tokens they took, some hear of trouble. */
const step = fc.record({
  gapMs: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 20_000 })),
  actions: fc.array(fc.constantFrom<FlyAction>("machineList", "machineGet", "volumeDestroy"), {
    minLength: 1,
    maxLength: 12,
  }),
  dies: fc.boolean(),
  outcome: fc.constantFrom<CallOutcome>(
    { kind: "answered" },
    { kind: "answered" },
    { kind: "failed", reason: "HTTP 500" },
    { kind: "limited" },
    { kind: "limited", retryAfterMs: 30_000 },
  ),
});

test("no sequence of passes, cleanups and crashes exceeds a published limit, a Retry-After or an open circuit", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let state = OPEN_GATE;
      let now = NOW;
      const calls: { action: FlyAction; at: number }[] = [];
      for (const { gapMs, actions, dies, outcome } of steps) {
        now += gapMs;
        const before = state;
        const admitted = admitCalls(before, actions, now);
        state = admitted.state;
        const went: FlyAction[] = [];
        for (const [n, one] of admitted.admissions.entries()) {
          if (one.kind === "later") continue;
          const action = actions[n]!;
          went.push(action);
          calls.push({ action, at: now + one.waitMs });
          expect(before.notBefore[action] ?? 0).toBeLessThanOrEqual(now);
        }
        if (before.circuit.state !== "closed") expect(went.length).toBeLessThanOrEqual(1);
        if (before.circuit.state === "open" && before.circuit.retryAt > now)
          expect(went).toEqual([]);
        if (!dies) for (const action of went) state = settleCall(state, action, outcome, now).state;
      }
      for (const action of ["machineList", "machineGet", "volumeDestroy"] as const) {
        const times = calls.filter((call) => call.action === action).map(({ at }) => at);
        const { burst, perSecond } = limitFor(action);
        times.sort((a, b) => a - b);
        for (const [i, start] of times.entries())
          for (let j = i; j < times.length; j++) {
            const allowed = burst + ((times[j]! - start + 1) * perSecond) / 1_000;
            expect(j - i + 1).toBeLessThanOrEqual(allowed + 1e-6);
          }
      }
    }),
    { numRuns: 300 },
  );
});
