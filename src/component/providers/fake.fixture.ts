/**
 * A provider in memory, for tests of what stands above `WorkerProvider`. Machines move by the given clock;
 * faults are scripted per call, before or after the call takes effect.
 */
import type { FakeProvider, FakeTimes, ProviderCall } from "./fake.types.js";
import { ProviderError } from "./provider.js";
import type { MachinePhase, MachineSpec, ProviderMachine, ProviderVolume } from "./validators.js";

type Held = ProviderMachine & { spec?: MachineSpec; since: number; stuck: boolean };
type HeldVolume = ProviderVolume & { unboundAt: number | null };

const STATES: Record<MachinePhase, string> = {
  booting: "starting",
  running: "started",
  stopping: "stopping",
  stopped: "stopped",
  destroying: "destroying",
  destroyed: "destroyed",
  failed: "failed",
  unknown: "hibernating",
};
const DEFAULT_TIMES: FakeTimes = {
  bootMs: 3_000,
  stopMs: 1_000,
  destroyMs: 1_000,
  unbindMs: 0,
  forgetMs: 30_000,
};

export function createFakeProvider(options: {
  now: () => number;
  times?: Partial<FakeTimes>;
}): FakeProvider {
  const times = { ...DEFAULT_TIMES, ...options.times };
  const machines = new Map<string, Held>();
  const volumes = new Map<string, HeldVolume>();
  const faults: { call: ProviderCall; error: ProviderError; after: boolean; left: number }[] = [];
  let offset = 0;
  let serial = 0;
  const now = () => options.now() + offset;
  const nextId = () => (++serial).toString(16).padStart(14, "0");

  function setPhase(machine: Held, phase: MachinePhase, at: number, state = STATES[phase]): void {
    Object.assign(machine, { phase, state, since: at });
    if (phase !== "destroyed") return;
    for (const volume of volumes.values()) {
      if (volume.attachedMachineId === machine.machineId) volume.unboundAt = at + times.unbindMs;
    }
  }

  /** Applies every transition that is due at `at`; each starts when the one before it ended. */
  function catchUp(at: number): void {
    for (const machine of machines.values()) {
      for (
        let next = dueTransition(machine);
        next && next.at <= at;
        next = dueTransition(machine)
      ) {
        setPhase(machine, next.phase, Number.isFinite(at) ? next.at : now());
      }
      const forgotten = machine.phase === "destroyed" && machine.since + times.forgetMs <= at;
      if (forgotten) machines.delete(machine.machineId);
    }
    for (const volume of volumes.values()) {
      if (volume.unboundAt === null || volume.unboundAt > at) continue;
      Object.assign(volume, { unboundAt: null, attachedMachineId: null });
    }
  }
  function dueTransition(machine: Held): { phase: MachinePhase; at: number } | null {
    if (machine.stuck) return null;
    if (machine.phase === "booting") return { phase: "running", at: machine.since + times.bootMs };
    if (machine.phase === "stopping") return { phase: "stopped", at: machine.since + times.stopMs };
    // Created with auto_destroy: a stopped machine removes itself; one of somebody else stays.
    if (machine.phase === "stopped" && machine.spec)
      return { phase: "destroying", at: machine.since };
    if (machine.phase === "destroying") {
      return { phase: "destroyed", at: machine.since + times.destroyMs };
    }
    return null;
  }

  const calls: FakeProvider["calls"] = [];
  /** One provider call: log, fault before, effect, fault after. */
  async function perform<T>(
    call: ProviderCall,
    args: readonly unknown[],
    effect: () => T,
  ): Promise<T> {
    await Promise.resolve();
    const entry: FakeProvider["calls"][number] = { call, args, at: now() };
    calls.push(entry);
    catchUp(now());
    const fault = faults.find((one) => one.call === call && one.left > 0);
    if (fault) fault.left -= 1;
    try {
      if (fault && !fault.after) throw fault.error;
      const result = effect();
      if (fault) throw fault.error;
      return result;
    } catch (error) {
      if (error instanceof ProviderError) entry.error = error;
      throw error;
    }
  }

  function held(machineId: string): Held {
    const machine = machines.get(machineId);
    if (machine) return machine;
    throw new ProviderError("notFound", `machine ${machineId} not found`, { status: 404 });
  }
  function create(spec: MachineSpec): ProviderMachine {
    const same = [...machines.values()].find(
      (machine) => machine.name === spec.name && machine.phase !== "destroyed",
    );
    if (same) {
      const ours = Object.entries(spec.tags).every(([key, value]) => same.tags?.[key] === value);
      if (ours) return publicMachine(same);
      const { machineId } = same;
      throw new ProviderError("nameConflict", `the name '${spec.name}' is taken`, { machineId });
    }
    const machineId = nextId();
    const volumeIds = spec.volume ? [claimVolume(spec, spec.volume, machineId)] : [];
    const { name, region, image, tags } = spec;
    const fixed = {
      machineId,
      name,
      region,
      image,
      volumeIds,
      createdAt: now(),
      hostReachable: true,
    };
    const machine: Held = {
      ...fixed,
      tags: { ...tags },
      phase: "booting",
      state: STATES.booting,
      spec,
      since: now(),
      stuck: false,
    };
    machines.set(machineId, machine);
    return publicMachine(machine);
  }
  function claimVolume(
    spec: MachineSpec,
    volume: NonNullable<MachineSpec["volume"]>,
    machineId: string,
  ): string {
    const free = [...volumes.values()].find(
      ({ name, region, dying, attachedMachineId }) =>
        name === volume.name && region === spec.region && !dying && attachedMachineId === null,
    );
    const { name, sizeGb } = volume;
    const volumeId = free?.volumeId ?? addVolume({ name, sizeGb, region: spec.region });
    const claimed = volumes.get(volumeId);
    if (claimed) claimed.attachedMachineId = machineId;
    return volumeId;
  }
  function addVolume(volume: Partial<ProviderVolume> & { name: string }): string {
    const volumeId = volume.volumeId ?? `vol_${nextId()}`;
    const base = {
      region: "fra",
      state: "created",
      dying: false,
      attachedMachineId: null,
      sizeGb: 1,
    };
    volumes.set(volumeId, { ...base, ...volume, volumeId, unboundAt: null });
    return volumeId;
  }

  const fake: FakeProvider = {
    kind: "fake",
    calls,
    listOverride: null,

    checkAccess: () => perform("checkAccess", [], () => undefined),
    listMachines() {
      return perform("listMachines", [], () => {
        const truth = [...machines.values()].filter((machine) => machine.phase !== "destroyed");
        const list = truth.map(publicMachine);
        return fake.listOverride ? fake.listOverride(list) : list;
      });
    },
    listVolumes: () => perform("listVolumes", [], () => [...volumes.values()].map(publicVolume)),
    getMachine: (machineId) =>
      perform("getMachine", [machineId], () => {
        const machine = machines.get(machineId);
        return machine ? publicMachine(machine) : null;
      }),
    createMachine: (spec) => perform("createMachine", [spec], () => create(spec)),
    cordonMachine: (machineId) =>
      perform("cordonMachine", [machineId], () => {
        held(machineId);
      }),
    stopMachine: (machineId, stop) =>
      perform("stopMachine", [machineId, stop], () => {
        const machine = held(machineId);
        const alive = machine.phase === "booting" || machine.phase === "running";
        if (alive && !machine.stuck) setPhase(machine, "stopping", now());
      }),
    destroyMachine: (machineId, destroy) =>
      perform("destroyMachine", [machineId, destroy], () => {
        const machine = machines.get(machineId);
        if (!machine || machine.phase === "destroyed") return "gone";
        if (machine.phase === "destroying") return "accepted";
        const resting = machine.phase === "stopped" || machine.phase === "failed";
        if (!resting && !destroy?.force) {
          throw new ProviderError(
            "precondition",
            "unable to destroy machine, not currently stopped",
            {
              status: 412,
            },
          );
        }
        setPhase(machine, "destroying", now());
        return "accepted";
      }),
    deleteVolume: (volumeId) =>
      perform("deleteVolume", [volumeId], () => {
        const volume = volumes.get(volumeId);
        if (!volume) return "gone";
        if (volume.attachedMachineId !== null) {
          throw new ProviderError("volumeBound", `volume ${volumeId} is bound`, { status: 412 });
        }
        Object.assign(volume, { state: "scheduling_destroy", dying: true });
        return "accepted";
      }),
    getVolume: (volumeId) =>
      perform("getVolume", [volumeId], () => {
        const volume = volumes.get(volumeId);
        return volume ? publicVolume(volume) : null;
      }),

    machines() {
      catchUp(now());
      return [...machines.values()].map(publicMachine);
    },
    volumes() {
      catchUp(now());
      return [...volumes.values()].map(publicVolume);
    },
    billedVolumes() {
      return fake.volumes().filter((volume) => !volume.dying);
    },
    specOf: (machineId) => machines.get(machineId)?.spec,
    failNext(call, error, how = {}) {
      faults.push({ call, error, after: how.after ?? false, left: how.times ?? 1 });
    },
    advance(ms) {
      offset += ms;
      catchUp(now());
    },
    settle: () => catchUp(Infinity),
    stick(machineId) {
      held(machineId).stuck = true;
    },
    unstick(machineId) {
      Object.assign(held(machineId), { stuck: false, since: now() });
    },
    setPhase: (machineId, phase, state) => setPhase(held(machineId), phase, now(), state),
    kill(machineId) {
      setPhase(held(machineId), "destroyed", now());
      machines.delete(machineId);
      catchUp(now());
    },
    exit(machineId) {
      const machine = held(machineId);
      setPhase(machine, machine.spec ? "destroying" : "stopped", now());
    },
    addMachine(machine) {
      const machineId = machine.machineId ?? nextId();
      const base = { phase: "running" as const, region: "fra", image: "other:1", tags: {} };
      const rest = {
        volumeIds: [],
        createdAt: now(),
        hostReachable: true,
        since: now(),
        stuck: false,
      };
      const phase = machine.phase ?? base.phase;
      machines.set(machineId, { ...base, ...rest, state: STATES[phase], ...machine, machineId });
      return machineId;
    },
    addVolume,
  };
  return fake;
}

function publicMachine({
  spec: _spec,
  since: _since,
  stuck: _stuck,
  ...machine
}: Held): ProviderMachine {
  return structuredClone(machine);
}

function publicVolume({ unboundAt: _unboundAt, ...volume }: HeldVolume): ProviderVolume {
  return { ...volume };
}
