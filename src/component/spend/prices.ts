/** From the provider config to what one worker costs. Pure. */
import { DEFAULT_GUEST, DEFAULT_PRICES, type ProviderConfig } from "../config.js";
import type { Rates } from "./validators.js";

const MACHINE_MONTH_HOURS = 30 * 24;
const VOLUME_MONTH_HOURS = 730;
/** Memory that comes with each CPU. */
const INCLUDED_MB = { shared: 256, performance: 2_048 } as const;

/** USD per hour of a machine and its volume as `config` orders them. */
export function ratesOf(config: Pick<ProviderConfig, "guest" | "prices" | "volumeSizeGb">): Rates {
  const prices = { ...DEFAULT_PRICES, ...config.prices };
  const { cpuKind, cpus, memoryMb } = config.guest ?? DEFAULT_GUEST;
  const cpuUsd = cpuKind === "shared" ? prices.sharedCpuUsd : prices.performanceCpuUsd;
  const extraGb = Math.max(0, memoryMb - cpus * INCLUDED_MB[cpuKind]) / 1_024;
  return {
    running: (cpus * cpuUsd + extraGb * prices.memoryGbUsd) / MACHINE_MONTH_HOURS,
    stopped: (prices.rootfsGb * prices.rootfsGbUsd) / MACHINE_MONTH_HOURS,
    volume: (config.volumeSizeGb * prices.volumeGbUsd) / VOLUME_MONTH_HOURS,
  };
}
