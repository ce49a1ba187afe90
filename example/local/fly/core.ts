import type { Call } from "./call.js";
import { createControl, type LocalFlyControl } from "./control.js";
import { FlyError } from "./errors.js";
import {
  bodyText,
  ConnectionReset,
  createFetch,
  type Handle,
  type LocalRequest,
  type LocalResponse,
} from "./exchange.js";
import { checkInvariants } from "./invariants.js";
import { shortHash } from "./random.js";
import { matchRoute, type Match } from "./routes.js";
import { createWorld, type LocalFlyOptions, type LogEntry, type World } from "./world.js";

export interface LocalFlyCore {
  handle: Handle;
  /** Answers as the server would, without a socket. The host of the URL does not matter. */
  fetch: typeof fetch;
  control: LocalFlyControl;
  /** Ends every process and timer; throws when a rule was broken, unless `strict` is false. */
  close(): Promise<void>;
}

const EDGE_REGION = "fra";

/** A Fly Machines API in memory. It uses no Node module, so it also runs in an edge runtime. */
export function createLocalFlyCore(options: LocalFlyOptions = {}): LocalFlyCore {
  const world = createWorld(options);
  const handle = (request: LocalRequest) => answer(world, request);
  return {
    handle,
    fetch: createFetch(handle),
    control: createControl(world),
    close: () => close(world, options),
  };
}

async function answer(world: World, request: LocalRequest): Promise<LocalResponse> {
  if (world.timers.closed) throw new ConnectionReset();
  const url = new URL(request.url);
  const path = url.pathname;
  const requestId = `${world.requestIds.ulid(world.clock.now())}-${EDGE_REGION}`;
  const match = matchRoute(request.method, path);
  const entry: LogEntry = {
    at: world.clock.now(),
    action: match?.route.action ?? null,
    method: request.method,
    path,
    query: url.search,
    headers: withoutToken(request.headers),
    body: bodyText(request.body),
    status: null,
    requestId,
  };
  world.log.push(entry);
  const response = await respond(world, request, url, match, entry);
  entry.status = response.status;
  const frame = { "fly-request-id": requestId, server: "Fly/fake" };
  return { ...response, headers: { ...frame, ...response.headers } };
}

async function respond(
  world: World,
  request: LocalRequest,
  url: URL,
  match: Match | undefined,
  entry: LogEntry,
): Promise<LocalResponse> {
  if (url.pathname.includes("//")) {
    const location = url.pathname.replace(/\/{2,}/g, "/") + url.search;
    return { status: 301, headers: { location }, body: "" };
  }
  // An unknown path is refused before anybody is asked who they are.
  if (!match) {
    const headers = { "content-type": "text/plain; charset=utf-8" };
    return { status: 404, headers, body: "404 page not found" };
  }
  const machineId = match.params["machine"];
  const target = {
    action: match.route.action,
    method: request.method,
    path: url.pathname,
    machineId,
  };
  return await world.faults.around(target, request.signal, async () => {
    const response = await serve(world, request, url, match);
    checkInvariants(world, entry);
    return response;
  });
}

async function serve(
  world: World,
  request: LocalRequest,
  url: URL,
  { route, params }: Match,
): Promise<LocalResponse> {
  try {
    const token = world.access.authenticate(request.headers["authorization"]);
    const appName = params["app"];
    const app =
      appName === undefined
        ? { name: "", org: token.org }
        : world.access.authorize(token, appName, request.method !== "GET");
    const identifier = params["machine"] ?? appName ?? token.org;
    world.limits.take(route.action, identifier);
    const call: Call = { world, request, token, app, params, query: url.searchParams };
    const reply = await route.run(call);
    return json(reply.status, JSON.stringify(reply.json));
  } catch (error) {
    if (!(error instanceof FlyError)) throw error;
    const { message, code, httpStatus, headers } = error;
    const body = { error: message, ...(code !== undefined && { status: code }) };
    return json(httpStatus, `${JSON.stringify(body)}\n`, headers);
  }
}

function json(status: number, body: string, headers: Record<string, string> = {}): LocalResponse {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
    body,
  };
}

function withoutToken(headers: Record<string, string>): Record<string, string> {
  const { authorization, ...others } = headers;
  return authorization === undefined
    ? others
    : { ...others, authorization: `hashed ${shortHash(authorization)}` };
}

async function close(world: World, options: LocalFlyOptions): Promise<void> {
  world.timers.close();
  const processes = [...world.processes];
  for (const process of processes) process.kill("SIGKILL");
  await Promise.all(processes.map(({ exited }) => exited));
  options.onClose?.();
  if (world.violations.size > 0 && options.strict !== false) {
    throw new Error(`the local Fly saw broken rules: ${[...world.violations].join("; ")}`);
  }
}
