import { ConnectionReset, type AnyBody, type LocalResponse } from "./exchange.js";
import type { Clock, Timers } from "./clock.js";
import type { Random } from "./random.js";

export type Effect =
  /** Without `json`, `html` or `plain` the body is empty. */
  | {
      kind: "status";
      status: number;
      json?: unknown;
      html?: string;
      plain?: string;
      headers?: Record<string, string>;
    }
  | { kind: "reset" }
  | { kind: "truncateJson" }
  /** A list from which every item is missing whose number (from 0) is `from`, modulo `every`. */
  | { kind: "omit"; from: number; every: number }
  /** A 200 whose JSON is not what was asked for. */
  | { kind: "wrongShape"; json?: unknown }
  | { kind: "delay"; ms: number }
  | { kind: "hang" };

export interface FaultMatch {
  action?: string;
  method?: string;
  /** A part of the path. */
  path?: string;
  machineId?: string;
  /** Only this one of the requests that match the rest, counted from 1. */
  nth?: number;
  probability?: number;
}

export interface FaultRule {
  match?: FaultMatch;
  /** How often it strikes; for ever when absent. */
  times?: number;
  /** How long it lives on the server's clock; for ever when absent. */
  forMs?: number;
  /** `before`: nothing happened. `after`: the server did it and the client does not learn so. */
  phase?: "before" | "after";
  effect: Effect;
}

export interface FaultHandle {
  hits(): number;
  remove(): void;
}

export interface FaultTarget {
  action: string;
  method: string;
  path: string;
  machineId?: string | undefined;
}

interface ActiveRule {
  rule: FaultRule;
  seen: number;
  hits: number;
  until: number;
}

export class FaultEngine {
  #active: ActiveRule[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly random: Random,
  ) {}

  add(rule: FaultRule): FaultHandle {
    const until = this.clock.now() + (rule.forMs ?? Infinity);
    const active: ActiveRule = { rule, seen: 0, hits: 0, until };
    this.#active.push(active);
    return {
      hits: () => active.hits,
      remove: () => void (this.#active = this.#active.filter((other) => other !== active)),
    };
  }

  clear(): void {
    this.#active = [];
  }

  /** Runs a request between the faults that strike before it and those that strike after it. */
  async around<Body extends AnyBody>(
    target: FaultTarget,
    signal: AbortSignal | undefined,
    run: () => Promise<LocalResponse<Body>>,
  ): Promise<LocalResponse<Body | string>> {
    const instead = await this.#strike(target, "before", signal, undefined);
    if (instead) return instead;
    const answer = await run();
    return (await this.#strike(target, "after", signal, answer)) ?? answer;
  }

  async #strike(
    target: FaultTarget,
    phase: "before" | "after",
    signal: AbortSignal | undefined,
    answer: LocalResponse<AnyBody> | undefined,
  ): Promise<LocalResponse | undefined> {
    for (const effect of this.#take(target, phase)) {
      if (effect.kind === "reset") throw new ConnectionReset();
      else if (effect.kind === "hang") await this.timers.pause(Infinity, signal).done;
      else if (effect.kind === "delay") await this.timers.pause(effect.ms, signal).done;
      else return render(effect, answer);
    }
    return undefined;
  }

  #take(target: FaultTarget, phase: "before" | "after"): Effect[] {
    const effects: Effect[] = [];
    for (const active of this.#active) {
      const { rule } = active;
      if ((rule.phase ?? "before") !== phase || this.clock.now() >= active.until) continue;
      if (active.hits >= (rule.times ?? Infinity) || !fits(rule.match ?? {}, target)) continue;
      active.seen++;
      if (rule.match?.nth !== undefined && active.seen !== rule.match.nth) continue;
      const probability = rule.match?.probability;
      if (probability !== undefined && this.random.next() >= probability) continue;
      active.hits++;
      effects.push(rule.effect);
      if (rule.effect.kind !== "delay") break;
    }
    return effects;
  }
}

function fits(match: FaultMatch, target: FaultTarget): boolean {
  return (
    (match.action === undefined || match.action === target.action) &&
    (match.method === undefined || match.method.toUpperCase() === target.method) &&
    (match.path === undefined || target.path.includes(match.path)) &&
    (match.machineId === undefined || match.machineId === target.machineId)
  );
}

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

function render(
  effect: Extract<Effect, { kind: "status" | "truncateJson" | "omit" | "wrongShape" }>,
  answer: LocalResponse<AnyBody> | undefined,
): LocalResponse {
  switch (effect.kind) {
    case "truncateJson": {
      const whole = typeof answer?.body === "string" ? answer.body : '{"id": "abc", "name"';
      const body = whole.slice(0, Math.max(1, Math.floor(whole.length / 2)));
      return { status: answer?.status ?? 200, headers: answer?.headers ?? JSON_TYPE, body };
    }
    case "omit": {
      const list: unknown = JSON.parse(typeof answer?.body === "string" ? answer.body : "[]");
      const kept = Array.isArray(list)
        ? list.filter((_, index) => index % effect.every !== effect.from)
        : list;
      return { status: 200, headers: JSON_TYPE, body: JSON.stringify(kept) };
    }
    case "wrongShape":
      return {
        status: 200,
        headers: JSON_TYPE,
        body: JSON.stringify("json" in effect ? effect.json : []),
      };
    case "status": {
      const { status, json, html, plain, headers } = effect;
      const type =
        html !== undefined ? "text/html" : plain !== undefined ? "text/plain" : undefined;
      const base = json !== undefined ? JSON_TYPE : type ? { "content-type": type } : {};
      const body = json !== undefined ? `${JSON.stringify(json)}\n` : (html ?? plain ?? "");
      return { status, headers: { ...base, ...headers }, body };
    }
  }
}
