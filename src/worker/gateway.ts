/**
 * The gateway's functions, typed. Each says why repeating it is harmless, because every one of them may be
 * repeated: by us after a lost answer, or by a machine that took over.
 */
import type { Clock } from "./clock.js";
import { FunctionRefused, GatewayUnreachable } from "./errors.js";
import * as wire from "./protocol.js";
import { retrying, type Patience } from "./retry.js";
import type { CallKind, Transport } from "./transport.js";
import { z } from "zod";

export const DEFAULT_PATIENCE: Patience = { budgetMs: 60_000 };

export type Identity = { conversationId: string; agentKey: string };
type Lease = Pick<wire.Job, "messageId" | "leaseId">;

export type GatewayOptions = {
  transport: Transport;
  workerId: string;
  workspaceId: string;
  clock: Clock;
  random: () => number;
};

export type Gateway = ReturnType<typeof createGateway>;

/** The typed client over a transport. */
export function createGateway(options: GatewayOptions) {
  const { transport, workerId, workspaceId, clock, random } = options;

  const once = async <S extends z.ZodType>(
    kind: CallKind,
    fn: string,
    args: Record<string, unknown>,
    schema: S,
  ): Promise<z.infer<S>> => {
    const parsed = schema.safeParse(await transport(kind, fn, args));
    if (parsed.success) return parsed.data;
    const where = parsed.error.issues[0]?.path.join(".") ?? "";
    throw new FunctionRefused(200, "BAD_ANSWER", `${fn}: unreadable answer at "${where}".`);
  };

  const patiently = <S extends z.ZodType>(
    kind: CallKind,
    fn: string,
    args: Record<string, unknown>,
    schema: S,
    patience: Patience = DEFAULT_PATIENCE,
  ) => retrying(() => once(kind, fn, args, schema), patience, clock, random);

  return {
    /** Sets what is already set. */
    ready: (
      args: { restoredSnapshotId: string | null; engine: string; runtimeVersion?: string },
      patience?: Patience,
    ) => patiently("mutation", "workerReady", { workerId, ...args }, wire.readySchema, patience),

    /** A claim is repeatable: the holder of a live lease gets the same job. One try: the loop does the waiting. */
    poll: () => once("mutation", "workerPoll", { workerId }, wire.pollSchema),

    /** A query. */
    hydrate: (messageId: string, patience?: Patience) =>
      patiently(
        "query",
        "workerHydrationBundle",
        { messageId, workspaceId },
        wire.bundleSchema,
        patience,
      ),

    /** Extends the same lease again. One try: the next beat is the retry. */
    heartbeat: (lease: Lease) =>
      once("mutation", "workerHeartbeat", { workerId, ...leaseOf(lease) }, z.boolean()),

    /** Stored once per message; a repetition answers with what is stored. */
    storeAnswer: (lease: Lease, text: string, parts: string[], patience?: Patience) =>
      patiently(
        "mutation",
        "workerStoreAnswer",
        { workerId, ...leaseOf(lease), text, parts },
        wire.storedSchema,
        patience,
      ),

    /**
     * `sent` and `failed` set what is already set, and their number keeps late copies from undoing what came after them.
     * `sending` is the exception: found again, it means "interrupted",
     * so it gets one try here and `delivery/deliver.ts` decides how to go on after a lost answer.
     */
    recordDelivery: (
      lease: Lease,
      record: {
        part: number;
        state: wire.DeliveryState;
        sequence: number;
        externalMessageId?: string;
      },
      patience?: Patience,
    ) => {
      const args = { workerId, ...leaseOf(lease), ...record };
      return record.state === "sending"
        ? once("mutation", "workerRecordDelivery", args, wire.deliverySchema)
        : patiently("mutation", "workerRecordDelivery", args, wire.deliverySchema, patience);
    },

    /** Bound to the lease: after the first success the lease is gone, and `false` tells the same. */
    complete: async (lease: Lease, patience?: Patience): Promise<boolean> => {
      let doubtful = false;
      const attempt = async () => {
        try {
          return await once(
            "mutation",
            "workerComplete",
            { workerId, ...leaseOf(lease) },
            z.boolean(),
          );
        } catch (error) {
          if (error instanceof GatewayUnreachable) doubtful = true;
          throw error;
        }
      };
      const completed = await retrying(attempt, patience ?? DEFAULT_PATIENCE, clock, random);
      // The answer to an earlier try may have been lost: the message is done, only not by this call.
      return completed || doubtful;
    },

    /** Bound to the lease: a second report finds it gone and changes nothing. */
    fail: (
      lease: Lease,
      failure: { errorMessage: string; retryable: boolean; retryAfterMs?: number },
      patience?: Patience,
    ) =>
      patiently(
        "mutation",
        "workerFail",
        { workerId, ...leaseOf(lease), ...failure },
        wire.failSchema,
        patience,
      ),

    /** Bound to the lease, like `fail`. */
    handBack: (lease: Lease, reason: string, patience?: Patience) =>
      patiently(
        "mutation",
        "workerHandBack",
        { workerId, ...leaseOf(lease), reason },
        z.boolean(),
        patience,
      ),

    /** A repetition opens a second upload; the first is never finished and expires. */
    prepareSnapshot: (
      args: Identity & { reason: wire.SnapshotReason; parentSnapshotId?: string },
      patience?: Patience,
    ) =>
      patiently(
        "mutation",
        "workerPrepareSnapshotUpload",
        { workerId, workspaceId, ...args },
        wire.uploadSchema,
        patience,
      ),

    /** Sets the same values on the same row. */
    finalizeSnapshot: (
      args: { snapshotId: string; storageId: string; sha256: string; sizeBytes: number },
      patience?: Patience,
    ) =>
      patiently(
        "mutation",
        "workerFinalizeSnapshotUpload",
        { workerId, ...args },
        z.boolean(),
        patience,
      ),

    /** Sets the same state on the same row. */
    failSnapshot: (args: { snapshotId: string; error: string }, patience?: Patience) =>
      patiently(
        "mutation",
        "workerFailSnapshotUpload",
        { workerId, ...args },
        z.boolean(),
        patience,
      ),

    /** A query. */
    skillsManifest: (args: { releaseChannel: string }, patience?: Patience) =>
      patiently(
        "query",
        "workerGlobalSkillsManifest",
        { workerId, workspaceId, ...args },
        wire.manifestSchema,
        patience,
      ),

    /** Sets the same values on the same row. */
    reportSkills: (report: wire.SkillsReport, patience?: Patience) =>
      patiently("mutation", "workerReportSkills", { workerId, ...report }, z.boolean(), patience),

    /** A query. */
    latestSnapshot: (identity: Identity, patience?: Patience) =>
      patiently(
        "query",
        "workerLatestSnapshotForRestore",
        { workspaceId, ...identity },
        wire.latestSnapshotSchema,
        patience,
      ),
  };
}

/** Only what the functions take: a whole job has more fields, and unknown arguments are refused. */
function leaseOf({ messageId, leaseId }: Lease): Lease {
  return { messageId, leaseId };
}
