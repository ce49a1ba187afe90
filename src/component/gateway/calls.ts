/** The bodies of gateway calls, parsed at the door. Unknown fields are refused, as by Convex's own validators. */
import { z } from "zod";
import { refuse } from "../../shared/errors.js";
import {
  MAX_ACTIVE_SKILLS_PER_SCOPE,
  MAX_MANIFEST_SKILLS,
  MAX_TEXT_LENGTH,
} from "../skills/validators.js";
import type { Worker } from "../workers/ops.js";
import type { GATEWAY_FUNCTIONS, GatewayFunctionName } from "./protocol.js";

// The isolate may refuse code generation from strings, which zod would otherwise try.
z.config({ jitless: true });

const id = z.string().min(1).max(512);
const workerId = id.optional();
const lease = { workerId, messageId: id, leaseId: id };
const metadata = z.record(z.string(), z.string());
const restoreKey = { workspaceId: id, agentKey: id, conversationId: id };
const entry = z.strictObject({
  role: z.enum(["system", "user", "assistant", "tool"]),
  content: z.string(),
  at: z.number().finite().optional(),
});

export const CALL_SCHEMAS = {
  workerReady: z.strictObject({
    workerId,
    restoredSnapshotId: id.nullable(),
    engine: z.string().max(100),
    runtimeVersion: z.string().max(100).optional(),
  }),
  workerPoll: z.strictObject({ workerId }),
  workerControlState: z.strictObject({ workerId }),
  workerClaim: z.strictObject({ workerId, conversationId: id.optional() }),
  workerConversationHasQueued: z.strictObject({ conversationId: id }),
  workerHydrationBundle: z.strictObject({ messageId: id, workspaceId: id }),
  workerHeartbeat: z.strictObject(lease),
  workerStoreAnswer: z.strictObject({ ...lease, text: z.string(), parts: z.array(z.string()) }),
  workerRecordDelivery: z.strictObject({
    ...lease,
    part: z.number().int().min(0),
    state: z.enum(["sending", "sent", "failed"]),
    sequence: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
    externalMessageId: id.optional(),
  }),
  workerAppendConversationMessages: z.strictObject({
    conversationId: id,
    workspaceId: id.optional(),
    messages: z.array(entry),
  }),
  workerComplete: z.strictObject(lease),
  workerFail: z.strictObject({
    ...lease,
    errorMessage: z.string(),
    retryable: z.boolean().optional(),
    retryAfterMs: z.number().finite().optional(),
  }),
  workerHandBack: z.strictObject({ ...lease, reason: z.string() }),
  workerPrepareSnapshotUpload: z.strictObject({
    workerId,
    ...restoreKey,
    reason: z.enum(["drain", "signal", "manual"]),
    parentSnapshotId: id.optional(),
  }),
  workerFinalizeSnapshotUpload: z.strictObject({
    workerId,
    snapshotId: id,
    storageId: id,
    sha256: z.string().min(1).max(128),
    sizeBytes: z.number().int().min(0),
  }),
  workerFailSnapshotUpload: z.strictObject({ workerId, snapshotId: id, error: z.string() }),
  workerLatestSnapshotForRestore: z.strictObject(restoreKey),
  workerGenerateMediaUploadUrl: z.strictObject({}),
  workerGetStorageFileUrl: z.strictObject({ storageId: id }),
  workerAttachMessageMetadata: z.strictObject({ messageId: id, metadata }),
  workerGlobalSkillsManifest: z.strictObject({
    workspaceId: id.optional(),
    workerId,
    releaseChannel: z.enum(["stable", "canary"]).optional(),
  }),
  workerReportSkills: z.strictObject({
    workerId,
    manifestVersion: z.string().min(1).max(128),
    skills: z.array(z.strictObject({ slug: id, version: id })).max(MAX_MANIFEST_SKILLS),
    refused: z
      .array(z.strictObject({ slug: id, reason: z.string().max(MAX_TEXT_LENGTH) }))
      .max(MAX_ACTIVE_SKILLS_PER_SCOPE),
  }),
} as const satisfies Record<GatewayFunctionName, z.ZodType>;

export type CallArgs<N extends GatewayFunctionName> = z.infer<(typeof CALL_SCHEMAS)[N]>;

/** @throws INVALID_ARGUMENT naming the fields that are wrong; their values are not repeated */
export function parseCall<N extends GatewayFunctionName>(name: N, args: unknown): CallArgs<N> {
  const parsed = CALL_SCHEMAS[name].safeParse(args);
  if (parsed.success) return parsed.data as CallArgs<N>;
  const fields = parsed.error.issues.map((issue) =>
    issue.code === "unrecognized_keys"
      ? `unknown ${issue.keys.join(", ")}`
      : `${issue.path.join(".") || "args"}: ${issue.code}`,
  );
  return refuse("INVALID_ARGUMENT", `${name}: ${fields.join("; ")}`);
}

export type NamesThatRunAs<R extends "query" | "mutation"> = {
  [N in GatewayFunctionName]: (typeof GATEWAY_FUNCTIONS)[N]["runs"] extends R ? N : never;
}[GatewayFunctionName];

/** What answers a call, for the worker that its token belongs to. */
export type Verb<Ctx, N extends GatewayFunctionName> = (
  ctx: Ctx,
  worker: Worker,
  args: CallArgs<N>,
  now: number,
) => Promise<unknown>;
