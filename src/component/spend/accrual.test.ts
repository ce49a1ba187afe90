import { describe, expect, test } from "vitest";
import {
  accrue,
  beginVolume,
  changePhase,
  endMachine,
  endVolume,
  estimateEnd,
  hourlyUsd,
  newMeter,
  usageByDay,
  type Charge,
} from "./accrual.js";
import { ratesOf } from "./prices.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOON = Date.UTC(2026, 10, 22, 12);
const RATES = { running: 0.36, stopped: 0.036, volume: 0.0036 };

/** Milliseconds per kind, net of what was given back. */
function sum(charges: readonly Charge[]) {
  const ms = { running: 0, stopped: 0, volume: 0 };
  for (const { kind, from, to } of charges) ms[kind] += to - from;
  return ms;
}

describe("a meter", () => {
  test("charges the volume from its order on, and the machine from its creation on", () => {
    const ordered = newMeter(RATES, NOON);
    const created = changePhase(ordered, "running", NOON + 1_000, NOON + 1_000);
    const later = accrue(created.meter, NOON + 61_000);
    const all = [...created.charges, ...later.charges];
    expect(sum(all)).toEqual({ running: 60_000, stopped: 0, volume: 61_000 });
    expect(hourlyUsd(later.meter)).toBeCloseTo(0.3636, 10);
  });

  test("gives back what was charged after the machine had ended unseen", () => {
    const created = changePhase(newMeter(RATES, NOON), "running", NOON, NOON);
    const charged = accrue(created.meter, NOON + HOUR);
    const found = changePhase(charged.meter, "stopped", NOON + HOUR / 2, NOON + HOUR);
    expect(sum([...charged.charges, ...found.charges])).toEqual({
      running: HOUR / 2,
      stopped: HOUR / 2,
      volume: HOUR,
    });
  });

  test("ends in two steps: its guest first, then what is left of it", () => {
    const created = changePhase(newMeter(RATES, NOON), "running", NOON, NOON);
    const charged = accrue(created.meter, NOON + HOUR);
    const gone = endMachine(charged.meter, NOON + HOUR / 4, NOON + HOUR / 2, NOON + HOUR);
    expect(sum([...charged.charges, ...gone.charges])).toMatchObject({
      running: HOUR / 4,
      stopped: HOUR / 4,
    });
    const again = endMachine(gone.meter, NOON + HOUR, NOON + HOUR, NOON + HOUR);
    expect(again.charges).toEqual([]);
  });

  test("never reaches back before the last change, whatever clock the provider has", () => {
    const created = changePhase(newMeter(RATES, NOON), "running", NOON, NOON);
    const ended = changePhase(created.meter, "none", NOON - HOUR, NOON + HOUR);
    expect(sum(ended.charges).running).toBe(0);
    const early = changePhase(created.meter, "none", NOON + 5 * HOUR, NOON + HOUR);
    expect(sum(early.charges).running).toBe(HOUR);
  });

  test("stops the volume at its end and counts it again when another is made", () => {
    const gone = endVolume(newMeter(RATES, NOON), NOON + HOUR);
    expect(sum(gone.charges).volume).toBe(HOUR);
    expect(accrue(gone.meter, NOON + 2 * HOUR).charges).toEqual([]);
    const again = accrue(beginVolume(gone.meter, NOON + 2 * HOUR), NOON + 3 * HOUR);
    expect(sum(again.charges).volume).toBe(HOUR);
  });
});

test("a charge falls into the UTC days it covers, a refund too", () => {
  const from = Date.UTC(2026, 10, 22, 23);
  const to = Date.UTC(2026, 10, 24, 1);
  const days = usageByDay({ kind: "running", from, to }, RATES);
  expect(days.map(({ usage }) => usage.runningMs)).toEqual([HOUR, 24 * HOUR, HOUR]);
  expect(days.map(({ at }) => new Date(at).getUTCDate())).toEqual([22, 23, 24]);
  expect(days.reduce((usd, day) => usd + day.usage.usd, 0)).toBeCloseTo(26 * 0.36, 10);
  const back = usageByDay({ kind: "running", from: to, to: from }, RATES);
  expect(back.map(({ usage }) => usage.runningMs)).toEqual([-HOUR, -24 * HOUR, -HOUR]);
});

describe("a machine that nobody saw end", () => {
  const MUTE = { heardAt: 0, silenceMs: 60, orderedAt: null };
  const GONE = { seenAt: 1_000, silenceMs: 60, orderedAt: null, missingAt: 3_000 };

  test("ended half-way between the last sight of it and its absence, when it had not spoken", () => {
    expect(estimateEnd({ ...MUTE, seenAt: 1_000, missingAt: 3_000 })).toBe(2_000);
    expect(estimateEnd({ ...MUTE, seenAt: 9_000, missingAt: 3_000 })).toBe(3_000);
  });

  test("ended soon after its last word, when it had spoken as often as it should", () => {
    expect(estimateEnd({ ...GONE, heardAt: 2_500 })).toBe(2_530);
    expect(estimateEnd({ ...GONE, heardAt: 950 })).toBe(1_030);
    expect(estimateEnd({ ...GONE, heardAt: 2_990 })).toBe(2_995);
    expect(estimateEnd({ ...GONE, heardAt: 9_000 })).toBe(3_000);
    expect(estimateEnd({ ...GONE, heardAt: 930 })).toBe(2_000);
  });

  test("ended when its end was ordered, but not before the last sign of it", () => {
    expect(estimateEnd({ ...GONE, heardAt: 0, orderedAt: 1_500 })).toBe(1_500);
    expect(estimateEnd({ ...GONE, heardAt: 0, orderedAt: 500 })).toBe(1_000);
    expect(estimateEnd({ ...GONE, heardAt: 2_000, orderedAt: 500 })).toBe(2_000);
    expect(estimateEnd({ ...GONE, heardAt: 0, orderedAt: 9_000 })).toBe(3_000);
  });

  test("had ended before its end was ordered, when there was no sign of it then", () => {
    const gone = { ...GONE, seenAt: 0, orderedAt: HOUR, missingAt: 2 * HOUR };
    expect(estimateEnd({ ...gone, heardAt: 0 })).toBe(30);
    expect(estimateEnd({ ...gone, seenAt: 1_000, heardAt: 0 })).toBe(500 + HOUR);
    expect(estimateEnd({ ...gone, seenAt: HOUR - MINUTE, heardAt: 0 })).toBe(HOUR);
  });
});

describe("rates", () => {
  test("a worker of the default size costs what Fly lists", () => {
    const rates = ratesOf({ volumeSizeGb: 10 });
    expect(rates.running * 720).toBeCloseTo(1.94 + 1.75 * 5, 10);
    expect(rates.stopped * 720).toBeCloseTo(0.15, 10);
    expect(rates.volume * 730).toBeCloseTo(1.5, 10);
  });

  test("prices and size of the config apply", () => {
    const rates = ratesOf({
      volumeSizeGb: 1,
      guest: { cpuKind: "performance", cpus: 2, memoryMb: 6_144 },
      prices: { performanceCpuUsd: 20, rootfsGb: 4 },
    });
    expect(rates.running * 720).toBeCloseTo(40 + 2 * 5, 10);
    expect(rates.stopped * 720).toBeCloseTo(0.6, 10);
  });
});
