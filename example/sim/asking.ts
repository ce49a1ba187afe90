/** How those who are not workers call the component. */
import { isAgentFactoryError } from "../../src/shared/errors.js";
import type { World } from "./world.js";

export const AGENT = "default";

/** A call of the app. Refusals are answers; anything else that is thrown is a broken promise. */
export async function ask<R>(
  world: World,
  actor: string,
  name: string,
  call: () => Promise<R>,
): Promise<R | null> {
  try {
    const { result } = await world.as(actor, name, call);
    world.trace(`${actor} ${name} → ${JSON.stringify(result)?.slice(0, 110) ?? "done"}`);
    return result;
  } catch (error) {
    if (!isAgentFactoryError(error))
      world.violate("calls are answered", `${name}: ${String(error)}`);
    world.trace(`${actor} ${name} → refused`);
    return null;
  }
}
