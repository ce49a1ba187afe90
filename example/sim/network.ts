/** The network between the component's actions and the outside: Fly, the gateway's health address. */
import { bodyText, ConnectionReset } from "../local/fly/exchange.js";
import { matchRoute } from "../local/fly/routes.js";
import { lives, never } from "./deployment.js";
import type { World } from "./world.js";

type Answer = { status: number; headers: Record<string, string>; body: string };

/** As much of a Response as the component reads; a real one would take turns of the event loop. */
function toResponse({ status, headers, body }: Answer): unknown {
  const bytes = new TextEncoder().encode(body);
  let read = false;
  return {
    status,
    ok: status >= 200 && status < 300,
    type: "default",
    headers: { get: (name: string) => headers[name.toLowerCase()] ?? null },
    body: {
      getReader: () => ({
        read: () => {
          const done = read;
          read = true;
          return Promise.resolve(done ? { done } : { done, value: bytes });
        },
        cancel: () => Promise.resolve(),
      }),
    },
    text: () => Promise.resolve(body),
    json: () => Promise.resolve(JSON.parse(body) as unknown),
  };
}

const problem = (status: number, error: string, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify({ error }),
});
const reset = () => new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });

export function networkOf(world: World) {
  const { clock, draws } = world;
  const latency = draws.stream("latency");
  const counts = new Map<string, number>();

  async function fly(url: string, init: RequestInit): Promise<Answer> {
    const method = init.method ?? "GET";
    const action = matchRoute(method, new URL(url).pathname)?.route.action ?? "unknown";
    const count = (counts.get(action) ?? 0) + 1;
    counts.set(action, count);
    const key = `${action}:${count}`;
    if (world.strike("fly429", key))
      return problem(429, "resource_exhausted: rate limit exceeded", { "retry-after": "1" });
    if (world.strike("fly500", key)) return problem(500, "internal server error");
    if (world.strike("flyTimeout", key)) return await untilAborted(init.signal ?? null);
    const headers = Object.fromEntries(
      Object.entries(init.headers as Record<string, string>).map(([k, v]) => [k.toLowerCase(), v]),
    );
    const body = typeof init.body === "string" ? init.body : undefined;
    const answer = await world.fly
      .handle({ method, url, headers, body })
      .catch((error: unknown) => {
        throw error instanceof ConnectionReset ? reset() : error;
      });
    world.trace(
      `fly ${action} ${new URL(url).pathname.split("/").slice(4).join("/")} → ${answer.status}`,
    );
    if (action === "machine_launch" && answer.status === 200) {
      if (world.strike("partialCreate", key)) return problem(500, "failed to launch VM: deadline");
    }
    if (world.strike("flyLostAnswer", key)) throw reset();
    if (action === "machine_list" && answer.status === 200) return list(answer, key);
    return answer;
  }

  async function telegram(url: string, init: RequestInit): Promise<Answer> {
    const { method = "GET" } = init;
    const body = typeof init.body === "string" ? init.body : undefined;
    const headers = { "content-type": "application/json" };
    const answer = await world.telegram.handle({ method, url, headers, body });
    return { ...answer, headers: answer.headers, body: bodyText(answer.body) };
  }

  function list(answer: Answer, key: string): Answer {
    if (world.strike("emptyList", key)) return { ...answer, body: "[]" };
    if (!world.strike("wrongList", key)) return answer;
    const shown = (JSON.parse(answer.body) as unknown[]).slice(1);
    return { ...answer, body: JSON.stringify(shown) };
  }

  const untilAborted = (signal: AbortSignal | null): Promise<never> =>
    new Promise((_, reject) => signal?.addEventListener("abort", () => reject(reset())));

  return async function fetch(url: string, init: RequestInit): Promise<unknown> {
    const life = lives.getStore();
    if (life?.dead === true) return await never();
    await clock.sleep(latency.between(20, 250));
    const { host } = new URL(url);
    const answer =
      host === "api.machines.dev"
        ? await fly(url, init)
        : host === "api.telegram.org"
          ? await telegram(url, init)
          : { status: 200, headers: {}, body: "" };
    await clock.sleep(latency.between(5, 100));
    const count = (counts.get("calls") ?? 0) + 1;
    counts.set("calls", count);
    if (life !== undefined && world.strike("killAction", `call:${count}`)) life.dead = true;
    return life?.dead === true ? await never() : toResponse(answer);
  };
}
