/** Runs the functions of all instances on convex-test. */
import { convexTest } from "convex-test";
import type { GenericDataModel, GenericMutationCtx, StorageActionWriter } from "convex/server";
import { convexToJson, jsonToConvex, type JSONValue, type Value } from "convex/values";
import type { ModuleExports } from "./bundles.js";
import {
  enter,
  installHooks,
  installHost,
  type DeploymentHooks,
  type Host,
  type QueryTrace,
} from "./hooks.js";
import type { Instance } from "./instances.js";
import type { Caller } from "./wire.js";

export type FunctionKind = "query" | "mutation" | "action";

export interface FunctionPath {
  componentPath: string;
  /** `dir/file:name` */
  udfPath: string;
}

export type TransactionCtx = Omit<GenericMutationCtx<GenericDataModel>, "storage"> & {
  storage: StorageActionWriter;
};

type Run = (path: FunctionPath, args: Value) => Promise<Value | undefined>;

/** What convex-test can do but does not declare. */
interface TestAccessor {
  queryFromPath: Run;
  mutationFromPath: Run;
  actionFromPath: Run;
  /** Whatever kind it is. */
  fun: Run;
  fetch(path: string, init: RequestInit): Promise<Response>;
  runInComponent<T>(componentPath: string, body: (ctx: TransactionCtx) => Promise<T>): Promise<T>;
  withIdentity(identity: Record<string, string>): TestAccessor;
  withRequestMetadata(metadata: { ip: string | null; userAgent: string | null }): TestAccessor;
}

interface TestRoot extends TestAccessor {
  registerComponent(
    path: string,
    schema: Instance["schema"] | null,
    modules: Instance["modules"],
  ): void;
}

/** A registered function, as far as a deployment looks at it. */
interface RegisteredFunction {
  isQuery?: boolean;
  isMutation?: boolean;
  isAction?: boolean;
  isPublic?: boolean;
}

export class Runtime {
  readonly #t: TestRoot;
  /** convex-test's own syscalls. */
  readonly host: Host;

  constructor(
    readonly instances: Map<string, Instance>,
    readonly hooks: DeploymentHooks,
  ) {
    installHooks();
    const app = instances.get("");
    if (app === undefined) throw new Error("There is no app.");
    const options = { modules: app.modules, transactionLimits: true };
    const t = convexTest(app.schema === undefined ? options : { ...options, schema: app.schema });
    this.#t = t as unknown as TestRoot;
    this.host = installHost();
    for (const { path, schema, modules } of instances.values()) {
      if (path !== "") this.#t.registerComponent(path, schema ?? null, modules);
    }
  }

  /** A client's call: public functions of the app only; JSON in, JSON out. */
  async call(
    kind: FunctionKind | "any",
    udfPath: string,
    args: JSONValue,
    caller: Caller,
    trace?: QueryTrace,
  ): Promise<JSONValue> {
    const path = { componentPath: "", udfPath: udfPath.replace(/\.js(?=:|$)/, "") };
    const found = await this.#lookup(path);
    const actual = kindOf(found);
    if (actual === undefined || found?.isPublic !== true) {
      const hint = "Did you forget to run `npx convex dev` or `npx convex deploy`?";
      throw new Error(`Could not find public function for '${udfPath}'. ${hint}`);
    }
    if (kind !== "any" && kind !== actual) {
      throw new Error(`Trying to execute ${udfPath} as ${kind}, but it is defined as ${actual}.`);
    }
    const run = `${actual}FromPath` as const;
    const execution = { deployment: this.hooks, ...(trace && { trace }) };
    const result = await enter(execution, () => this.#as(caller)[run](path, jsonToConvex(args)));
    return convexToJson(result ?? null);
  }

  /** Any function of any instance, as the deployment itself runs it. */
  async run(path: FunctionPath, args: Value): Promise<Value> {
    const known = await this.#lookup(path);
    if (kindOf(known) === undefined) {
      throw new Error(`Could not find function '${path.udfPath}' in '${path.componentPath}'.`);
    }
    return (await enter({ deployment: this.hooks }, () => this.#t.fun(path, args))) ?? null;
  }

  /** Runs `body` in a transaction of its own. */
  transaction<T>(componentPath: string, body: (ctx: TransactionCtx) => Promise<T>): Promise<T> {
    return enter({ deployment: this.hooks }, () => this.#t.runInComponent(componentPath, body));
  }

  /** Answers `request` with the app's http.ts, which must have a route for it. */
  fetch(request: Request, caller: Caller): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const { method } = request;
    return enter({ deployment: this.hooks, request }, () =>
      this.#as(caller).fetch(pathname + search, { method }),
    );
  }

  async isAction(path: FunctionPath): Promise<boolean> {
    // That is the name under which convex-test runs HTTP actions.
    return path.udfPath === "http" || kindOf(await this.#lookup(path)) === "action";
  }

  #as(caller: Caller): TestAccessor {
    const { ip, userAgent, identity } = caller;
    const accessor = this.#t.withRequestMetadata({ ip, userAgent });
    return identity === null ? accessor : accessor.withIdentity(identity);
  }

  async #lookup(path: FunctionPath): Promise<RegisteredFunction | undefined> {
    const [file = "", name = "default"] = path.udfPath.split(":");
    const module = await this.instances.get(path.componentPath)?.modules[`./${file}.js`]?.();
    return (module as Record<string, RegisteredFunction | undefined> | undefined)?.[name];
  }

  /** The default export of a file that is not about functions: http, crons. */
  async defaultExport<T>(componentPath: string, file: string): Promise<T | undefined> {
    const module = await this.instances.get(componentPath)?.modules[`./${file}.js`]?.();
    return (module as ModuleExports | undefined)?.default as T | undefined;
  }
}

function kindOf(found: RegisteredFunction | undefined): FunctionKind | undefined {
  if (found?.isQuery) return "query";
  if (found?.isMutation) return "mutation";
  return found?.isAction ? "action" : undefined;
}
