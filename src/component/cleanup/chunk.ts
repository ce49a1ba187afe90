/** One action's share of a cleanup: check access, drain, sweep, verify, each noted in the run's row. */
import { internal } from "../_generated/api.js";
import type { ActionCtx } from "../kit/functions.js";
import { endOf, type WorkerProvider } from "../providers/ops.js";
import { MACHINE_TAGS, type MachineEnd, type ProviderMachine } from "../providers/validators.js";
import { isManaged } from "./policy.js";
import type { CleanupRun } from "./reports.js";
import { connect, survey, type Survey } from "./survey.js";
import { inLanes, pause, removeMachine, removeVolume, type Outcome } from "./sweep.js";
import {
  DRAIN_CHECK_MS,
  MAX_FRUITLESS_MS,
  MAX_SWEEPS,
  MAX_WAIT_FOR_LEAVING_MS,
  type CleanupPhase,
  type Issue,
  type Tally,
} from "./validators.js";

export type Access = { token: string; deploymentId: string };
type News = {
  phase?: CleanupPhase;
  machines?: Partial<Tally>;
  volumes?: Partial<Tally>;
  issues?: Issue[];
};

/** Each costs some twenty reads of its transaction. */
const AT_ONCE = 25;

/** Thrown inside a chunk whose run another action has taken over. */
export class Superseded extends Error {}

export class Chunk {
  readonly #provider: WorkerProvider;
  readonly #goneMachines = new Map<string, MachineEnd>();
  readonly #goneVolumes = new Set<string>();
  /** A volume of a machine that no row knows is ours only as long as that machine is seen, unless it is remembered. */
  readonly #foundVolumes: Set<string>;

