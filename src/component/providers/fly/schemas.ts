/**
 * What we read of Fly's answers, leniently: a field may be absent, null, new or of a wrong type without
 * making the whole answer unreadable. Only the ids must be there.
 */
import { z } from "zod";

// Zod compiles object schemas with `new Function` where it can; the Convex isolate need not allow it.
z.config({ jitless: true });

const text = z.string().nullish().catch(null);
const count = z.number().nullish().catch(null);

const flyConfig = z
  .object({
    image: text,
    metadata: z.record(z.string(), z.unknown()).nullish().catch(null),
    mounts: z
      .array(z.object({ volume: text }).catch({ volume: null }))
      .nullish()
      .catch(null),
  })
  .nullish()
  .catch(null);

export const flyMachine = z.object({
  id: z.string().min(1),
  name: text,
  state: text,
  region: text,
  created_at: text,
  updated_at: text,
  host_status: text,
  config: flyConfig,
  /** Newest first; some are left out of long histories. */
  events: z
    .array(z.object({ status: text, timestamp: count }).catch({ status: null, timestamp: null }))
    .nullish()
    .catch(null),
  /** What Fly remembers of the config while the host does not answer. */
  incomplete_config: flyConfig,
});
export type FlyMachine = z.output<typeof flyMachine>;

export const flyVolume = z.object({
  id: z.string().min(1),
  name: text,
  state: text,
  region: text,
  size_gb: count,
  attached_machine_id: text,
});
export type FlyVolume = z.output<typeof flyVolume>;

/** Fly answers `[]`; some Go services answer `null` for it. */
export const flyMachines = z
  .array(flyMachine)
  .nullable()
  .transform((list) => list ?? []);
export const flyVolumes = z
  .array(flyVolume)
  .nullable()
  .transform((list) => list ?? []);

export const flyApp = z.looseObject({});

/** Answers of which only the status code matters. */
export const accepted = z.unknown();
