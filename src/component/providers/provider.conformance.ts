/** What every `WorkerProvider` must do, whatever is behind it. Run by one test file per implementation. */
import { describe, expect, test } from "vitest";
import { ProviderError, type WorkerProvider } from "./provider.js";
import type { MachineSpec } from "./validators.js";

/** How a call can fail on the wire. `lost…`: it took effect, and the answer did not arrive. */
export type ConformanceFault =
  "lostAnswer" | "lostAnswerHtml502" | "plain404" | "status500" | "unauthorized";

export type FaultableCall = "checkAccess" | "createMachine" | "getMachine" | "destroyMachine";

export type ConformanceHarness = {
  provider: WorkerProvider;
  /** The next call of this kind fails like this, retries inside the provider included. */
  inject(call: FaultableCall, fault: ConformanceFault): void;
  /** Lets time pass: machines boot, stop and vanish. */
  advance(ms: number): Promise<void>;
  /** A running machine that somebody else made. */
  addForeignMachine(name: string, tags: Record<string, string>): Promise<string>;
  /** How often the provider ran into a rate limit. */
  rateLimitHits(): number;
};

/** Longer than any implementation under test needs for one transition or to unbind a volume. */
const LONG_MS = 10 * 60_000;

export function conformanceSpec(name: string, overrides: Partial<MachineSpec> = {}): MachineSpec {
  return {
    name,
    region: "fra",
    image: "registry.fly.io/worker:1",
    env: { AGENT_FACTORY_WORKER_ID: name },
    tags: {
      managed_by: "agent-factory",
      agent_factory_deployment: "d1",
      agent_factory_worker: name,
    },
    volume: { name: `vol_${name.replaceAll("-", "_")}`, path: "/data", sizeGb: 1 },
    guest: { cpuKind: "shared", cpus: 1, memoryMb: 2048 },
    stopTimeoutSeconds: 60,
    ...overrides,
  };
}

