/**
 * A stand-in for an app's sign-in, for trying the example: it takes everybody's word. Refused unless the deployment's
 * environment says AGENT_FACTORY_DEMO_SIGN_IN=1; whoever knows such a deployment's address can be anybody in it.
 */
import { ConvexError, v } from "convex/values";
import { env, mutation } from "./_generated/server.js";
import { DEMO_AUDIENCE } from "./demoAudience.js";

/** The longest that Convex signs for. Switching the stand-in off ends the sign-ins made with it after this long. */
const TOKEN_SECONDS = 60 * 60;
const USER_ID_MAX_LENGTH = 64;

/**
 * A token for whoever the caller says to be, valid for an hour.
 * @throws ConvexError DEMO_SIGN_IN_OFF, USER_ID_INVALID
 */
export const signIn = mutation({
  args: { userId: v.string() },
  returns: v.string(),
  handler: async (ctx, { userId }) => {
    if (env.AGENT_FACTORY_DEMO_SIGN_IN !== "1")
      throw new ConvexError({
        code: "DEMO_SIGN_IN_OFF",
        message:
          "The demo sign-in is off on this deployment. To try the example on a development deployment: " +
          "npx convex env set AGENT_FACTORY_DEMO_SIGN_IN 1 (whoever knows its address can then be anybody). " +
          "For real people name your identity provider in convex/auth.config.ts instead.",
      });
    if (userId.trim() === "" || userId.length > USER_ID_MAX_LENGTH)
      throw new ConvexError({
        code: "USER_ID_INVALID",
        message: `A user id has 1 to ${USER_ID_MAX_LENGTH} characters.`,
      });
    return await ctx.auth.signJwt({
      claims: { sub: userId, name: userId, aud: DEMO_AUDIENCE },
      expiresInSeconds: TOKEN_SECONDS,
    });
  },
});
