import { Access } from "./access.js";
import { Capacity } from "./capacity.js";
import { realClock, Timers, virtualClock, type Clock, type VirtualClock } from "./clock.js";
import { FaultEngine } from "./faults.js";
import { RateLimits } from "./limits.js";
import { createIds, createRandom, type Ids, type Random } from "./random.js";
import { DEFAULT_SWITCHES, type Switches } from "./switches.js";
import { Delays, type TimingProfile, type Timings } from "./timings.js";
import type { Machine, MachineProcess, StartProcess, Volume } from "./types.js";

export interface LocalFlyOptions {
  /** The app that exists from the start. Default `local-workers`. */
  app?: string;
  org?: string;
  /** An app token for it. Default `fm2_local`. */
  token?: string;
  seed?: number;
  /** `virtual` moves only by `control.advance`. Default `real`. */
  clock?: "real" | "virtual" | Clock;
  /** Shortens the server's own delays, never the time a process is given to stop. */
  speed?: number;
  timings?: TimingProfile | Partial<Timings>;
  switches?: Partial<Switches>;
  rateLimits?: boolean;
  /** Values that must never appear in metadata, names or URLs. */
  secrets?: string[];
  /** Runs the machines; without it a machine is only a row. */
  startProcess?: StartProcess;
  /** Called when a volume starts to die: its data may go. */
  onVolumeDying?: (volumeId: string) => void;
  /** Called at the end of `close`, after the last process has gone. */
  onClose?: () => void;
  /** `close` throws when a rule was broken. Default true. */
  strict?: boolean;
}

export interface LogEntry {
  at: number;
  action: string | null;
  method: string;
  path: string;
  query: string;
  headers: Record<string, string>;
  body: string;
  /** `null` while it runs, and for ever when the client got no answer. */
  status: number | null;
  requestId: string;
}

/** All that the server knows. One per server; nothing is global. */
export interface World {
  clock: Clock;
  virtual: VirtualClock | null;
  timers: Timers;
  random: Random;
  ids: Ids;
  requestIds: Ids;
  delays: Delays;
  switches: Switches;
  access: Access;
  limits: RateLimits;
  capacity: Capacity;
  faults: FaultEngine;
  machines: Map<string, Machine>;
  volumes: Map<string, Volume>;
  /** Images that the registry does not have, and until when. */
  missingImages: Map<string, number>;
  log: LogEntry[];
  violations: Set<string>;
  secrets: Set<string>;
  peakMachines: number;
  /** Woken at each change of a machine's state. */
  watchers: Set<() => void>;
  startProcess: StartProcess | undefined;
  /** All that still run, whatever their machine says. */
  processes: Set<MachineProcess>;
  onVolumeDying: (volumeId: string) => void;
}

export function createWorld(options: LocalFlyOptions): World {
  const virtual = options.clock === "virtual" ? virtualClock() : null;
  const given = typeof options.clock === "object" ? options.clock : realClock();
  const clock = virtual ?? given;
  const timers = new Timers(clock);
  const random = createRandom(options.seed ?? 1);
  const switches = { ...DEFAULT_SWITCHES, ...options.switches };
  const org = options.org ?? "local";
  const app = options.app ?? "local-workers";

  const access = new Access(switches);
  access.apps.set(app, { name: app, org });
  access.addToken(options.token ?? "fm2_local", { scope: "app", org, app });
  const limits = new RateLimits(clock);
  limits.enabled = options.rateLimits ?? true;

  return {
    clock,
    virtual,
    timers,
    random: random.stream("choices"),
    ids: createIds(random.stream("ids")),
    requestIds: createIds(random.stream("requests")),
    delays: new Delays(options.timings ?? "usual", random.stream("delays"), options.speed ?? 1),
    switches,
    access,
    limits,
    capacity: new Capacity(clock, org),
    faults: new FaultEngine(clock, timers, random.stream("faults")),
    machines: new Map(),
    volumes: new Map(),
    missingImages: new Map(),
    log: [],
    violations: new Set(),
    secrets: new Set(options.secrets),
    peakMachines: 0,
    watchers: new Set(),
    startProcess: options.startProcess,
    processes: new Set(),
    onVolumeDying: options.onVolumeDying ?? (() => {}),
  };
}
