/** An engine with the built component in it, for the length of one measurement. */
import { loadComponent } from "./engine/component.js";
import { createEngine, type Engine } from "./engine/index.js";
import { takeTime, type VirtualTime } from "./engine/virtualTime.js";

/** A database call takes this long, give or take half: transactions of 25 calls overlap for about 25 ms. */
export const SYSCALL_MS = 1;

export async function measured<T>(
  seed: number,
  run: (engine: Engine, time: VirtualTime) => Promise<T>,
): Promise<T> {
  const component = await loadComponent();
  const time = takeTime(seed);
  try {
    const syscallMs = () => SYSCALL_MS * (0.5 + time.random());
    const engine = createEngine({ ...component, time, syscallMs });
    return await time.drive(run(engine, time));
  } finally {
    time.restore();
  }
}
