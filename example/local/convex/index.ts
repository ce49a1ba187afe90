/**
 * A Convex deployment inside this process, for the demo and for end-to-end tests: it bundles a
 * project with the official CLI, runs it on convex-test, and speaks the official protocols, so that
 * ConvexHttpClient, ConvexClient and ConvexReactClient work unchanged. Nothing outlives `close()`,
 * and calls run one after the other; it is made to run the product at a small size.
 */
import http from "node:http";
import type { Value } from "convex/values";
import { BundleLoader } from "./bundles.js";
import { capturePush } from "./capture.js";
import { cloudHandler } from "./cloudServer.js";
import { startCrons } from "./crons.js";
import { dumpTables, type Dump } from "./dump.js";
import { Files } from "./files.js";
import { Timers, type DeploymentHooks } from "./hooks.js";
import { loadInstances, type LogLine } from "./instances.js";
import { installSignJwt, JwtSigner } from "./jwt.js";
import { Runtime } from "./runtime.js";
import { siteHandler, useRealRequests } from "./siteServer.js";
import { SyncServer } from "./sync.js";
import { tapSyscalls } from "./syscalls.js";
import { closeServer, listen } from "./wire.js";

export type { Dump, LogLine };

/** A function that nobody was waiting for has failed. */
export interface FunctionFailure {
  source: "scheduler" | "cron" | "http";
  /** The function, the cron or the route. */
  name: string;
  error: unknown;
}

export interface LocalConvexOptions {
  /** A directory with a package.json and a Convex app, all components built. */
  projectDir: string;
  /** Port of the client API; any free one by default. */
  cloudPort?: number;
  /** Port of the HTTP actions; any free one by default. */
  sitePort?: number;
  /** Whether crons run; they do by default. */
  crons?: boolean;
  /** The environment of the deployment, read at every access; `process.env` by default. */
  env?: Record<string, string | undefined>;
  /** What functions write to the console; dropped by default. */
  onLog?: (line: LogLine) => void;
  /** Printed by default. */
  onFunctionError?: (failure: FunctionFailure) => void;
}

export interface LocalConvex {
  /** What a real deployment has at `https://<name>.convex.cloud`. */
  cloudUrl: string;
  /** What a real deployment has at `https://<name>.convex.site`. */
  siteUrl: string;
  /** Runs any function, internal ones and those of components too, like `npx convex run`. */
  runInternal(componentPath: string, udfPath: string, args?: Record<string, Value>): Promise<Value>;
  /** All rows of all tables of the app and of its components. */
  dump(): Promise<Dump>;
  /** Stops everything; scheduled functions and sleeping actions are dropped. */
  close(): Promise<void>;
}

export async function startLocalConvex(options: LocalConvexOptions): Promise<LocalConvex> {
  const { projectDir, env = process.env, onLog = () => undefined } = options;
  const report = options.onFunctionError ?? printFailure;
  const push = await capturePush(projectDir);

  const urls = { CONVEX_CLOUD_URL: "", CONVEX_SITE_URL: "" };
  const timers = new Timers();
  const loader = new BundleLoader();
  const servers = [http.createServer(), http.createServer()] as const;
  const closers: (() => unknown)[] = [() => timers.close(), () => loader.dispose()];
  const close = async () => {
    for (const closer of closers.splice(0)) await closer();
  };

  try {
    const instances = await loadInstances(push, loader, { env, systemEnv: urls, timers, onLog });
    const app = instances.get("");
    if (app !== undefined) await useRealRequests(app);
    const hooks: DeploymentHooks = {
      timers,
      scheduledFunctionFailed: (name, error) => report({ source: "scheduler", name, error }),
    };
    const runtime = new Runtime(instances, hooks);
    const files = new Files(() => urls.CONVEX_CLOUD_URL);
    const signer = new JwtSigner(() => urls.CONVEX_CLOUD_URL);
    const sync = new SyncServer(runtime);
    const onWrite = (table: string) => sync.invalidate(table);
    hooks.host = tapSyscalls({ runtime, files, signer, onWrite });
    await installSignJwt(runtime);

    const [cloud, site] = servers;
    cloud.on("request", cloudHandler(runtime, files, signer));
    cloud.on("upgrade", (req, socket, head) => sync.upgrade(req, socket, head));
    const onHttpError = (name: string, error: unknown) => report({ source: "http", name, error });
    site.on(
      "request",
      siteHandler(runtime, () => urls.CONVEX_SITE_URL, onHttpError),
    );
    closers.push(
      () => sync.close(),
      () => closeServer(cloud),
      () => closeServer(site),
    );
    urls.CONVEX_CLOUD_URL = `http://127.0.0.1:${await listen(cloud, options.cloudPort ?? 0)}`;
    urls.CONVEX_SITE_URL = `http://127.0.0.1:${await listen(site, options.sitePort ?? 0)}`;

    if (options.crons ?? true) {
      await startCrons(runtime, timers, (name, error) => report({ source: "cron", name, error }));
    }
    return {
      cloudUrl: urls.CONVEX_CLOUD_URL,
      siteUrl: urls.CONVEX_SITE_URL,
      runInternal: (componentPath, udfPath, args = {}) =>
        runtime.run({ componentPath, udfPath }, args),
      dump: () => dumpTables(runtime),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function printFailure({ source, name, error }: FunctionFailure): void {
  console.error(`[local convex] ${source} ${name} failed:`, error);
}
