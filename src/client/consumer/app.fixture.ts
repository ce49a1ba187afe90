/** The 3.0.3 app under convex-test. */
import { convexTest } from "convex-test";
import { anyApi, componentsGeneric, defineSchema, type ApiFromModules } from "convex/server";
import agentFactory from "../../test.js";
import type { ComponentApi } from "../index.js";

type Modules = {
  agentFactory: typeof import("./agentFactory.fixture.js");
};

/** References to the app's functions. */
export const api = anyApi as unknown as ApiFromModules<Modules>;
/** The component, for setup that the app itself does not do. */
export const lib = (
  componentsGeneric() as unknown as { agentFactory: ComponentApi<"agentFactory"> }
).agentFactory.lib;

/** A fresh deployment of the app. `signedIn` and `anonymous` are clients; `t` alone is the deployment itself. */
export function startApp() {
  const t = convexTest({
    schema: defineSchema({}),
    modules: {
      "./_generated/api.ts": () => Promise.resolve({}),
      "./agentFactory.ts": () => import("./agentFactory.fixture.js"),
      "./http.ts": () => import("./http.fixture.js"),
      "./crons.ts": () => import("./crons.fixture.js"),
    },
  });
  agentFactory.register(t);
  const client = t.withRequestMetadata({ ip: "203.0.113.7", userAgent: "browser" });
  return { t, anonymous: client, signedIn: client.withIdentity({ subject: "ada" }) };
}
