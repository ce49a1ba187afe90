/** The real component on convex-test, with actions that can be held up or killed between their steps. */
import { AsyncLocalStorage } from "node:async_hooks";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { convexTest, type TestConvex } from "convex-test";
import schema from "../../src/component/schema.js";
import { Database, type Write } from "./database.js";

export type T = TestConvex<typeof schema>;
type Module = Record<string, unknown>;
type Step = "query" | "mutation" | "action";

export type ActionHooks = {
  /** Called before every step of an action; false: the action dies here. */
  beforeStep: (action: string, step: Step) => Promise<boolean>;
};

/** The action that is running; once dead, nothing that it asks for is ever answered. */
export type Life = { dead: boolean };
export const lives = new AsyncLocalStorage<Life>();
export const never = <R>(): Promise<R> => new Promise<R>(() => undefined);

const ROOT = fileURLToPath(new URL("../../src/component/", import.meta.url));

function sourceFiles(dir = ""): string[] {
  return fs.readdirSync(path.join(ROOT, dir), { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(dir, entry.name);
    if (entry.isDirectory()) return sourceFiles(name);
    // As Convex's bundler has it: names with a second dot are no modules of their own.
    return /^[^.]+\.ts$/.test(entry.name) ? [name] : [];
  });
}

let loaded: Promise<[string, Module][]> | undefined;
/** Every module once per process; a first import takes real time, in which no virtual clock may run. */
export function loadModules(): Promise<[string, Module][]> {
  loaded ??= Promise.all(
    sourceFiles()
      .sort()
      .map(async (name): Promise<[string, Module]> => {
        const url = pathToFileURL(path.join(ROOT, name)).href;
        return [`./${name}`, (await import(/* @vite-ignore */ url)) as Module];
      }),
  );
  return loaded;
}

type Handler = (ctx: Record<string, unknown>, args: unknown) => Promise<unknown>;

/** The action with every step of its context going through the hooks. */
function mortal(name: string, action: object, hooks: ActionHooks): object {
  const original = Reflect.get(action, "_handler") as Handler;
  const handler: Handler = (ctx, args) => {
    const life: Life = { dead: false };
    const wrap = (step: Step, run: (...rest: unknown[]) => Promise<unknown>) => {
      return async (...rest: unknown[]) => {
        if (life.dead) return await never();
        if (!(await hooks.beforeStep(name, step))) {
          life.dead = true;
          return await never();
        }
        const result = await run(...rest);
        return life.dead ? await never() : result;
      };
    };
    const steps = Object.fromEntries(
      (["query", "mutation", "action"] as const).map((step) => {
        const key = `run${step.charAt(0).toUpperCase()}${step.slice(1)}`;
        return [key, wrap(step, ctx[key] as (...rest: unknown[]) => Promise<unknown>)];
      }),
    );
    return lives.run(life, () => original({ ...ctx, ...steps }, args));
  };
  return new Proxy(action, {
    get: (target, key) => (key === "_handler" ? handler : (Reflect.get(target, key) as unknown)),
  });
}

function prepared(name: string, module: Module, hooks: ActionHooks): Module {
  const exports = Object.entries(module).map(([key, value]) => [
    key,
    (typeof value === "function" || (typeof value === "object" && value !== null)) &&
    Reflect.get(value, "isAction") === true
      ? mortal(`${name}:${key}`, value, hooks)
      : value,
  ]);
  return Object.fromEntries(exports) as Module;
}

export type Deployment = { t: T; database: Database };

export async function deploy(
  hooks: ActionHooks,
  onCommit: (writes: Write[]) => void,
): Promise<Deployment> {
  const modules = Object.fromEntries(
    (await loadModules()).map(([name, module]) => {
      const ready = Promise.resolve(prepared(name.slice(2, -3), module, hooks));
      return [name, () => ready];
    }),
  );
  const t = convexTest({ schema, modules });
  const database = await Database.open(() => t.run(() => Promise.resolve(null)), onCommit);
  return { t, database };
}
