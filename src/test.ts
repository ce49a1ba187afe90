/// <reference types="vite/client" />
/** For apps' own tests: registers the component with convex-test. */
import type { TestConvex } from "convex-test";
import type { GenericSchema, SchemaDefinition } from "convex/server";
import schema from "./component/schema.js";

const modules = import.meta.glob([
  "./component/**/*.ts",
  "!./component/**/*.{test,prop.test,fixture,conformance,arbitrary,bench}.ts",
]);

/**
 * Registers the component under the name that it has in the app's `convex.config.ts`.
 *
 * ```ts
 * const t = convexTest(schema, modules);
 * agentFactory.register(t);
 * ```
 */
function register(
  t: TestConvex<SchemaDefinition<GenericSchema, boolean>>,
  name = "agentFactory",
): void {
  t.registerComponent(name, schema, modules);
}

export { modules, register, schema };
export default { register, schema, modules };
