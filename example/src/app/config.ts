/** Where the deployment is: told by the server of the page, else by the build. */
const injected = window.__AGENT_FACTORY__;

export const convexUrl = injected?.convexUrl ?? import.meta.env.VITE_CONVEX_URL ?? null;
/** The control endpoint of the local world; null against a real deployment. */
export const localWorldUrl = injected?.localWorld ?? null;
