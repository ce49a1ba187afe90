import { createLocalFlyCore } from "./core.js";
import type { LocalFlyOptions } from "./world.js";

export interface Answer {
  status: number;
  text: string;
  /** The parsed body, or `undefined` when it is not JSON. */
  json: unknown;
  headers: Headers;
}

const APP_URL = "http://fly.test/v1/apps/local-workers";

/** A virtual-clock server and the calls of a client that holds its token. */
export function setup(options: LocalFlyOptions = {}) {
  const core = createLocalFlyCore({ clock: "virtual", ...options });

  async function call(method: string, path: string, body?: unknown, token = "Bearer fm2_local") {
    const response = await core.fetch(path.startsWith("http") ? path : APP_URL + path, {
      method,
      redirect: "manual",
      headers: { authorization: token, "content-type": "application/json" },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return await read(response);
  }

  async function create(body: Record<string, unknown> = {}, config: Record<string, unknown> = {}) {
    const image = "registry.fly.io/workers:1";
    return await call("POST", "/machines", {
      region: "fra",
      ...body,
      config: { image, ...config },
    });
  }

  return { core, control: core.control, call, create };
}

export async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, text, json, headers: response.headers };
}

/** A string field of a JSON answer; a test that reads a missing one fails here. */
export function field(answer: Answer, name: string): string {
  const { json } = answer;
  const value: unknown =
    typeof json === "object" && json !== null ? Reflect.get(json, name) : undefined;
  if (typeof value !== "string") throw new Error(`no ${name} in ${answer.text}`);
  return value;
}
