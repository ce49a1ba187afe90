/** What is at the provider and belongs to a cleanup. */
import { internal } from "../_generated/api.js";
import type { ActionCtx } from "../kit/functions.js";
import { governedProvider, type WorkerProvider } from "../providers/ops.js";
import type { ProviderMachine, ProviderVolume } from "../providers/validators.js";
import { isManaged, machinesInScope, volumesInScope } from "./policy.js";
import type { CleanupScope } from "./validators.js";

/** A cleanup has time: it waits out a short outage rather than report a machine as left. */
const PATIENCE_MS = 20_000;
/** One index read for each; a query has 4,096. */
const NAMES_AT_ONCE = 1_000;

export function connect(
  ctx: ActionCtx,
  where: { appName: string; apiBaseUrl?: string | null | undefined },
  token: string,
): WorkerProvider {
  return governedProvider(ctx, { ...where, kind: "fly" }, token, PATIENCE_MS);
}

export type Survey = { machines: ProviderMachine[]; volumes: ProviderVolume[] };

/** What is there and belongs to the cleanup: by the lists, and by what our rows know of in case that a list is wrong. */
export async function survey(
  ctx: ActionCtx,
  provider: WorkerProvider,
  { appName, scope }: { appName: string; scope: CleanupScope },
  deploymentId: string,
  foundBefore: ReadonlySet<string> = new Set(),
): Promise<Survey> {
  const known = await ctx.runQuery(internal.cleanup.rows.known, { appName });
  const listed = await provider.listMachines();
  const unlisted = known.machineIds.filter((id) => !listed.some((one) => one.machineId === id));
  for (const machineId of unlisted) {
    const machine = await provider.getMachine(machineId);
    if (machine !== null) listed.push(machine);
  }
  const machines = machinesInScope(listed, scope, deploymentId);
  const volumes = await provider.listVolumes();
  const mounted = machines.flatMap((machine) => machine.volumeIds);
  for (const volumeId of new Set([...known.volumeIds, ...mounted, ...foundBefore])) {
    if (volumes.some((one) => one.volumeId === volumeId)) continue;
    const volume = await provider.getVolume(volumeId);
    if (volume !== null) volumes.push(volume);
  }
  const names = volumes.map(({ volumeId, name }) => ({ volumeId, name }));
  const named: string[] = [];
  for (let from = 0; from < names.length; from += NAMES_AT_ONCE)
    named.push(
      ...(await ctx.runQuery(internal.cleanup.rows.ownVolumes, {
        appName,
        volumes: names.slice(from, from + NAMES_AT_ONCE),
      })),
    );
  const foreign = listed.filter((machine) => !isManaged(machine, deploymentId));
  const ours = {
    volumeIds: new Set([...named, ...mounted, ...foundBefore]),
    foreignMachineIds: new Set(foreign.map(({ machineId }) => machineId)),
  };
  return { machines, volumes: volumesInScope(volumes, scope, ours) };
}