export function describeProviderConformance(
  name: string,
  setup: () => ConformanceHarness | Promise<ConformanceHarness>,
): void {
  describe(`${name} as a WorkerProvider`, () => {
    test("a created machine is listed with its name, region, tags and volume", async () => {
      const { provider } = await setup();
      const spec = conformanceSpec("afw-1");
      const made = await provider.createMachine(spec);
      expect(made).toMatchObject({
        name: "afw-1",
        region: "fra",
        tags: spec.tags,
        phase: "booting",
      });
      expect(await provider.listMachines()).toEqual([
        expect.objectContaining({
          machineId: made.machineId,
          name: "afw-1",
          image: spec.image,
          tags: spec.tags,
          volumeIds: made.volumeIds,
          hostReachable: true,
        }),
      ]);
      const [volume] = await provider.listVolumes();
      expect(volume).toMatchObject({
        volumeId: made.volumeIds[0],
        name: "vol_afw_1",
        region: "fra",
        sizeGb: 1,
        dying: false,
        attachedMachineId: made.machineId,
      });
      expect(await provider.getVolume(volume!.volumeId)).toEqual(volume);
    });

    test("a machine boots and can be read by id", async () => {
      const { provider, advance } = await setup();
      const { machineId } = await provider.createMachine(conformanceSpec("afw-1"));
      await advance(LONG_MS);
      expect(await provider.getMachine(machineId)).toMatchObject({ machineId, phase: "running" });
    });

    test("creating under the same name again gives the same machine and one volume", async () => {
      const { provider } = await setup();
      const first = await provider.createMachine(conformanceSpec("afw-1"));
      const again = await provider.createMachine(conformanceSpec("afw-1"));
      expect(again.machineId).toBe(first.machineId);
      expect(await provider.listMachines()).toHaveLength(1);
      expect(await provider.listVolumes()).toHaveLength(1);
    });

    test("a machine without a volume is idempotent by name, too", async () => {
      const { provider } = await setup();
      const spec = conformanceSpec("afw-1", { volume: null });
      const first = await provider.createMachine(spec);
      expect((await provider.createMachine(spec)).machineId).toBe(first.machineId);
      expect(await provider.listVolumes()).toEqual([]);
    });

    for (const fault of ["lostAnswer", "lostAnswerHtml502"] as const) {
      test(`a create with ${fault} ends in one machine and one volume`, async () => {
        const { provider, inject } = await setup();
        inject("createMachine", fault);
        const spec = conformanceSpec("afw-1");
        // The provider may adopt by itself, or say "ambiguous" and adopt when it is asked again.
        const made = await provider.createMachine(spec).catch((error: unknown) => {
          expect(error).toBeInstanceOf(ProviderError);
          expect(error).toMatchObject({ kind: "transient", details: { ambiguous: true } });
          return provider.createMachine(spec);
        });
        const machines = await provider.listMachines();
        expect(machines.map((machine) => machine.machineId)).toEqual([made.machineId]);
        expect(await provider.listVolumes()).toHaveLength(1);
      });
    }

    test("somebody else's machine with our name is a name conflict, and stays", async () => {
      const { provider, addForeignMachine } = await setup();
      const machineId = await addForeignMachine("afw-1", { managed_by: "somebody" });
      await expect(provider.createMachine(conformanceSpec("afw-1"))).rejects.toMatchObject({
        name: "ProviderError",
        kind: "nameConflict",
        details: { machineId },
      });
      expect(await provider.getMachine(machineId)).toMatchObject({ phase: "running" });
    });

    test("getMachine is null for an id that does not exist", async () => {
      const { provider } = await setup();
      expect(await provider.getMachine("00000000000bad")).toBeNull();
      expect(await provider.getVolume("vol_00000000000bad")).toBeNull();
    });

    for (const fault of ["plain404", "status500", "unauthorized"] as const) {
      test(`${fault} proves nothing about a machine`, async () => {
        const { provider, inject } = await setup();
        const { machineId } = await provider.createMachine(conformanceSpec("afw-1"));
        inject("getMachine", fault);
        await expect(provider.getMachine(machineId)).rejects.toBeInstanceOf(ProviderError);
        inject("destroyMachine", fault);
        await expect(provider.destroyMachine(machineId, { force: true })).rejects.toBeInstanceOf(
          ProviderError,
        );
        expect(await provider.getMachine(machineId)).toMatchObject({ machineId });
      });
    }

    test("a destroy whose answer is lost can be repeated", async () => {
      const { provider, inject, advance } = await setup();
      const { machineId } = await provider.createMachine(conformanceSpec("afw-1"));
      inject("destroyMachine", "lostAnswer");
      await provider.destroyMachine(machineId, { force: true }).catch(() => undefined);
      expect(["accepted", "gone"]).toContain(
        await provider.destroyMachine(machineId, { force: true }),
      );
      await advance(LONG_MS);
      expect(await provider.listMachines()).toEqual([]);
    });

    test("a running machine is destroyed by force only", async () => {
      const { provider, advance } = await setup();
      const { machineId } = await provider.createMachine(conformanceSpec("afw-1"));
      await advance(LONG_MS);
      await expect(provider.destroyMachine(machineId)).rejects.toMatchObject({
        kind: "precondition",
      });
      expect(await provider.destroyMachine(machineId, { force: true })).toBe("accepted");
    });

    test("destroying is idempotent and ends in 'gone'", async () => {
      const { provider, advance } = await setup();
      const { machineId } = await provider.createMachine(conformanceSpec("afw-1"));
      expect(await provider.destroyMachine(machineId, { force: true })).toBe("accepted");
      await advance(LONG_MS);
      expect(await provider.destroyMachine(machineId, { force: true })).toBe("gone");
      expect(await provider.getMachine(machineId)).toBeNull();
      expect(await provider.destroyMachine("00000000000bad", { force: true })).toBe("gone");
    });

    test("cordon and stop can be repeated; a stopped worker machine removes itself", async () => {
      const { provider, advance } = await setup();
      const { machineId } = await provider.createMachine(conformanceSpec("afw-1"));
      await advance(LONG_MS);
      await provider.cordonMachine(machineId);
      await provider.cordonMachine(machineId);
      await provider.stopMachine(machineId);
      await provider.stopMachine(machineId, { timeoutSeconds: 30 });
      await advance(LONG_MS);
      expect(await provider.listMachines()).toEqual([]);
    });

    test("a volume is bound while its machine lives, and can be deleted after", async () => {
      const { provider, advance } = await setup();
      const made = await provider.createMachine(conformanceSpec("afw-1"));
      const volumeId = made.volumeIds[0]!;
      await expect(provider.deleteVolume(volumeId)).rejects.toMatchObject({ kind: "volumeBound" });
      await provider.destroyMachine(made.machineId, { force: true });
      await advance(LONG_MS);
      expect(await provider.deleteVolume(volumeId)).toBe("accepted");
      expect((await provider.getVolume(volumeId))?.dying ?? true).toBe(true);
      expect(await provider.deleteVolume("vol_00000000000bad")).toBe("gone");
    });

    test("a dying volume is not given to the next machine of its name", async () => {
      const { provider, advance } = await setup();
      const first = await provider.createMachine(conformanceSpec("afw-1"));
      await provider.destroyMachine(first.machineId, { force: true });
      await advance(LONG_MS);
      await provider.deleteVolume(first.volumeIds[0]!);
      const second = await provider.createMachine(conformanceSpec("afw-1"));
      expect(second.machineId).not.toBe(first.machineId);
      expect(second.volumeIds).not.toEqual(first.volumeIds);
    });

    test("a burst of ten creates stays under the rate limits", async () => {
      const { provider, rateLimitHits } = await setup();
      const names = Array.from({ length: 10 }, (_, i) => `afw-${i}`);
      const made = await Promise.all(
        names.map((one) => provider.createMachine(conformanceSpec(one))),
      );
      expect(new Set(made.map((machine) => machine.machineId)).size).toBe(10);
      expect(await provider.listMachines()).toHaveLength(10);
      expect(rateLimitHits()).toBe(0);
    });

    test("access is checked, and a refusal throws", async () => {
      const { provider, inject } = await setup();
      await expect(provider.checkAccess()).resolves.toBeUndefined();
      inject("checkAccess", "unauthorized");
      await expect(provider.checkAccess()).rejects.toMatchObject({ kind: "auth" });
    });
  });
}
