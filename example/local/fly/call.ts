import type { App, Token } from "./access.js";
import type { LocalRequest } from "./exchange.js";
import type { World } from "./world.js";

/** A request that passed the door: known route, valid token, known app, within its rate. */
export interface Call {
  world: World;
  request: LocalRequest;
  token: Token;
  app: App;
  params: Record<string, string>;
  query: URLSearchParams;
}

export interface Reply {
  status: number;
  json: unknown;
}

export const ok = (json: unknown, status = 200): Reply => ({ status, json });

export function isSet(query: URLSearchParams, name: string): boolean {
  return ["true", "1"].includes(query.get(name) ?? "");
}
