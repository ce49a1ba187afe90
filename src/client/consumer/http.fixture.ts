/** `convex/http.ts` of an app written for 3.0.3. */
import { componentsGeneric, httpRouter } from "convex/server";
import { registerRoutes, type ComponentApi } from "../index.js";

const components = componentsGeneric() as unknown as {
  agentFactory: ComponentApi<"agentFactory">;
};

const http = httpRouter();
registerRoutes(http, components.agentFactory, {
  pathPrefix: "/agent-factory",
  resolveAgentKey: (update) => (update.message?.chat?.id === 1 ? "vip" : undefined),
  resolveAgentKeyFromBinding: true,
  fallbackAgentKey: "default",
  requireBindingForTelegram: false,
});

export default http;
