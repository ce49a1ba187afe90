/**
 * A small Fly Machines API in memory: as much of its behaviour as the provider's own tests need. Its clock,
 * rate limits and answers can be scripted.
 */
import type { FetchLike } from "./http.js";

type Json = Record<string, unknown>;
type Machine = {
  id: string;
  name: string;
  region: string;
  state: string;
  since: number;
  config: Json & { metadata?: Json; mounts?: { volume: string }[]; auto_destroy?: boolean };
  createdAt: number;
};
type Volume = Json & {
  id: string;
  name: string;
  state: string;
  attached_machine_id: string | null;
};

export type SeenRequest = {
  method: string;
  path: string;
  search: string;
  headers: Headers;
  body: Json | undefined;
  status: number;
};

export type FlyServer = {
  fetch: FetchLike;
  requests: SeenRequest[];
  machines: Map<string, Machine>;
  volumes: Map<string, Volume>;
  addMachine(name: string, metadata: Json, state?: string): string;
  addVolume(volume: Json & { name: string }): string;
  /** Answers before anything else happens; undefined lets the request through. */
  before: (request: Omit<SeenRequest, "status">) => Response | undefined | Promise<Response>;
};

/** State → next state and how long it takes. */
const STEPS: Record<string, [next: string, ms: number]> = {
  created: ["started", 3_000],
  stopping: ["stopped", 1_000],
  destroying: ["destroyed", 2_000],
  destroyed: ["forgotten", 30_000],
};

