/** The pure part of a cleanup: what belongs to it, and how its report reads. */
import type { ProviderMachine, ProviderVolume } from "../providers/validators.js";
import { MACHINE_TAGS, MANAGED_BY } from "../providers/validators.js";
import {
  MAX_IDS,
  MAX_ISSUES,
  type CleanupReport,
  type CleanupScope,
  type CleanupState,
  type Issue,
  type Tally,
} from "./validators.js";

/** `requested` as a whole number of at least 1 and at most `max`; the default when it is no number. */
export function boundedConcurrency(
  requested: number | undefined,
  limits: { default: number; max: number },
): number {
  if (requested === undefined || !Number.isFinite(requested)) return limits.default;
  return Math.min(limits.max, Math.max(1, Math.floor(requested)));
}

/** True when the tags name this deployment. Tags that are not shown prove nothing. */
export function isManaged(machine: ProviderMachine, deploymentId: string): boolean {
  const tags = machine.tags ?? {};
  return (
    deploymentId !== "" &&
    tags[MACHINE_TAGS.managedBy] === MANAGED_BY &&
    tags[MACHINE_TAGS.deployment] === deploymentId
  );
}

export function machinesInScope(
  machines: readonly ProviderMachine[],
  scope: CleanupScope,
  deploymentId: string,
): ProviderMachine[] {
  const there = machines.filter((machine) => machine.phase !== "destroyed");
  return scope === "app" ? there : there.filter((machine) => isManaged(machine, deploymentId));
}

/**
 * Volumes that still cost something and belong to the cleanup. A volume carries no tags: with scope "managed" it is ours
 * when one of our rows or machines names it, unless a machine that is not ours holds it.
 */
export function volumesInScope(
  volumes: readonly ProviderVolume[],
  scope: CleanupScope,
  ours: { volumeIds: ReadonlySet<string>; foreignMachineIds: ReadonlySet<string> },
): ProviderVolume[] {
  const costing = volumes.filter((volume) => !volume.dying);
  if (scope === "app") return costing;
  return costing.filter(
    ({ volumeId, attachedMachineId }) =>
      ours.volumeIds.has(volumeId) && !ours.foreignMachineIds.has(attachedMachineId ?? ""),
  );
}

/** `tally` with what was learnt since; what is gone does not remain. */
export function extendTally(tally: Tally, news: Partial<Tally>): Tally {
  const union = (a: readonly string[], b: readonly string[] = []) =>
    [...new Set([...a, ...b])].slice(0, MAX_IDS);
  const gone = union(tally.gone, news.gone);
  const remaining = news.remaining ?? tally.remaining;
  return {
    found: union(union(tally.found, news.found), [...gone, ...remaining]),
    gone: gone.filter((id) => !(news.remaining ?? []).includes(id)),
    remaining: remaining.slice(0, MAX_IDS),
  };
}

/** Newer words about the same trouble replace older ones. */
export function extendIssues(issues: readonly Issue[], news: readonly Issue[]): Issue[] {
  const bySubject = new Map([...issues, ...news].map((issue) => [keyOf(issue), issue]));
  return [...bySubject.values()].slice(-MAX_ISSUES);
}

/** The provider's words carry ids of their requests: equal but for them is the same. */
function keyOf({ subject, level, text }: Issue): string {
  return `${level}/${subject}/${text.replace(/\b[0-9A-Za-z]{20,}\S*/g, "")}`;
}

/** An error about something that is gone in the end was none. */
export function toReport(run: {
  appName: string;
  /** Absent: it was only looked. */
  state?: CleanupState;
  machines: Tally;
  volumes: Tally;
  issues: readonly Issue[];
}): CleanupReport {
  const { appName } = run;
  // Until it was verified, what was found remains, as far as it is not gone.
  const isVerified = run.state === undefined || run.state === "finished";
  const known = (tally: Tally): Tally =>
    isVerified
      ? tally
      : { ...tally, remaining: tally.found.filter((id) => !tally.gone.includes(id)) };
  const [machines, volumes] = [known(run.machines), known(run.volumes)];
  const gone = new Set([...machines.gone, ...volumes.gone]);
  const isError = ({ level, subject }: Issue) => level === "error" && !gone.has(subject);
  const left = (kind: string, ids: readonly string[]) =>
    ids.length === 0 || !isVerified
      ? []
      : [`Fly cleanup left ${ids.length} ${kind}(s) after verification: ${ids.join(", ")}`];
  return {
    appName,
    machinesFound: machines.found.length,
    machinesDeleted: machines.gone.length,
    machinesRemaining: machines.remaining.length,
    machineIdsDeleted: machines.gone,
    machineIdsRemaining: machines.remaining,
    volumesFound: volumes.found.length,
    volumesDeleted: volumes.gone.length,
    volumesRemaining: volumes.remaining.length,
    volumeIdsDeleted: volumes.gone,
    volumeIdsRemaining: volumes.remaining,
    warnings: [
      ...run.issues.filter((issue) => !isError(issue)).map(({ text }) => text),
      ...left("machine", machines.remaining),
      ...left("volume", volumes.remaining),
    ],
    errors: run.issues.filter(isError).map(({ text }) => text),
  };
}
