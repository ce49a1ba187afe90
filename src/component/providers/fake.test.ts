import { describe, expect, test } from "vitest";
import { createFakeProvider } from "./fake.fixture.js";
import {
  conformanceSpec,
  describeProviderConformance,
  type ConformanceFault,
} from "./provider.conformance.js";
import { ProviderError } from "./provider.js";

const START = Date.UTC(2026, 0, 1);

function faultError(fault: ConformanceFault): ProviderError {
  switch (fault) {
    case "lostAnswer":
    case "lostAnswerHtml502":
      return new ProviderError("transient", "lost", { ambiguous: true });
    case "plain404":
      return new ProviderError("malformed", "404 page not found", { status: 404 });
    case "status500":
      return new ProviderError("transient", "oops", { status: 500 });
    case "unauthorized":
      return new ProviderError("auth", "no", { status: 401 });
  }
}

describeProviderConformance("the fake", () => {
  const provider = createFakeProvider({ now: () => START });
  return {
    provider,
    inject: (call, fault) =>
      provider.failNext(call, faultError(fault), { after: fault.startsWith("lostAnswer") }),
    advance: (ms) => Promise.resolve(provider.advance(ms)),
    addForeignMachine: (name, tags) => Promise.resolve(provider.addMachine({ name, tags })),
    rateLimitHits: () => 0,
  };
});

describe("the fake's controls", () => {
  const make = () => createFakeProvider({ now: () => START });

  test("a fault before the effect leaves nothing behind, one after it does", async () => {
    const fake = make();
    fake.failNext("createMachine", new ProviderError("capacity", "full", { scope: "region" }));
    await expect(fake.createMachine(conformanceSpec("afw-1"))).rejects.toThrow("full");
    expect(fake.machines()).toEqual([]);
    const lost = new ProviderError("transient", "lost", { ambiguous: true });
    fake.failNext("createMachine", lost, { after: true, times: 2 });
    await expect(fake.createMachine(conformanceSpec("afw-1"))).rejects.toThrow("lost");
    await expect(fake.createMachine(conformanceSpec("afw-1"))).rejects.toThrow("lost");
    await fake.createMachine(conformanceSpec("afw-1"));
    expect(fake.machines()).toHaveLength(1);
    expect(fake.calls.map((entry) => entry.error?.kind)).toEqual([
      "capacity",
      "transient",
      "transient",
      undefined,
    ]);
  });

  test("the list can lie while the truth stays", async () => {
    const fake = make();
    const { machineId } = await fake.createMachine(conformanceSpec("afw-1"));
    fake.listOverride = () => [];
    expect(await fake.listMachines()).toEqual([]);
    expect(await fake.getMachine(machineId)).not.toBeNull();
    fake.listOverride = null;
    expect(await fake.listMachines()).toHaveLength(1);
  });

  test("settle completes transitions, a stuck machine waits", async () => {
    const fake = make();
    const a = await fake.createMachine(conformanceSpec("afw-1"));
    const b = await fake.createMachine(conformanceSpec("afw-2"));
    fake.stick(b.machineId);
    fake.settle();
    expect(fake.machines().map((machine) => machine.phase)).toEqual(["running", "booting"]);
    fake.unstick(b.machineId);
    fake.advance(3_000);
    expect((await fake.getMachine(b.machineId))?.phase).toBe("running");
    expect((await fake.getMachine(a.machineId))?.phase).toBe("running");
  });

  test("exit leaves the volume, unbound; kill removes the machine at once", async () => {
    const fake = make();
    const a = await fake.createMachine(conformanceSpec("afw-1"));
    fake.exit(a.machineId);
    expect((await fake.getMachine(a.machineId))?.phase).toBe("destroying");
    fake.advance(1_000);
    expect(await fake.listMachines()).toEqual([]);
    expect(fake.billedVolumes()).toMatchObject([{ attachedMachineId: null }]);
    const b = await fake.createMachine(conformanceSpec("afw-2"));
    fake.kill(b.machineId);
    expect(await fake.getMachine(b.machineId)).toBeNull();
  });
});
