import { defineApp } from "convex/server";
import { v } from "convex/values";
import agentFactory from "@okrlinkhub/agent-factory/convex.config.js";

const app = defineApp({ env: { AGENT_FACTORY_SECRETS_KEY: v.optional(v.string()) } });
app.use(agentFactory, { env: { SECRETS_KEY: app.env.AGENT_FACTORY_SECRETS_KEY } });

export default app;
