/** What passes observed at the provider without a live row of ours, kept for people to look at. */
import type { MutationCtx, QueryCtx } from "../kit/functions.js";
import { loadLiveWorkers, type LoadedWorld } from "./world.js";
import type { Decision, Leak } from "./validators.js";

const MAX_LEAKS = 500;

/** First sight of everything watched now; an app that was not listed proves nothing about what was seen in it before. */
export async function rememberLeaks(
  ctx: MutationCtx,
  decisions: readonly Decision[],
  { world }: LoadedWorld,
  now: number,
): Promise<void> {
  const rows = await ctx.db.query("providerLeaks").take(MAX_LEAKS);
  const listed = new Map((world.observation?.apps ?? []).map((app) => [app.appName, app]));
  const seen = new Map<string, Omit<Leak, "since">>();
  for (const decision of decisions) {
    if (decision.kind === "watch_orphan" || decision.kind === "destroy_orphan") {
      const { appName, machineId: id, reason } = decision;
      const machine = listed.get(appName)?.machines.find((one) => one.machineId === id);
      const workerId = machine?.workerTag ?? null;
      seen.set(id, { kind: "machine", id, appName, workerId, reason });
    }
    if (decision.kind === "watch_orphan_volume" || decision.kind === "destroy_orphan_volume") {
      const { appName, volumeId: id, workerId, reason } = decision;
      seen.set(id, { kind: "volume", id, appName, workerId, reason });
    }
  }
  for (const row of rows) {
    const app = listed.get(row.appName ?? "");
    const looked = row.kind === "machine" ? app !== undefined : app?.volumes !== undefined;
    if (looked && !seen.has(row.id)) await ctx.db.delete("providerLeaks", row._id);
  }
  const known = new Set(rows.map((row) => row.id));
  for (const leak of seen.values())
    if (!known.has(leak.id) && known.size < MAX_LEAKS) {
      known.add(leak.id);
      await ctx.db.insert("providerLeaks", { ...leak, since: now });
    }
}

export async function countLeaks(
  ctx: QueryCtx,
  which: (leak: Pick<Leak, "appName">) => boolean,
): Promise<number> {
  return (await ctx.db.query("providerLeaks").take(MAX_LEAKS)).filter(which).length;
}

/** The app is gone, and everything in it. */
export async function forgetLeaksOf(ctx: MutationCtx, appName: string): Promise<void> {
  for (const row of await ctx.db.query("providerLeaks").take(MAX_LEAKS))
    if (row.appName === appName) await ctx.db.delete("providerLeaks", row._id);
}

/** Id → first sight. */
export async function leaksSeen(ctx: QueryCtx): Promise<Record<string, number>> {
  const rows = await ctx.db.query("providerLeaks").take(MAX_LEAKS);
  return Object.fromEntries(rows.map((row) => [row.id, row.since]));
}

/** Machines and volumes without a live row, and live rows whose machine is missing or proven gone. */
export async function listLeaks(ctx: QueryCtx): Promise<Leak[]> {
  const rows = await ctx.db.query("providerLeaks").take(MAX_LEAKS);
  const withoutRow = rows.map(({ _id, _creationTime, ...leak }): Leak => leak);
  const withoutMachine = (await loadLiveWorkers(ctx)).flatMap((worker): Leak[] => {
    const since = worker.machineGoneAt ?? worker.missingSince;
    if (since === undefined) return [];
    const { workerId } = worker;
    const appName = worker.machineRef?.appName ?? worker.appName ?? null;
    const reason =
      worker.machineGoneAt === undefined
        ? "the machine of a live row is missing"
        : "the machine of a live row is gone; its volume is not yet proven gone";
    return [{ kind: "row", id: workerId, appName, workerId, reason, since }];
  });
  return [...withoutRow, ...withoutMachine];
}