export function createFlyServer(options: { app: string; now: () => number }): FlyServer {
  const { now } = options;
  const machines = new Map<string, Machine>();
  const volumes = new Map<string, Volume>();
  const buckets = new Map<string, { tokens: number; at: number }>();
  let serial = 0;
  const nextId = () => (++serial).toString(16).padStart(14, "0");

  function catchUp(): void {
    for (const machine of machines.values()) {
      for (;;) {
        const auto = machine.state === "stopped" && machine.config.auto_destroy === true;
        const step = auto ? (["destroying", 0] as const) : STEPS[machine.state];
        if (!step || machine.since + step[1] > now()) break;
        machine.since += step[1];
        machine.state = step[0];
        if (machine.state !== "destroyed") continue;
        for (const volume of volumes.values()) {
          if (volume.attached_machine_id === machine.id) volume.attached_machine_id = null;
        }
      }
      if (machine.state === "forgotten") machines.delete(machine.id);
    }
  }

  function overLimit(key: string, perSecond: number, burst: number): boolean {
    const bucket = buckets.get(key) ?? { tokens: burst, at: now() };
    const refilled = bucket.tokens + ((now() - bucket.at) / 1_000) * perSecond;
    const tokens = Math.min(burst, refilled);
    const over = tokens < 1;
    buckets.set(key, { tokens: over ? tokens : tokens - 1, at: now() });
    return over;
  }

  function shown(machine: Machine): Json {
    const { id, name, region, state, config } = machine;
    const created_at = new Date(machine.createdAt).toISOString();
    return {
      id,
      name,
      region,
      state,
      config,
      incomplete_config: null,
      created_at,
      host_status: "ok",
    };
  }

  function createMachine(body: Json): Response {
    const taken = [...machines.values()].find(
      (machine) => machine.name === body.name && machine.state !== "destroyed",
    );
    if (taken) {
      const text = `already_exists: unique machine name violation, machine ID ${taken.id} already exists with name "${taken.name}"`;
      return error(409, text);
    }
    const config = body.config as Machine["config"];
    const mounted = config.mounts?.[0]?.volume;
    const volume = mounted === undefined ? undefined : volumes.get(mounted);
    if (mounted !== undefined && (!volume || volume.state !== "created")) {
      return error(400, "volume not found");
    }
    if (volume && volume.attached_machine_id !== null) {
      const text = `failed_precondition: volume already claimed by machine ${volume.attached_machine_id}`;
      return error(412, text);
    }
    const id = nextId();
    if (volume) volume.attached_machine_id = id;
    const { name, region } = body as { name: string; region: string };
    const machine = { id, name, region, state: "created", since: now(), config, createdAt: now() };
    machines.set(id, machine);
    return Response.json(shown(machine));
  }

  function machineCall(method: string, id: string, verb: string, force: boolean): Response {
    const machine = machines.get(id);
    if (!machine) return error(404, "not_found: machine not found");
    if (method === "GET") return Response.json(shown(machine));
    if (verb === "cordon") return Response.json({ ok: true });
    if (machine.state === "destroyed") return error(404, "not_found: machine not found");
    if (verb === "stop") {
      if (machine.state === "started") Object.assign(machine, { state: "stopping", since: now() });
      return Response.json({ ok: true });
    }
    if (!force && machine.state !== "stopped") {
      const text =
        "failed_precondition: unable to destroy machine, not currently stopped or suspended";
      return error(412, text);
    }
    if (machine.state !== "destroying")
      Object.assign(machine, { state: "destroying", since: now() });
    return Response.json({ ok: true });
  }

  function volumeCall(method: string, id: string): Response {
    const volume = volumes.get(id);
    if (!volume) return error(404, "not_found: volume not found");
    if (method === "GET") return Response.json(volume);
    if (volume.attached_machine_id !== null) {
      const text = `failed_precondition: volume is currently bound to machine: ${volume.attached_machine_id}`;
      return error(412, text);
    }
    volume.state = "scheduling_destroy";
    return Response.json(volume);
  }

  function addVolume(volume: Json & { name: string }): string {
    const id = `vol_${nextId()}`;
    volumes.set(id, {
      region: "fra",
      size_gb: 1,
      state: "created",
      attached_machine_id: null,
      ...volume,
      id,
    });
    return id;
  }

  function route(method: string, path: string, search: string, body: Json | undefined): Response {
    const [, kind, id, verb = ""] =
      /^\/v1\/apps\/[^/]+(?:\/([^/]+)(?:\/([^/]+)(?:\/([^/]+))?)?)?$/.exec(path) ?? [];
    const isGetMachine = kind === "machines" && id !== undefined && method === "GET";
    const key = `${method} ${kind ?? ""} ${id ?? ""} ${verb}`;
    if (overLimit(key, isGetMachine ? 5 : 1, isGetMachine ? 10 : 3)) {
      return error(429, "resource_exhausted: rate limit exceeded");
    }
    if (kind === undefined) return Response.json({ name: options.app, status: "deployed" });
    if (kind === "machines" && id !== undefined) {
      return machineCall(method, id, verb, search === "?force=true");
    }
    if (kind === "machines" && method === "GET") {
      const live = [...machines.values()].filter((machine) => machine.state !== "destroyed");
      return Response.json(live.map(shown));
    }
    if (kind === "machines") return createMachine(body ?? {});
    if (id !== undefined) return volumeCall(method, id);
    if (method === "GET") return Response.json([...volumes.values()]);
    const { compute: _compute, ...rest } = body as Json & { name: string };
    return Response.json(volumes.get(addVolume(rest as Json & { name: string })));
  }

  const server: FlyServer = {
    requests: [],
    machines,
    volumes,
    addVolume,
    addMachine(name, metadata, state = "started") {
      const id = nextId();
      const config = { image: "other:1", metadata };
      const times = { since: now(), createdAt: now() };
      machines.set(id, { id, name, region: "fra", state, config, ...times });
      return id;
    },
    before: () => undefined,
    async fetch(url, init) {
      catchUp();
      const { pathname: path, search } = new URL(url);
      const method = init.method ?? "GET";
      const body = typeof init.body === "string" ? (JSON.parse(init.body) as Json) : undefined;
      const seen = { method, path, search, headers: new Headers(init.headers), body };
      const response = (await server.before(seen)) ?? route(method, path, search, body);
      server.requests.push({ ...seen, status: response.status });
      return response;
    },
  };
  return server;
}

/** An error as Fly writes it. */
export function error(status: number, text: string, fields: Json = {}): Response {
  return new Response(`${JSON.stringify({ error: text, ...fields })}\n`, {
    status,
    headers: { "content-type": "application/json; charset=utf-8", "fly-request-id": "01TEST-fra" },
  });
}
