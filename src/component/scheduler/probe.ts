/** One look at the gateway before machines are created that could not call home. */
const PROBE_TIMEOUT_MS = 5_000;

export type ProbeResult =
  | { kind: "ok" }
  /** The address answers, but not with our gateway: creating machines is pointless. */
  | { kind: "missing"; message: string }
  /** No answer at all: nothing is known, so nothing is stopped. */
  | { kind: "silent"; message: string };

/** Asks the gateway's health address once. Only a clear 404 counts as missing. */
export async function probeGateway(url: string): Promise<ProbeResult> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PROBE_TIMEOUT_MS);
  try {
    const response = await fetch(url, { signal: abort.signal, redirect: "manual" });
    if (response.status !== 404) return { kind: "ok" };
    return {
      kind: "missing",
      message: `The worker gateway does not answer at ${url} (404). Mount it with registerRoutes(http, components.agentFactory) in convex/http.ts and deploy, or set another pathPrefix with setWorkerRuntimeConfig.`,
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: "silent", message: `no answer from ${url}: ${reason}` };
  } finally {
    clearTimeout(timer);
  }
}
