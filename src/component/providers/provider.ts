/** The small interface that the scheduler and the cleaner need; the first implementation is Fly. */
import type {
  MachineSpec,
  ProviderErrorKind,
  ProviderMachine,
  ProviderVolume,
} from "./validators.js";

export type { MachineSpec, ProviderMachine, ProviderVolume } from "./validators.js";

export interface WorkerProvider {
  readonly kind: string;
  /** Proves token, app and permission at once. Throws `auth`, `forbidden` or `appMissing`. */
  checkAccess(): Promise<void>;
  /** Every machine of the app that is not destroyed, ours or not. One request. */
  listMachines(): Promise<ProviderMachine[]>;
  /** Every volume of the app, dying ones included. One request. */
  listVolumes(): Promise<ProviderVolume[]>;
  /** The machine, or null only when the provider proved that this id does not exist. */
  getMachine(machineId: string): Promise<ProviderMachine | null>;
  /**
   * Creates the volume (if the spec has one) and the machine. Idempotent by name: a volume or machine of this
   * name with our tags is adopted, after an ambiguous answer too; with other tags it throws `nameConflict`.
   */
  createMachine(spec: MachineSpec): Promise<ProviderMachine>;
  /** Takes the machine out of routing; harmless to repeat. */
  cordonMachine(machineId: string): Promise<void>;
  /** Asks the machine to stop; resolves when the provider accepted, not when it stopped. */
  stopMachine(machineId: string, options?: { timeoutSeconds?: number }): Promise<void>;
  /** Asks to destroy. "gone" only when the provider proved that this id does not exist. */
  destroyMachine(machineId: string, options?: { force?: boolean }): Promise<"accepted" | "gone">;
  /** Deletes a volume. Throws `volumeBound` while a machine holds it. */
  deleteVolume(volumeId: string): Promise<"accepted" | "gone">;
  /** The volume, or null only when the provider proved that this id does not exist. */
  getVolume(volumeId: string): Promise<ProviderVolume | null>;
}

/** A failed provider call. `message` never contains a token or the environment of a machine. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
  constructor(
    readonly kind: ProviderErrorKind,
    message: string,
    readonly details: {
      status?: number;
      requestId?: string;
      retryAfterMs?: number;
      /** For `nameConflict`: the machine that has the name. */
      machineId?: string;
      /** For `capacity` and `quota`: how far it reaches; absent: the whole organisation, or unknown. */
      scope?: "host" | "region";
      /** True when the call may have taken effect all the same (timeout, reset, 5xx, 408 on a write). */
      ambiguous?: boolean;
    } = {},
  ) {
    super(message);
  }
}
