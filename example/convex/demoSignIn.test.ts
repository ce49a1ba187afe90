/** The stand-in for a sign-in: off unless told, and believed only for what it signed itself. */
import { ConvexError } from "convex/values";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { api } from "./_generated/api.js";
import { startApp } from "./setup.test.js";

const CLOUD_URL = "https://happy-otter-123.convex.cloud";

beforeEach(() => vi.stubEnv("CONVEX_CLOUD_URL", CLOUD_URL));
afterEach(() => vi.unstubAllEnvs());

const refusal = async (userId: string) => {
  const { anonymous } = startApp();
  const error: unknown = await anonymous
    .mutation(api.demoSignIn.signIn, { userId })
    .catch((e: unknown) => e);
  return error instanceof ConvexError ? (error.data as { code: string; message: string }) : error;
};

test.each([undefined, "", "0", "true", "yes"])(
  "signs nobody in when AGENT_FACTORY_DEMO_SIGN_IN is %s, and says what to do",
  async (value) => {
    vi.stubEnv("AGENT_FACTORY_DEMO_SIGN_IN", value);
    expect(await refusal("ada")).toMatchObject({
      code: "DEMO_SIGN_IN_OFF",
      message: expect.stringMatching(
        /env set AGENT_FACTORY_DEMO_SIGN_IN 1.*auth\.config\.ts/,
      ) as string,
    });
  },
);

test.each(["", "  ", "x".repeat(65)])("refuses the user id '%s'", async (userId) => {
  vi.stubEnv("AGENT_FACTORY_DEMO_SIGN_IN", "1");
  expect(await refusal(userId)).toMatchObject({ code: "USER_ID_INVALID" });
});

test("the deployment believes its own tokens for this purpose, and no others", async () => {
  vi.resetModules();
  const { default: config } = await import("./auth.config.js");
  const { DEMO_AUDIENCE } = await import("./demoAudience.js");
  expect(config.providers).toEqual([
    {
      type: "customJwt",
      issuer: CLOUD_URL,
      jwks: `${CLOUD_URL}/.well-known/jwks.json`,
      algorithm: "ES256",
      applicationID: DEMO_AUDIENCE,
    },
  ]);
});
