#!/usr/bin/env node
/** The `agent-factory-worker` command: environment in, exit code out. */
import { redact } from "../shared/redact.js";
import { createEchoEngine } from "./engine/echo.js";
import type { Engine } from "./engine/engine.js";
import { createOpenClawEngine } from "./engine/openclaw/openclaw.js";
import { parseOpenClawSettings } from "./engine/openclaw/settings.js";
import { EnvError, parseEnv } from "./env.js";
import { EXIT } from "./errors.js";
import { runWorker } from "./run.js";

type Env = Readonly<Record<string, string | undefined>>;

const ENGINES: Readonly<Record<string, (env: Env) => Engine>> = {
  echo: (env) => {
    const delayMs = Number(env["AGENT_FACTORY_ECHO_DELAY_MS"] ?? 0);
    if (!Number.isFinite(delayMs) || delayMs < 0) {
      throw new EnvError("AGENT_FACTORY_ECHO_DELAY_MS: must be a number of milliseconds");
    }
    return createEchoEngine({ delayMs });
  },
  openclaw: (env) => createOpenClawEngine(parseOpenClawSettings(env)),
};

function engineOf(env: Env): Engine {
  const name = env["AGENT_FACTORY_ENGINE"] || "echo";
  const create = Object.hasOwn(ENGINES, name) ? ENGINES[name] : undefined;
  if (create === undefined) {
    throw new EnvError(`AGENT_FACTORY_ENGINE: is none of ${Object.keys(ENGINES).join(", ")}`);
  }
  return create(env);
}

async function main(): Promise<number> {
  const stop = new AbortController();
  // A second signal changes nothing: whoever is in a hurry kills.
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stop.abort());
  try {
    const engine = engineOf(process.env);
    return await runWorker({ env: parseEnv(process.env), engine, signal: stop.signal });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    process.stderr.write(`agent-factory-worker: ${redact(text)}\n`);
    return error instanceof EnvError ? EXIT.misconfigured : EXIT.failed;
  }
}

process.exit(await main());
