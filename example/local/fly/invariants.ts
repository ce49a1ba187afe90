import { isDying } from "./types.js";
import type { LogEntry, World } from "./world.js";

/** What must hold after every request, whatever was asked. */
export function checkInvariants(world: World, entry: LogEntry): void {
  const note = (text: string) => void world.violations.add(text);
  const names = new Map<string, string>();
  for (const machine of world.machines.values()) {
    if (machine.state === "destroyed") continue;
    const key = `${machine.app}/${machine.name}`;
    const other = names.get(key);
    const mayShare = machine.state === "destroying" && !world.switches.destroyingHoldsName;
    if (other && !mayShare) note(`machines ${other} and ${machine.id} share a name`);
    if (!mayShare) names.set(key, machine.id);

    const mounts = machine.config.mounts ?? [];
    if (mounts.length > 1) note(`machine ${machine.id} has ${mounts.length} volumes`);
    for (const { volume: id } of mounts) {
      const volume = world.volumes.get(id);
      if (volume?.attachedMachineId !== machine.id) note(`volume ${id} lost its machine`);
      if (volume && volume.region !== machine.region) note(`volume ${id} is in another region`);
    }
  }
  for (const { id, state, attachedMachineId } of world.volumes.values()) {
    if (attachedMachineId !== null && isDying(state)) note(`volume ${id} died while attached`);
  }
  checkSecrets(world, entry, note);
}

function checkSecrets(world: World, entry: LogEntry, note: (text: string) => void): void {
  const url = decodeLoosely(entry.path + entry.query);
  for (const token of world.access.tokenValues()) {
    if (url.includes(token)) note(`a token is in the URL of ${entry.action ?? entry.method}`);
    if (entry.body.includes(token))
      note(`a token is in the body of ${entry.action ?? entry.method}`);
  }
  for (const secret of world.secrets) {
    if (url.includes(secret)) note("a secret is in a URL");
    for (const { name, config } of world.machines.values()) {
      const tags = Object.entries(config.metadata ?? {}).flat();
      if ([name, ...tags].some((text) => text.includes(secret))) {
        note(`a secret is in the name or the metadata of machine ${name}`);
      }
    }
    for (const { name } of world.volumes.values()) {
      if (name.includes(secret)) note(`a secret is in the name of volume ${name}`);
    }
  }
}

function decodeLoosely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
