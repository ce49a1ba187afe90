/** Machines that carry our tags, and volumes that bear our names, and that no live row knows. Pure. */
import type { MachineIndex, World } from "./facts.js";
import { ORPHAN_GRACE_MS, type Decision } from "./validators.js";

/**
 * Watched at first sight, destroyed when still there after the grace. A machine whose row does not know it yet is no
 * orphan: the row adopts it, or its teardown finds it by its tags.
 */
export function planOrphans(world: World, machines: MachineIndex, now: number): Decision[] {
  const known = new Set(world.workers.map((worker) => worker.machineId));
  const adopters = new Set(
    world.workers.flatMap((worker) => (worker.machineId === null ? [worker.workerId] : [])),
  );
  return machines.ours
    .filter((machine) => !known.has(machine.machineId) && !adopters.has(machine.workerTag ?? ""))
    .map(({ appName, machineId }): Decision => {
      const since = world.orphansSeen[machineId];
      const reason = "tagged as ours, no live worker";
      return since !== undefined && since + ORPHAN_GRACE_MS <= now
        ? { kind: "destroy_orphan", appName, machineId, reason }
        : { kind: "watch_orphan", appName, machineId, reason: `${reason}: look again` };
    });
}

/** As with machines. A volume carries no tags: it is ours by the name that a row of ours gave it. */
export function planOrphanVolumes(world: World, now: number): Decision[] {
  return world.orphanVolumes.map((volume): Decision => {
    const since = world.orphansSeen[volume.volumeId];
    const reason = `a volume of '${volume.workerId}', which has stopped`;
    return since !== undefined && since + ORPHAN_GRACE_MS <= now
      ? { kind: "destroy_orphan_volume", ...volume, reason }
      : { kind: "watch_orphan_volume", ...volume, reason: `${reason}: look again` };
  });
}
