/** The app and its components as a tree of instances, each with its own modules and environment. */
import { format } from "node:util";
import type { GenericSchema, SchemaDefinition } from "convex/server";
import type { BundleLoader } from "./bundles.js";
import { type Definition, type InstanceGlobals, type ModuleGlob } from "./bundles.js";
import type { ComponentBundles, Push } from "./capture.js";
import type { Timers } from "./hooks.js";

export interface LogLine {
  /** "" is the app, "parent/child" a nested component. */
  componentPath: string;
  level: string;
  message: string;
}

export interface Instance {
  path: string;
  modules: ModuleGlob;
  schema: SchemaDefinition<GenericSchema, boolean> | undefined;
}

export interface InstanceOptions {
  /** The environment of the deployment, read at every access. */
  env: Record<string, string | undefined>;
  /** CONVEX_CLOUD_URL and CONVEX_SITE_URL, which every component sees. */
  systemEnv: Record<string, string | undefined>;
  timers: Timers;
  onLog: (line: LogLine) => void;
}

type Env = Record<string, string | undefined>;

export async function loadInstances(
  push: Push,
  loader: BundleLoader,
  options: InstanceOptions,
): Promise<Map<string, Instance>> {
  const { bundles, definitions, defaultNames } = await loadDefinitions(push, loader);
  const instances = new Map<string, Instance>();

  const appEnv = overlay(options.env, options.systemEnv);
  const app = push.appDefinition;
  instances.set("", {
    path: "",
    modules: await loader.functions(app.changedModules, globalsFor("", appEnv, options)),
    schema: await loader.schema(app.schema),
  });

  const addChildren = async (definition: Definition, parentPath: string, parentEnv: Env) => {
    for (const [name, { componentDefinitionPath }, bindings] of definition._childComponents ?? []) {
      const path = parentPath === "" ? name : `${parentPath}/${name}`;
      const own = bundles.get(componentDefinitionPath);
      const child = definitions.get(componentDefinitionPath);
      if (own === undefined || child === undefined)
        throw new Error(`No bundle for component ${path}`);
      const env = overlay(bind(bindings ?? {}, parentEnv), options.systemEnv);
      instances.set(path, {
        path,
        modules: await loader.functions(own.functions, globalsFor(path, env, options)),
        schema: await loader.schema(own.schema),
      });
      await addChildren(child, path, env);
    }
  };
  if (app.definition !== null) {
    await addChildren(await loader.definition(app.definition, defaultNames), "", appEnv);
  }
  return instances;
}

async function loadDefinitions(push: Push, loader: BundleLoader) {
  const bundles = new Map<string, ComponentBundles>();
  const definitions = new Map<string, Definition>();
  const defaultNames = new Map<string, string>();
  const waiting = [...push.componentDefinitions];
  while (waiting.length > 0) {
    // Children first: a definition embeds the default names of what it uses.
    const ready = waiting.findIndex((c) => c.dependencies.every((d) => definitions.has(d)));
    const component = waiting.splice(ready, 1)[0];
    if (ready < 0 || component === undefined)
      throw new Error("The components use each other in a circle.");
    const definition = await loader.definition(component.definition, defaultNames);
    bundles.set(component.definitionPath, component);
    definitions.set(component.definitionPath, definition);
    if (definition._name !== undefined)
      defaultNames.set(component.definitionPath, definition._name);
  }
  return { bundles, definitions, defaultNames };
}

/** A reference follows the current value of the parent's variable, as on a deployment. */
function bind(bindings: Record<string, string | { __envVarRef: string }>, parent: Env): Env {
  const env: Env = {};
  for (const [name, value] of Object.entries(bindings)) {
    const get = () => (typeof value === "string" ? value : parent[value.__envVarRef]);
    Object.defineProperty(env, name, { get, enumerable: true });
  }
  return env;
}

function overlay(env: Env, over: Env): Env {
  return new Proxy(env, {
    get: (target, name) => (typeof name === "string" ? (over[name] ?? target[name]) : undefined),
    has: (target, name) => name in over || name in target,
    set: () => false, // functions cannot change their environment
  });
}

function globalsFor(componentPath: string, env: Env, options: InstanceOptions): InstanceGlobals {
  const { timers, onLog } = options;
  const levels = ["log", "debug", "info", "warn", "error", "trace"];
  const logger = (level: string) => [
    level,
    (...args: unknown[]) => onLog({ componentPath, level, message: format(...args) }),
  ];
  const ignored = ["time", "timeEnd", "timeLog"].map((name) => [name, () => undefined]);
  return {
    process: { env },
    console: Object.fromEntries([...levels.map(logger), ...ignored]) as InstanceGlobals["console"],
    // Resolved at the call, because convex-test forbids timers in queries and mutations that way.
    setTimeout: (body, ms = 0) => timers.start(body, ms, globalThis.setTimeout),
    clearTimeout: (timer) => timers.stop(timer),
  };
}
