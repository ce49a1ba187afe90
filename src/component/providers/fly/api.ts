/** The calls of the Machines API that we use, one function each. */
import type { MachineSpec, ProviderMachine, ProviderVolume } from "../validators.js";
import { ProviderError } from "../provider.js";
import type { FlyClient } from "./client.js";
import {
  machineBody,
  stopTimeout,
  toProviderMachine,
  toProviderVolume,
  volumeBody,
} from "./machines.js";
import { checkedId } from "./naming.js";
import { accepted, flyApp, flyMachine, flyMachines, flyVolume, flyVolumes } from "./schemas.js";

/** Shorter values of an environment are words, not secrets, and would only garble an error text. */
const MIN_SECRET_LENGTH = 8;

export type FlyApi = ReturnType<typeof flyApi>;

/** Every function throws `ProviderError`; none of them reads more into an answer than it says. */
export function flyApi(client: FlyClient) {
  const machinePath = (id: string) => `/machines/${checkedId("machine id", id)}`;
  const volumePath = (id: string) => `/volumes/${checkedId("volume id", id)}`;
  const read = { method: "GET", retry: "repeatable" } as const;

  return {
    async getApp(): Promise<void> {
      await client.call({ ...read, action: "appGet", subject: "app", path: "", answer: flyApp });
    },

    async listMachines(): Promise<ProviderMachine[]> {
      const call = { ...read, action: "machineList", subject: "app", path: "/machines" } as const;
      const machines = await client.call({ ...call, answer: flyMachines });
      return machines.map(toProviderMachine).filter((machine) => machine.phase !== "destroyed");
    },

    async listVolumes(): Promise<ProviderVolume[]> {
      const call = { ...read, action: "volumeList", subject: "app", path: "/volumes" } as const;
      return (await client.call({ ...call, answer: flyVolumes })).map(toProviderVolume);
    },

    async getMachine(id: string): Promise<ProviderMachine> {
      const call = { ...read, action: "machineGet", subject: "machine" } as const;
      return toProviderMachine(
        await client.call({ ...call, path: machinePath(id), answer: flyMachine }),
      );
    },

    async getVolume(id: string): Promise<ProviderVolume> {
      const call = { ...read, action: "volumeGet", subject: "volume" } as const;
      return toProviderVolume(
        await client.call({ ...call, path: volumePath(id), answer: flyVolume }),
      );
    },

    async postMachine(spec: MachineSpec, volumeId: string | null): Promise<ProviderMachine> {
      const machine = await client.call({
        action: "machineCreate",
        method: "POST",
        subject: "app",
        path: "/machines",
        body: machineBody(spec, volumeId),
        answer: flyMachine,
        retry: "once",
        secrets: Object.values(spec.env).filter(
          (value) => value.length >= MIN_SECRET_LENGTH && value !== spec.name,
        ),
      });
      return toProviderMachine(machine);
    },

    async postVolume(
      spec: MachineSpec,
      volume: NonNullable<MachineSpec["volume"]>,
    ): Promise<ProviderVolume> {
      const call = {
        action: "volumeCreate",
        method: "POST",
        subject: "app",
        retry: "once",
      } as const;
      const body = volumeBody(spec, volume);
      return toProviderVolume(
        await client.call({ ...call, path: "/volumes", body, answer: flyVolume }),
      );
    },

    async cordonMachine(id: string): Promise<void> {
      await client.call({
        action: "machineCordon",
        method: "POST",
        subject: "machine",
        path: `${machinePath(id)}/cordon`,
        answer: accepted,
        retry: "repeatable",
      });
    },

    async stopMachine(id: string, timeoutSeconds: number | undefined): Promise<void> {
      await client.call({
        action: "machineStop",
        method: "POST",
        subject: "machine",
        path: `${machinePath(id)}/stop`,
        body: timeoutSeconds === undefined ? {} : { timeout: stopTimeout(timeoutSeconds) },
        answer: accepted,
        retry: "repeatable",
      });
    },

    async deleteMachine(id: string, force: boolean): Promise<void> {
      await client.call({
        action: "machineDestroy",
        method: "DELETE",
        subject: "machine",
        path: machinePath(id),
        ...(force ? { query: { force: "true" } } : {}),
        answer: accepted,
        retry: "repeatable",
      });
    },

    async deleteVolume(id: string): Promise<void> {
      await client.call({
        action: "volumeDestroy",
        method: "DELETE",
        subject: "volume",
        path: volumePath(id),
        answer: accepted,
        retry: "once",
      });
    },
  };
}

/** The value of `call`, or `absent` when Fly proved that the id of the call does not exist. */
export async function unlessAbsent<T, A>(call: Promise<T>, absent: A): Promise<T | A> {
  try {
    return await call;
  } catch (error) {
    // Only a 404: "volume not found" in a 400 or 412 is about some other id.
    if (
      error instanceof ProviderError &&
      error.kind === "notFound" &&
      error.details.status === 404
    ) {
      return absent;
    }
    throw error;
  }
}
