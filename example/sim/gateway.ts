/** A worker's line to the component: every call may get lost, come late, come twice, or come back without answer. */
import { createHash } from "node:crypto";
import { api } from "../../src/component/_generated/api.js";
import {
  GATEWAY_FUNCTIONS,
  type GatewayFunctionName,
} from "../../src/component/gateway/protocol.js";
import { isAgentFactoryError } from "../../src/shared/errors.js";
import type { Write } from "./database.js";
import type { World } from "./world.js";

/** The component refused, and said why. */
export class Refused extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

export type Performed = { value: unknown; code: string | null; writes: Write[] };

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 110 ? `${text.slice(0, 110)}…` : text;
}

function noteGrant(world: World, args: object, value: unknown): void {
  const { messageId, part } = args as { messageId: string; part: number };
  if ((value as { proceed?: boolean } | null)?.proceed === true)
    world.model.granted.add(`${messageId}/${part}`);
}

/** One call as it arrives at the gateway. Anything but an answer or a refusal is a broken promise. */
export async function perform(
  world: World,
  actor: string,
  token: string,
  name: GatewayFunctionName,
  args: object,
): Promise<Performed> {
  const request = { tokenHash: sha256(token), name, args };
  const call = async (): Promise<{ value: unknown; code: string | null }> => {
    try {
      const value: unknown =
        GATEWAY_FUNCTIONS[name].runs === "query"
          ? await world.t.query(api.lib.workerGatewayQuery, request)
          : await world.t.mutation(api.lib.workerGatewayMutation, request);
      return { value, code: null };
    } catch (error) {
      if (isAgentFactoryError(error)) return { value: null, code: error.data.code };
      world.violate("calls are answered", `${name} by ${actor}: ${String(error)}`);
      return { value: null, code: "BROKEN" };
    }
  };
  const { result, writes } = await world.as(actor, name, call);
  world.trace(`${actor} ${name} → ${result.code ?? brief(result.value)}`);
  if (name === "workerRecordDelivery") noteGrant(world, args, result.value);
  world.watcher?.called?.(actor, name, args, result.value, world.clock.now());
  return { ...result, writes };
}
