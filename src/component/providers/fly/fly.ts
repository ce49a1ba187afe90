/** The Fly Machines implementation of `WorkerProvider`. */
import type { WorkerProvider } from "../provider.js";
import { flyApi, unlessAbsent } from "./api.js";
import { createFlyClient, type FlyClientOptions } from "./client.js";
import { createOnce } from "./create.js";

/**
 * A provider for one Fly app. Make one per pass: its calls share one rate limit.
 * @throws ProviderError `auth` for a token that cannot be sent, `invalid` for a bad app name or base URL
 */
export function createFlyProvider(options: FlyClientOptions): WorkerProvider {
  const api = flyApi(createFlyClient(options));
  const sleep =
    options.sleep ?? ((ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)));

  return {
    kind: "fly",
    checkAccess: () => api.getApp(),
    listMachines: () => api.listMachines(),
    listVolumes: () => api.listVolumes(),
    getMachine: (machineId) => unlessAbsent(api.getMachine(machineId), null),
    createMachine: (spec) => createOnce({ api, sleep }, spec),
    cordonMachine: (machineId) => api.cordonMachine(machineId),
    stopMachine: (machineId, stop) => api.stopMachine(machineId, stop?.timeoutSeconds),
    async destroyMachine(machineId, destroy) {
      const deleted = api.deleteMachine(machineId, destroy?.force ?? false);
      return (await unlessAbsent(deleted, "gone")) ?? "accepted";
    },
    async deleteVolume(volumeId) {
      return (await unlessAbsent(api.deleteVolume(volumeId), "gone")) ?? "accepted";
    },
    getVolume: (volumeId) => unlessAbsent(api.getVolume(volumeId), null),
  };
}
