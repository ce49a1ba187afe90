/** The app and its components. Values of `env` come from the deployment: `npx convex env set NAME value`. */
import { defineApp } from "convex/server";
import { v } from "convex/values";
import agentFactory from "@okrlinkhub/agent-factory/convex.config.js";

const app = defineApp({
  env: {
    /** Seals the stored secrets: `npx convex env set AGENT_FACTORY_SECRETS_KEY "$(openssl rand -base64 32)"` */
    AGENT_FACTORY_SECRETS_KEY: v.optional(v.string()),
    /** The former key, while a rotation is under way. */
    AGENT_FACTORY_SECRETS_KEY_PREVIOUS: v.optional(v.string()),
    /** debug | info | warn | error */
    AGENT_FACTORY_LOG_LEVEL: v.optional(v.string()),
    /** User ids (the `sub` of their token) that may operate the fleet, comma separated; see auth.ts. */
    OPERATOR_IDS: v.optional(v.string()),
    /** 1 lets everybody sign in as anybody, for trying the example on a development deployment; see demoSignIn.ts. */
    AGENT_FACTORY_DEMO_SIGN_IN: v.optional(v.string()),
  },
});

// By reference: a component sees only what is bound here, and follows later changes of the value.
app.use(agentFactory, {
  env: {
    SECRETS_KEY: app.env.AGENT_FACTORY_SECRETS_KEY,
    SECRETS_KEY_PREVIOUS: app.env.AGENT_FACTORY_SECRETS_KEY_PREVIOUS,
    LOG_LEVEL: app.env.AGENT_FACTORY_LOG_LEVEL,
  },
});

export default app;
