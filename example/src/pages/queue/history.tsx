/** Samples of the queue since the page was opened: nobody stores them, so every page lets this run in the background. */
import { useQuery } from "convex/react";
import { useEffect, useRef, useSyncExternalStore } from "react";
import { api } from "../../../convex/_generated/api.js";

export type Sample = { at: number; depth: number; oldestAgeMs: number };

const SAMPLE_MS = 1_000;
/** Ten minutes. */
const MAX_SAMPLES = 600;

let samples: readonly Sample[] = [];
const listeners = new Set<() => void>();

function record(sample: Sample): void {
  samples = [...samples.slice(1 - MAX_SAMPLES), sample];
  for (const listener of listeners) listener();
}

export function useSamples(): readonly Sample[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => samples,
  );
}

/** Shows nothing; keeps taking samples while the app is open. */
export function QueueHistory() {
  const stats = useQuery(api.agentFactory.queueStats, {});
  const waiting = useQuery(api.agentFactory.listJobsByStatus, { status: "queued", limit: 50 });
  const latest = useRef<{ depth: number; oldestAt: number | null } | null>(null);
  useEffect(() => {
    if (stats === undefined || waiting === undefined) return;
    const due = waiting.map((message) => message.scheduledFor).filter((at) => at <= Date.now());
    latest.current = {
      depth: waiting.length < 50 ? waiting.length : Math.max(stats.queuedReady, waiting.length),
      oldestAt: due.length === 0 ? null : Math.min(...due),
    };
  }, [stats, waiting]);
  useEffect(() => {
    const timer = setInterval(() => {
      if (latest.current === null) return;
      const now = Date.now();
      const { depth, oldestAt } = latest.current;
      record({ at: now, depth, oldestAgeMs: oldestAt === null ? 0 : Math.max(0, now - oldestAt) });
    }, SAMPLE_MS);
    return () => clearInterval(timer);
  }, []);
  return null;
}