  constructor(
    private readonly ctx: ActionCtx,
    private readonly work: CleanupRun,
    private readonly access: Access,
    private readonly endsAt: number,
  ) {
    this.#provider = connect(ctx, work, access.token);
    this.#foundVolumes = new Set(
      work.volumes.found.filter((volumeId) => !work.volumes.gone.includes(volumeId)),
    );
  }

  /** True when the run is verified; false when time is up. */
  async run(): Promise<boolean> {
    await this.#provider.checkAccess();
    let seen = await this.#survey();
    await this.#note({
      machines: { found: seen.machines.map(({ machineId }) => machineId) },
      volumes: { found: seen.volumes.map(({ volumeId }) => volumeId) },
    });
    if (!(await this.#drain(seen.machines))) return false;
    let leaving = isLeaving(seen);
    for (let sweep = 0; sweep < MAX_SWEEPS || isLeaving(seen); sweep++) {
      const mustGoOn = () =>
        (sweep < MAX_SWEEPS && this.#mayTryOn()) || (leaving && this.#mayWaitOn());
      await this.#sweepMachines(seen.machines);
      if (this.#timeIsUp() && mustGoOn()) return false;
      seen = await this.#survey();
      leaving ||= isLeaving(seen);
      await this.#sweepVolumes(seen);
      if (this.#timeIsUp() && mustGoOn()) return false;
      seen = await this.#survey();
      if (seen.machines.length + seen.volumes.length === 0 || this.#timeIsUp()) break;
    }
    await this.#verify(seen);
    return true;
  }

  /** What is on its way out is waited for by one more action, where there may be one; then it is reported as left. */
  #mayWaitOn = () =>
    !this.work.tokenGiven && Date.now() < this.work.startedAt + MAX_WAIT_FOR_LEAVING_MS;
  /** What does not go is not tried for ever: no machine is created meanwhile. A chunk that removed something was worth it. */
  #mayTryOn = () =>
    Date.now() < this.work.startedAt + MAX_FRUITLESS_MS ||
    this.#goneMachines.size + this.#goneVolumes.size > 0;
  #timeIsUp = () => Date.now() >= this.endsAt;
  #hold = () => ({ runId: this.work._id, chunk: this.work.chunk });

  async #survey(): Promise<Survey> {
    const { deploymentId } = this.access;
    for (const volumeId of this.#goneVolumes) this.#foundVolumes.delete(volumeId);
    const seen = await survey(
      this.ctx,
      this.#provider,
      this.work,
      deploymentId,
      this.#foundVolumes,
    );
    for (const { volumeId } of seen.volumes) this.#foundVolumes.add(volumeId);
    // At once: what waits for a grace may be gone, and accounted for, by then.
    await this.#adopt(seen.machines);
    return seen;
  }

  async #note(news: News): Promise<void> {
    const held = await this.ctx.runMutation(internal.cleanup.runs.note, {
      ...this.#hold(),
      ...news,
    });
    if (!held) throw new Superseded();
  }

  /** Live workers store their final snapshots, within the grace; then their messages go back. False: time is up. */
  async #drain(machines: readonly ProviderMachine[]): Promise<boolean> {
    const aliveMachineIds = machines
      .filter(({ phase }) => phase === "running" || phase === "booting" || phase === "unknown")
      .map(({ machineId }) => machineId);
    for (;;) {
      const state: { waiting: number; graceUntil: number } | null = await this.ctx.runMutation(
        internal.cleanup.rows.drainAll,
        { ...this.#hold(), aliveMachineIds },
      );
      if (state === null) throw new Superseded();
      if (state.waiting === 0 || Date.now() >= state.graceUntil) break;
      if (this.#timeIsUp()) return false;
      await pause(DRAIN_CHECK_MS);
    }
    if (!(await this.ctx.runMutation(internal.cleanup.rows.stopAll, this.#hold())))
      throw new Superseded();
    return true;
  }

  /** See `rows.adopt`. One that is on its way out already was either adopted before, or is another's doing. */
  async #adopt(machines: readonly ProviderMachine[]): Promise<void> {
    const ours = machines.filter(
      (machine) => machine.phase !== "destroying" && isManaged(machine, this.access.deploymentId),
    );
    if (ours.length === 0) return;
    for (let from = 0; from < ours.length; from += AT_ONCE)
      await this.ctx.runMutation(internal.cleanup.rows.adopt, {
        ...this.#hold(),
        machines: ours.slice(from, from + AT_ONCE).map(toAdopt),
      });
  }

  async #sweepMachines(machines: readonly ProviderMachine[]): Promise<void> {
    await this.#note({ phase: "machines" });
    const { machineConcurrency } = this.work;
    const goOn = () => !this.#timeIsUp();
    await inLanes(machines, machineConcurrency, goOn, async (machine) => {
      const { machineId } = machine;
      const outcome = await removeMachine(this.#provider, machine);
      if (outcome.gone) this.#goneMachines.set(machineId, outcome.end);
      await this.#note({
        machines: { found: [machineId], ...goneOf(machineId, outcome) },
        issues: outcome.issues,
      });
    });
    await this.#follow();
  }

  async #sweepVolumes({ machines, volumes }: Survey): Promise<void> {
    await this.#note({ phase: "volumes" });
    const listed = machines.map(({ machineId }) => machineId);
    // A list may lag behind what was proven by id.
    const remaining = new Set(listed.filter((machineId) => !this.#goneMachines.has(machineId)));
    const { volumeConcurrency } = this.work;
    const goOn = () => !this.#timeIsUp();
    await inLanes(volumes, volumeConcurrency, goOn, async (volume) => {
      const { volumeId } = volume;
      const held = remaining.has(volume.attachedMachineId ?? "");
      const outcome = await removeVolume(this.#provider, volume, held);
      if (outcome.gone) this.#goneVolumes.add(volumeId);
      await this.#note({
        volumes: { found: [volumeId], ...goneOf(volumeId, outcome) },
        issues: outcome.issues,
      });
    });
    await this.#follow();
  }

  async #follow(): Promise<void> {
    const machines = [...this.#goneMachines].map(([machineId, end]) => ({ machineId, end }));
    const volumeIds = [...this.#goneVolumes];
    for (let from = 0; from < Math.max(1, machines.length, volumeIds.length); from += AT_ONCE)
      await this.ctx.runMutation(internal.cleanup.rows.follow, {
        ...this.#hold(),
        goneMachines: machines.slice(from, from + AT_ONCE),
        goneVolumeIds: volumeIds.slice(from, from + AT_ONCE),
      });
  }

  /** What was found and is not proven gone is asked for by id: neither a full nor an empty list proves anything alone. */
  async #verify(seen: Survey): Promise<void> {
    await this.#note({ phase: "verifying" });
    const run = await this.ctx.runQuery(internal.cleanup.reports.tallies, { runId: this.work._id });
    const suspects = (tally: Tally, listed: string[]) =>
      new Set([...listed, ...tally.found.filter((id) => !tally.gone.includes(id))]);
    const machines = await this.#ask(
      suspects(
        run.machines,
        seen.machines.map(({ machineId }) => machineId),
      ),
      async (id) => {
        const machine = await this.#provider.getMachine(id);
        return machine === null || machine.phase === "destroyed";
      },
    );
    const volumes = await this.#ask(
      suspects(
        run.volumes,
        seen.volumes.map(({ volumeId }) => volumeId),
      ),
      async (id) => (await this.#provider.getVolume(id))?.dying ?? true,
    );
    await this.#note({ machines, volumes });
    for (const id of machines.gone)
      if (!this.#goneMachines.has(id)) this.#goneMachines.set(id, endOf(null));
    for (const id of volumes.gone) this.#goneVolumes.add(id);
    await this.#follow();
  }

  /** Who does not answer remains. */
  async #ask(
    ids: ReadonlySet<string>,
    isGone: (id: string) => Promise<boolean>,
  ): Promise<Pick<Tally, "gone" | "remaining">> {
    const gone: string[] = [];
    const remaining: string[] = [];
    let asked = 0;
    for (const id of ids) {
      if (++asked % AT_ONCE === 0) await this.#note({});
      const proven = await isGone(id).catch(() => false);
      (proven ? gone : remaining).push(id);
    }
    return { gone, remaining };
  }
}

function toAdopt(machine: ProviderMachine) {
  const { machineId, name, region, tags, volumeIds, phase, createdAt, stoppedAt } = machine;
  return {
    ...{ machineId, name, region, volumeIds, phase },
    ...(createdAt === null ? {} : { createdAt }),
    ...(typeof stoppedAt === "number" ? { stoppedAt } : {}),
    workerTag: tags?.[MACHINE_TAGS.worker] ?? null,
  };
}

/** Some of its machines are being destroyed by the provider, which takes its time. */
function isLeaving({ machines }: Survey): boolean {
  return machines.some(({ phase }) => phase === "destroying");
}

function goneOf(id: string, outcome: Outcome): Partial<Tally> {
  return outcome.gone ? { gone: [id] } : {};
}
