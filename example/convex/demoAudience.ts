/** The `aud` of the tokens that demoSignIn.ts signs: auth.config.ts believes no other token of this deployment. */
export const DEMO_AUDIENCE = "agent-factory-demo-sign-in";
