/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** Written to .env.local by `npx convex dev`. */
  readonly VITE_CONVEX_URL?: string;
}

interface Window {
  /** Put into the page by a server that knows more than the build did; the local world does. */
  __AGENT_FACTORY__?: { convexUrl: string; localWorld?: string };
}
