/**
 * The releases of one skill on one channel are a stack: a deployment puts one on top, a rollback takes the top off.
 * What was taken off is marked and is not returned to, unless it is deployed or named again.
 */
export type HistoryEntry = {
  _id: string;
  _creationTime: number;
  versionId: string;
  isActive: boolean;
  activatedAt: number;
  rolledBackAt?: number;
};

export type RollbackPlan<R> =
  /** The version asked for is the active one. */
  | { kind: "current"; release: R }
  /** `passed`, top first, are marked; `release` is the new top. */
  | { kind: "reactivate"; release: R; passed: R[] }
  /** The version asked for is not below the top: it is put on it. */
  | { kind: "activate" }
  | { kind: "none" };

/** Newest activation first. */
export function newestFirst<R extends HistoryEntry>(releases: readonly R[]): R[] {
  return [...releases].sort(
    (a, b) => b.activatedAt - a.activatedAt || b._creationTime - a._creationTime,
  );
}

/**
 * Without `versionId`, back to the newest release that delivers another version than the active one; with it, back to
 * the newest release of that version.
 */
export function planRollback<R extends HistoryEntry>(
  releases: readonly R[],
  versionId?: string,
): RollbackPlan<R> {
  const active = newestFirst(releases).find((release) => release.isActive);
  const below = newestFirst(releases).filter(
    (release) => !release.isActive && release.rolledBackAt === undefined,
  );
  if (active !== undefined && active.versionId === versionId)
    return { kind: "current", release: active };
  const stack = active === undefined ? below : [active, ...below];
  const target = stack.findIndex(
    (release) =>
      release !== active &&
      (versionId === undefined
        ? release.versionId !== active?.versionId
        : release.versionId === versionId),
  );
  const release = stack[target];
  if (release !== undefined) return { kind: "reactivate", release, passed: stack.slice(0, target) };
  return versionId === undefined ? { kind: "none" } : { kind: "activate" };
}
