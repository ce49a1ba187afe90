import { currentToken, deleteApp, getApp } from "./appRoutes.js";
import type { Call, Reply } from "./call.js";
import { createMachine } from "./createMachine.js";
import {
  destroyMachine,
  getMachine,
  listEvents,
  listMachines,
  setCordon,
  startMachine,
  stopMachine,
} from "./machineRoutes.js";
import { createVolume, deleteVolume, getVolume, listVolumes } from "./volumeRoutes.js";
import { waitForState } from "./wait.js";

export interface Route {
  method: string;
  path: string;
  /** The name under which it is limited, logged and made to fail. */
  action: string;
  run: (call: Call) => Reply | Promise<Reply>;
}

const APP = "/v1/apps/:app";
const MACHINES = `${APP}/machines`;
const MACHINE = `${MACHINES}/:machine`;
const VOLUMES = `${APP}/volumes`;
const VOLUME = `${VOLUMES}/:volume`;

const ROUTES: Route[] = [
  { method: "GET", path: "/v1/tokens/current", action: "token_get", run: currentToken },
  { method: "GET", path: APP, action: "app_get", run: getApp },
  { method: "DELETE", path: APP, action: "app_delete", run: deleteApp },
  { method: "GET", path: MACHINES, action: "machine_list", run: listMachines },
  { method: "POST", path: MACHINES, action: "machine_launch", run: createMachine },
  { method: "GET", path: MACHINE, action: "machine_get", run: getMachine },
  { method: "DELETE", path: MACHINE, action: "machine_destroy", run: destroyMachine },
  { method: "GET", path: `${MACHINE}/wait`, action: "machine_wait", run: waitForState },
  { method: "GET", path: `${MACHINE}/events`, action: "machine_events", run: listEvents },
  { method: "POST", path: `${MACHINE}/start`, action: "machine_start", run: startMachine },
  { method: "POST", path: `${MACHINE}/stop`, action: "machine_stop", run: stopMachine },
  { method: "POST", path: `${MACHINE}/cordon`, action: "machine_cordon", run: setCordon(true) },
  {
    method: "POST",
    path: `${MACHINE}/uncordon`,
    action: "machine_uncordon",
    run: setCordon(false),
  },
  { method: "GET", path: VOLUMES, action: "volume_list", run: listVolumes },
  { method: "POST", path: VOLUMES, action: "volume_create", run: createVolume },
  { method: "GET", path: VOLUME, action: "volume_get", run: getVolume },
  { method: "DELETE", path: VOLUME, action: "volume_destroy", run: deleteVolume },
];

export interface Match {
  route: Route;
  params: Record<string, string>;
}

export function matchRoute(method: string, path: string): Match | undefined {
  const segments = path.split("/").map(decodeSegment);
  for (const route of ROUTES) {
    const params = route.method === method ? matchPath(route.path.split("/"), segments) : undefined;
    if (params) return { route, params };
  }
  return undefined;
}

function matchPath(pattern: string[], segments: string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? "";
    if (part.startsWith(":")) params[part.slice(1)] = segment;
    else if (part !== segment) return undefined;
  }
  return params;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
