import { defineComponent } from "convex/server";
import { v } from "convex/values";

/** All optional, so that a bare `app.use(agentFactory)` installs; without a key, importSecret refuses. */
export default defineComponent("agentFactory", {
  env: {
    /** 32 bytes, base64: `openssl rand -base64 32`. Seals the secrets of the component. */
    SECRETS_KEY: v.optional(v.string()),
    /** The former key during a rotation: rows sealed with it stay readable until they are re-sealed. */
    SECRETS_KEY_PREVIOUS: v.optional(v.string()),
    /** debug | info (default) | warn | error */
    LOG_LEVEL: v.optional(v.string()),
  },
});
