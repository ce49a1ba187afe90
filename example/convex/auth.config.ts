/**
 * Whom this deployment believes when a token says who somebody is. An app names its identity provider here
 * (https://docs.convex.dev/auth), removes the one below together with demoSignIn.ts, and lets example/src/app/identity.ts
 * fetch the provider's tokens.
 *
 * The one below is the deployment itself: tokens that demoSignIn.ts had it sign, which it only does when told to. Only
 * variables that every deployment has are read here: a push fails when one is not set.
 */
import type { AuthConfig } from "convex/server";
import { DEMO_AUDIENCE } from "./demoAudience.js";

const issuer = process.env.CONVEX_CLOUD_URL ?? "";

export default {
  providers: [
    {
      type: "customJwt",
      issuer,
      jwks: `${issuer}/.well-known/jwks.json`,
      algorithm: "ES256",
      applicationID: DEMO_AUDIENCE,
    },
  ],
} satisfies AuthConfig;
