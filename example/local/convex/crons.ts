/** Runs the crons of the app and of its components. */
import { jsonToConvex, type JSONValue } from "convex/values";
import type { Timers } from "./hooks.js";
import type { Runtime } from "./runtime.js";
import { nextRun, type CronSchedule } from "./schedule.js";

interface Crons {
  isCrons?: boolean;
  export(): string;
}

interface CronSpec {
  name: string;
  args: [JSONValue?];
  schedule: CronSchedule;
}

export async function startCrons(
  runtime: Runtime,
  timers: Timers,
  onError: (name: string, error: unknown) => void,
): Promise<void> {
  for (const componentPath of runtime.instances.keys()) {
    const crons = await runtime.defaultExport<Crons>(componentPath, "crons");
    if (crons?.isCrons !== true) continue;
    const specs = JSON.parse(crons.export()) as Record<string, CronSpec>;
    for (const [identifier, spec] of Object.entries(specs)) {
      const args = spec.args[0] === undefined ? {} : jsonToConvex(spec.args[0]);
      const run = () => runtime.run({ componentPath, udfPath: spec.name }, args);
      startCron(spec.schedule, timers, run, (error) => onError(identifier, error));
    }
  }
}

/** One run at a time: a run that is due while the previous one is still going is skipped. */
function startCron(
  schedule: CronSchedule,
  timers: Timers,
  run: () => Promise<unknown>,
  onError: (error: unknown) => void,
): void {
  let running = false;
  const arm = (previous: number) => {
    // After a long pause (a laptop that slept) the missed runs are not made up for.
    const due = Math.max(nextRun(schedule, previous), Date.now());
    const tick = () => {
      arm(due);
      if (running) return;
      running = true;
      run()
        .catch(onError)
        .finally(() => (running = false));
    };
    timers.start(tick, due - Date.now());
  };
  arm(Date.now());
}
