/**
 * Creates a machine (and its volume) at most once per name. Fly has no idempotency key: the unique machine
 * name is ours, and the tags prove that what has the name is what we meant to make.
 */
import { ProviderError } from "../provider.js";
import type { MachineSpec, ProviderMachine, ProviderVolume } from "../validators.js";
import { unlessAbsent, type FlyApi } from "./api.js";
import { checkMachineName, checkVolumeName } from "./naming.js";

type Context = { api: FlyApi; sleep: (ms: number) => Promise<void> };
type VolumeSpec = NonNullable<MachineSpec["volume"]>;

/** Before looking for the result of a create whose answer was lost; flyctl waits as long. */
const VISIBILITY_MS = 500;

/** `WorkerProvider.createMachine` for Fly: in the region of `spec`, or in the first fallback region that has room. */
export async function createOnce(context: Context, spec: MachineSpec): Promise<ProviderMachine> {
  const regions = [...new Set([spec.region, ...(spec.fallbackRegions ?? [])])];
  for (const [index, region] of regions.entries()) {
    const there = { ...spec, region };
    try {
      return await createInRegion(context, there);
    } catch (error) {
      if (!(error instanceof ProviderError) || !mayFitElsewhere(error)) throw error;
      // The next region needs a volume of its own; a single region keeps it for the next attempt.
      if (regions.length > 1) await removeFreeVolumes(context, there);
      if (index === regions.length - 1) throw error;
    }
  }
  throw new ProviderError("invalid", "A machine needs a region.");
}

function mayFitElsewhere({ kind, details }: ProviderError): boolean {
  return kind === "capacity" || (kind === "quota" && details.scope === "region");
}

/** What is left is found by its name when the worker is torn down. */
async function removeFreeVolumes({ api }: Context, spec: MachineSpec): Promise<void> {
  const { volume } = spec;
  if (volume === null) return;
  const listed = await api.listVolumes().catch(() => []);
  const free = listed.filter((one) => matches(one, spec, volume) && one.attachedMachineId === null);
  for (const { volumeId } of free) await api.deleteVolume(volumeId).catch(() => undefined);
}

async function createInRegion(context: Context, spec: MachineSpec): Promise<ProviderMachine> {
  checkSpec(spec);
  const unusable = new Set<string>();
  for (;;) {
    const ready = spec.volume ? await readyVolume(context, spec, spec.volume, unusable) : null;
    if (ready && "machine" in ready) return ready.machine;
    try {
      return await context.api.postMachine(spec, ready?.volumeId ?? null);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      // A volume on a full host would make every later attempt fail; one made for a name that turned out
      // to be taken would only cost money. This answer proves that no machine holds it.
      const useless = isFullHost(error) || (error.kind === "nameConflict" && ready?.fresh);
      if (ready && useless) await context.api.deleteVolume(ready.volumeId).catch(() => undefined);
      const made = await findMade(context, spec, error);
      if (made) return made;
      // The volume vanished, or another machine holds it: once more with another one.
      if (!ready || !isLostVolume(error) || unusable.size > 0) throw error;
      unusable.add(ready.volumeId);
    }
  }
}

function checkSpec(spec: MachineSpec): void {
  checkMachineName(spec.name);
  if (spec.volume) checkVolumeName(spec.volume.name);
  if (!/^[a-z0-9-]{2,20}$/.test(spec.region)) {
    throw new ProviderError("invalid", "A machine needs one region, such as 'fra'.");
  }
  if (Object.keys(spec.tags).length === 0) {
    throw new ProviderError(
      "invalid",
      "A machine needs tags: without them nothing proves it is ours.",
    );
  }
}

type Ready = { volumeId: string; fresh: boolean } | { machine: ProviderMachine };

/**
 * A volume to mount, or the machine itself when it turns out to exist. Volume names are not unique, so a
 * volume that an earlier attempt left behind is found by its name, region and size.
 */
