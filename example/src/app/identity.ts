/**
 * A stand-in for the app's sign-in: the deployment signs a token for whoever one says to be, where its environment allows
 * that (example/convex/demoSignIn.ts). An app with an identity provider replaces `fetchToken` by the provider's.
 */
import { ConvexHttpClient } from "convex/browser";
import { useCallback, useMemo, useState } from "react";
import { api } from "../../convex/_generated/api.js";

const STORAGE_KEY = "agent-factory.user";

export type SignIn = {
  userId: string | null;
  signIn: (userId: string) => void;
  signOut: () => void;
};

/** Who uses this browser; kept for the tab. */
export function useSignIn(): SignIn {
  const [userId, setUserId] = useState(() => sessionStorage.getItem(STORAGE_KEY));
  const signIn = useCallback((id: string) => {
    sessionStorage.setItem(STORAGE_KEY, id);
    setUserId(id);
  }, []);
  const signOut = useCallback(() => {
    sessionStorage.removeItem(STORAGE_KEY);
    setUserId(null);
  }, []);
  return useMemo(() => ({ userId, signIn, signOut }), [userId, signIn, signOut]);
}

/** A token for the user. Rejects with a sentence for people: refused, or nobody there. */
export async function fetchToken(url: string, userId: string): Promise<string> {
  try {
    return await new ConvexHttpClient(url).mutation(api.demoSignIn.signIn, { userId });
  } catch (error) {
    if (error instanceof TypeError)
      throw new Error(`The deployment at ${url} does not answer. Does it run (npx convex dev)?`, {
        cause: error,
      });
    throw error;
  }
}

/** What the Convex client asks for a token with; null is nobody. */
export function tokenFetcher(url: string, userId: string): () => Promise<string | null> {
  return () => fetchToken(url, userId).catch(() => null);
}
