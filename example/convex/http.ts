/** The gateway that machines call, and its health address; see docs/WORKER_PROTOCOL.md. */
import { httpRouter } from "convex/server";
import { registerRoutes } from "@okrlinkhub/agent-factory";
import { components } from "./_generated/api.js";

const http = httpRouter();
registerRoutes(http, components.agentFactory);

export default http;
