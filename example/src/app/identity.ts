/**
 * A stand-in for the app's sign-in: the token says who you are and is signed by nobody. The local deployment believes it;
 * a real one refuses it until `auth.config.ts` names an identity provider, whose `fetchToken` then goes in here.
 */
import { useCallback, useMemo, useState } from "react";

const STORAGE_KEY = "agent-factory.user";
const DAY_S = 24 * 60 * 60;

function base64Url(value: object): string {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function unsignedToken(subject: string, nowS: number): string {
  const claims = {
    iss: "https://local",
    sub: subject,
    name: subject,
    iat: nowS,
    exp: nowS + DAY_S,
  };
  return `${base64Url({ alg: "none", typ: "JWT" })}.${base64Url(claims)}.x`;
}

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

/** What the Convex client asks for a token with. */
export function tokenFetcher(userId: string): () => Promise<string> {
  return () => Promise.resolve(unsignedToken(userId, Math.floor(Date.now() / 1000)));
}