async function readyVolume(
  { api, sleep }: Context,
  spec: MachineSpec,
  volume: VolumeSpec,
  unusable: ReadonlySet<string>,
): Promise<Ready> {
  const candidates = async () =>
    (await api.listVolumes())
      .filter((found) => matches(found, spec, volume) && !unusable.has(found.volumeId))
      .sort((a, b) => (a.volumeId < b.volumeId ? -1 : 1));
  const free: string[] = [];
  const held: string[] = [];
  for (const { volumeId, attachedMachineId } of await candidates()) {
    if (attachedMachineId === null) {
      free.push(volumeId);
      continue;
    }
    const holder = await unlessAbsent(api.getMachine(attachedMachineId), null);
    if (holder && holder.phase !== "destroyed") {
      if (holder.name === spec.name) return { machine: adopt(holder, spec) };
    } else {
      // Held by a machine that is gone, or by ours that is not visible yet: the create will tell.
      held.push(volumeId);
    }
  }
  const left = free[0] ?? held[0];
  if (left !== undefined) return { volumeId: left, fresh: false };
  try {
    return { volumeId: (await api.postVolume(spec, volume)).volumeId, fresh: true };
  } catch (error) {
    if (!(error instanceof ProviderError) || !isAmbiguous(error)) throw error;
    await sleep(VISIBILITY_MS);
    const late = (await candidates().catch(() => [])).find((one) => one.attachedMachineId === null);
    if (late) return { volumeId: late.volumeId, fresh: true };
    throw stillAmbiguous(error);
  }
}

function matches(found: ProviderVolume, spec: MachineSpec, volume: VolumeSpec): boolean {
  return (
    found.name === volume.name &&
    found.region === spec.region &&
    found.sizeGb === volume.sizeGb &&
    !found.dying
  );
}

/** The machine that a failed create made all the same, now or earlier; null when there is none to see. */
async function findMade(
  { api, sleep }: Context,
  spec: MachineSpec,
  error: ProviderError,
): Promise<ProviderMachine | null> {
  if (error.kind === "nameConflict") {
    const id = error.details.machineId;
    const holder = id
      ? await unlessAbsent(api.getMachine(id), null)
      : await findByName(api, spec.name);
    if (holder?.name === spec.name && holder.phase !== "destroyed") return adopt(holder, spec);
    // Something has the name and we cannot see it yet: nothing is known of its tags.
    throw stillAmbiguous(error);
  }
  if (isAmbiguous(error)) {
    await sleep(VISIBILITY_MS);
    const made = await findByName(api, spec.name).catch(() => null);
    if (made) return adopt(made, spec);
    throw stillAmbiguous(error);
  }
  if (error.kind === "volumeBound") {
    // Perhaps it is our own machine, from an attempt whose answer was lost, that claimed the volume.
    const made = await findByName(api, spec.name);
    if (made) return adopt(made, spec);
  }
  return null;
}

async function findByName(api: FlyApi, name: string): Promise<ProviderMachine | null> {
  const named = (await api.listMachines()).filter((machine) => machine.name === name);
  return named.find((machine) => machine.phase !== "destroying") ?? named[0] ?? null;
}

/** @throws ProviderError `nameConflict` for somebody else's machine, `transient` when its tags are not shown */
function adopt(machine: ProviderMachine, spec: MachineSpec): ProviderMachine {
  const { machineId, tags } = machine;
  if (tags === null) {
    throw new ProviderError(
      "transient",
      `Machine ${machineId} has our name but does not show its tags.`,
      {
        ambiguous: true,
        machineId,
      },
    );
  }
  if (Object.entries(spec.tags).every(([key, value]) => tags[key] === value)) return machine;
  throw new ProviderError(
    "nameConflict",
    `Machine ${machineId} has the name '${spec.name}' but not our tags. Rename or remove it.`,
    { machineId },
  );
}

function isAmbiguous(error: ProviderError): boolean {
  return error.details.ambiguous === true;
}

/** Every open end of a create looks the same to the caller: come back later with the same name. */
function stillAmbiguous(error: ProviderError): ProviderError {
  return new ProviderError("transient", error.message, { ...error.details, ambiguous: true });
}

function isLostVolume(error: ProviderError): boolean {
  return error.kind === "volumeBound" || error.kind === "notFound";
}

function isFullHost(error: ProviderError): boolean {
  return error.kind === "capacity" && error.details.scope === "host";
}
