import fc from "fast-check";
import { expect, test } from "vitest";
import { field, setup } from "./client.setup.js";

async function transcript(seed: number): Promise<string> {
  const { call, create, control, core } = setup({ seed, rateLimits: false });
  const answers = [await create(), await create({ region: "any" })];
  const id = field(await create({ name: "worker" }), "id");
  control.fault({ match: { probability: 0.5 }, effect: { kind: "status", status: 500 } });
  for (let turn = 0; turn < 12; turn++) {
    answers.push(await call("GET", turn % 2 ? "/machines" : `/machines/${id}`));
    await control.advance(700);
  }
  await core.close();
  const seen = answers.map(({ status, text, headers }) => [status, text, [...headers]]);
  return JSON.stringify(seen);
}

test("the same seed and the same calls give the same answers, another seed others", async () => {
  expect(await transcript(7)).toBe(await transcript(7));
  expect(await transcript(7)).not.toBe(await transcript(8));
});

type Step =
  | { do: "create"; name: string; volume: boolean; autoDestroy: boolean }
  | { do: "createVolume" }
  | { do: "stop" | "start" | "destroy" | "force" | "exit" | "deleteVolume"; pick: number }
  | { do: "fault"; phase: "before" | "after"; times: number }
  | { do: "pass"; ms: number };

const pick = fc.nat(7);
const arbStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("create" as const),
    name: fc.constantFrom("a", "b", "c"),
    volume: fc.boolean(),
    autoDestroy: fc.boolean(),
  }),
  fc.record({ do: fc.constant("createVolume" as const) }),
  fc.record({
    do: fc.constantFrom(
      "stop" as const,
      "start" as const,
      "destroy" as const,
      "force" as const,
      "exit" as const,
      "deleteVolume" as const,
    ),
    pick,
  }),
  fc.record({
    do: fc.constant("fault" as const),
    phase: fc.constantFrom("before" as const, "after" as const),
    times: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
);

type Fly = ReturnType<typeof setup>;

async function take({ call, create, control }: Fly, step: Step): Promise<void> {
  const machineIds = control.machines().map(({ id }) => id);
  const volumeIds = control.volumes().map(({ id }) => id);
  const chosen = (ids: string[], index: number) => ids[index % Math.max(1, ids.length)];
  switch (step.do) {
    case "create": {
      const volume = step.volume ? volumeIds.at(-1) : undefined;
      const mounts = volume === undefined ? [] : [{ volume, path: "/data" }];
      await create({ name: step.name }, { mounts, auto_destroy: step.autoDestroy });
      return;
    }
    case "createVolume":
      await call("POST", "/volumes", { name: "data", region: "fra" });
      return;
    case "deleteVolume":
      await call("DELETE", `/volumes/${chosen(volumeIds, step.pick) ?? "vol_none"}`);
      return;
    case "exit": {
      const running = control.machines().filter(({ state }) => state === "started");
      const id = chosen(
        running.map((machine) => machine.id),
        step.pick,
      );
      if (id !== undefined) control.exit(id, step.pick % 2);
      return;
    }
    case "fault":
      control.fault({
        phase: step.phase,
        times: step.times,
        effect: { kind: "status", status: 502 },
      });
      return;
    case "pass":
      await control.advance(step.ms);
      return;
    default: {
      const path = `/machines/${chosen(machineIds, step.pick) ?? "none"}`;
      if (step.do === "force") await call("DELETE", `${path}?force=true`);
      else if (step.do === "destroy") await call("DELETE", path);
      else await call("POST", `${path}/${step.do}`);
    }
  }
}

test("no sequence of calls and faults breaks a rule, and cleaning up always ends at no cost", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(arbStep, { maxLength: 40 }), async (seed, steps) => {
      const fly = setup({ seed, rateLimits: false });
      for (const step of steps) await take(fly, step);

      fly.control.clearFaults();
      for (const { id } of fly.control.machines()) {
        await fly.call("DELETE", `/machines/${id}?force=true`);
      }
      await fly.control.advance(60_000);
      for (const { id } of fly.control.volumes()) await fly.call("DELETE", `/volumes/${id}`);
      fly.control.expectNoCost();
      expect(fly.control.bill().usdPerHour).toBe(0);
      expect(fly.control.violations()).toEqual([]);
      await fly.core.close();
    }),
    { numRuns: 150 },
  );
});
