/** Writes the CLI's bundles to a temp dir and imports them. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Bundle } from "./capture.js";

export type ModuleExports = Record<string, unknown>;
/** The form convex-test takes modules in: path → loader. */
export type ModuleGlob = Record<string, () => Promise<ModuleExports>>;

/** The globals an instance sees in place of the process's own. */
export interface InstanceGlobals {
  process: { env: Record<string, string | undefined> };
  console: Record<string, (...args: unknown[]) => void>;
  setTimeout: (body: () => void, ms?: number) => unknown;
  clearTimeout: (timer: never) => void;
}

/** A component definition, or the app's. The underscored fields are what `use` records. */
export interface Definition {
  _name?: string;
  _childComponents?: [
    name: string,
    imported: { componentDefinitionPath: string },
    env: Record<string, string | { __envVarRef: string }> | null | undefined,
    httpPrefix?: string,
  ][];
}

const REGISTRY = "__localConvexGlobals";

export class BundleLoader {
  readonly #dir = fs.mkdtempSync(path.join(os.tmpdir(), "local-convex-"));
  readonly #globals = new Map<string, InstanceGlobals>();
  #sequence = 0;

  constructor() {
    const scope = globalThis as unknown as Record<
      string,
      Map<string, Map<string, InstanceGlobals>>
    >;
    (scope[REGISTRY] ??= new Map()).set(this.#dir, this.#globals);
  }

  /** One copy of the modules per instance, because each instance has its own globals. */
  async functions(bundles: Bundle[], globals: InstanceGlobals): Promise<ModuleGlob> {
    const key = String(this.#sequence);
    this.#globals.set(key, globals);
    const instance = `globalThis.${REGISTRY}.get(${JSON.stringify(this.#dir)}).get("${key}")`;
    const names = Object.keys(globals);
    const dir = this.#write(
      bundles.map((bundle) => {
        // On the first line, so that line numbers stay; a module may declare one of them itself.
        const free = names.filter(
          (n) => !new RegExp(`\\b(var|let|const|class|function) ${n}\\b`).test(bundle.source),
        );
        const source = bundle.source.replaceAll("globalThis.process.env", "process.env");
        return {
          path: bundle.path,
          source: `const { ${free.join(", ")} } = ${instance};${source}`,
        };
      }),
    );
    // convex-test finds the root of the functions by this name.
    const modules: ModuleGlob = { "./_generated/api.js": () => Promise.resolve({}) };
    for (const bundle of bundles.filter((b) => !b.path.startsWith("_deps/"))) {
      const loaded = await load<ModuleExports>(dir, bundle.path);
      modules[`./${bundle.path}`] = () => Promise.resolve(loaded);
    }
    return modules;
  }

  async schema<T>(bundle: Bundle | null): Promise<T | undefined> {
    if (bundle === null) return undefined;
    return (await load<{ default: T }>(this.#write([bundle]), bundle.path)).default;
  }

  /** The CLI leaves the definitions that a convex.config uses as placeholder imports. */
  async definition(bundle: Bundle, defaultNames: Map<string, string>): Promise<Definition> {
    const files: Bundle[] = [];
    const source = bundle.source.replace(
      /(["'])\.\/(_componentDeps\/([^"']+))\1/g,
      (_, quote: string, file: string, encoded: string) => {
        const componentDefinitionPath = Buffer.from(encoded, "base64url").toString();
        const defaultName = defaultNames.get(componentDefinitionPath);
        const json = JSON.stringify({ componentDefinitionPath, defaultName });
        files.push({ path: `${file}.js`, source: `export default ${json};` });
        return `${quote}./${file}.mjs${quote}`;
      },
    );
    const dir = this.#write([...files, { path: "convex.config.js", source }]);
    return (await load<{ default: Definition }>(dir, "convex.config.js")).default;
  }

  dispose(): void {
    const scope = globalThis as unknown as Record<string, Map<string, unknown>>;
    scope[REGISTRY]?.delete(this.#dir);
    fs.rmSync(this.#dir, { recursive: true, force: true });
  }

  #write(bundles: Bundle[]): string {
    const dir = path.join(this.#dir, String(this.#sequence++));
    for (const bundle of bundles) {
      const file = path.join(dir, asModule(bundle.path));
      fs.mkdirSync(path.dirname(file), { recursive: true });
      const source = bundle.source
        .replace(/((?:from|import)\s*\(?")(\.[^"]+)\.js(")/g, "$1$2.mjs$3")
        .replace(/\/\/# sourceMappingURL=\S*$/gm, ""); // the maps are not written
      fs.writeFileSync(file, source);
    }
    return dir;
  }
}

/** There is no package.json in the temp dir to say that .js files are ES modules. */
const asModule = (file: string) => file.replace(/\.js$/, ".mjs");

async function load<T>(dir: string, file: string): Promise<T> {
  return (await import(pathToFileURL(path.join(dir, asModule(file))).href)) as T;
}
