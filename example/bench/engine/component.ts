/** The built component, as the engine takes it. */
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Modules, SchemaTables } from "./index.js";

const DIST = new URL("../../../dist/component/", import.meta.url);

export async function loadComponent(): Promise<{ modules: Modules; tables: SchemaTables }> {
  const modules: Modules = new Map();
  for (const file of await readdir(fileURLToPath(DIST), { recursive: true }))
    if (file.endsWith(".js"))
      modules.set(
        file.replace(/\.js$/, ""),
        (await import(new URL(file, DIST).href)) as Record<string, unknown>,
      );
  const schema = modules.get("schema")?.["default"];
  if (schema === undefined) throw new Error("Build the package first: npm run build.");
  return { modules, tables: (schema as { tables: SchemaTables }).tables };
}
