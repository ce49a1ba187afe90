import { describe, expect, test } from "vitest";
import {
  eventLine,
  missingPhases,
  PHASES,
  phaseTimes,
  summary,
  type JourneyEvent,
} from "./timeline.js";

const at = (source: JourneyEvent["source"], kind: string, time: number): JourneyEvent => ({
  source,
  subject: "x",
  kind,
  at: 1_000 + time,
  detail: null,
});

const JOURNEY = [
  at("message", "enqueued", 0),
  at("machine", "reserved", 10),
  at("machine", "created", 20),
  at("machine", "ready", 30),
  at("message", "claimed", 40),
  at("message", "hydrated", 50),
  at("message", "answer_stored", 60),
  at("message", "completed", 70),
  at("machine", "snapshot_ready", 75),
  at("machine", "drain", 80),
  at("machine", "snapshot_ready", 90),
  at("machine", "stopped", 100),
];

describe("the timeline", () => {
  test("a whole journey has every phase in order, the snapshot being the one after the drain", () => {
    const times = phaseTimes([...JOURNEY].reverse());
    expect([...times.keys()]).toEqual([...PHASES]);
    expect(times.get("snapshot")).toBe(90);
    expect(missingPhases(times)).toEqual([]);
  });

  test("a journey over a killed worker is measured on the worker that answered", () => {
    const killed = [at("machine", "drain", 55), at("machine", "stopped", 58), ...JOURNEY];
    const times = phaseTimes(killed);
    expect(times.get("draining")).toBe(80);
    expect(times.get("destroyed")).toBe(100);
  });

  test("a phase that did not happen is named and shown as a dash", () => {
    const times = phaseTimes(JOURNEY.filter((event) => event.kind !== "drain"));
    expect(missingPhases(times)).toEqual(["draining"]);
    expect(summary(times, 0.5).join("\n")).toMatch(/draining +–/);
    expect(summary(times, 0.5).at(-1)).toContain("$0.500000");
  });

  test("a line has time, phase, subject and detail", () => {
    expect(eventLine({ ...at("machine", "drain", 1_500), detail: "idle" }, 1_000)).toBe(
      "   1.50 s  draining         x  idle",
    );
  });
});
