/** The answers of the gateway, parsed at the boundary. Unknown fields are ignored: the gateway may be newer. */
import { z } from "zod";

const attachment = z.object({
  kind: z.string(),
  status: z.string(),
  storageId: z.string().optional(),
  fileName: z.string().optional(),
  mimeType: z.string().optional(),
  sizeBytes: z.number().optional(),
  downloadUrl: z.string().optional(),
});
export type Attachment = z.infer<typeof attachment>;

const payload = z.object({
  provider: z.string(),
  providerUserId: z.string(),
  messageText: z.string(),
  metadata: z.record(z.string(), z.string()).optional(),
  attachments: z.array(attachment).optional(),
});
export type Payload = z.infer<typeof payload>;

export const jobSchema = z.object({
  messageId: z.string(),
  conversationId: z.string(),
  agentKey: z.string(),
  leaseId: z.string(),
  leaseExpiresAt: z.number(),
  payload,
});
export type Job = z.infer<typeof jobSchema>;

export const readySchema = z.object({
  conversationId: z.string().nullable(),
  agentKey: z.string().nullable(),
  heartbeatIntervalMs: z.number().positive(),
  leaseMs: z.number().positive(),
});
export type Ready = z.infer<typeof readySchema>;

export const pollSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("job"), job: jobSchema }),
  z.object({ kind: z.literal("idle"), retryAfterMs: z.number().nonnegative() }),
  z.object({ kind: z.literal("stop"), reason: z.string() }),
]);
export type Poll = z.infer<typeof pollSchema>;

const answerPart = z.object({
  text: z.string(),
  state: z.enum(["pending", "sending", "sent", "unknown"]),
  externalMessageId: z.string().optional(),
  sequence: z.number().optional(),
});
export type AnswerPart = z.infer<typeof answerPart>;
const answer = z.object({ text: z.string(), parts: z.array(answerPart) });
export type Answer = z.infer<typeof answer>;

const historyEntry = z.object({ role: z.string(), content: z.string(), at: z.number().optional() });
export type HistoryEntry = z.infer<typeof historyEntry>;

export const bundleSchema = z
  .object({
    messageId: z.string(),
    conversationId: z.string(),
    agentKey: z.string(),
    payload,
    conversationState: z.object({ contextHistory: z.array(historyEntry) }),
    telegramBotToken: z.string().nullable(),
    systemPrompt: z.string().nullish(),
    userText: z.string().optional(),
    answer: answer.nullish(),
  })
  .nullable();
export type Bundle = NonNullable<z.infer<typeof bundleSchema>>;

export const storedSchema = z.discriminatedUnion("stored", [
  z.object({ stored: z.literal(true), answer }),
  z.object({ stored: z.literal(false) }),
]);
export type Stored = z.infer<typeof storedSchema>;

export const deliverySchema = z.object({ proceed: z.boolean(), answer: answer.nullish() });
export type DeliveryRecord = z.infer<typeof deliverySchema>;
export type DeliveryState = "sending" | "sent" | "failed";

export const failSchema = z.object({
  requeued: z.boolean(),
  deadLettered: z.boolean(),
  nextScheduledFor: z.number().nullable(),
});
export type FailResult = z.infer<typeof failSchema>;

export const uploadSchema = z.object({
  snapshotId: z.string(),
  uploadUrl: z.string(),
  expiresAt: z.number(),
});
export type SnapshotUpload = z.infer<typeof uploadSchema>;
export type SnapshotReason = "drain" | "signal" | "manual";

export const latestSnapshotSchema = z
  .object({
    snapshotId: z.string(),
    downloadUrl: z.string(),
    // Rows of 3.x may lack both.
    sha256: z.string().nullish(),
    sizeBytes: z.number().nullish(),
    createdAt: z.number(),
  })
  .nullable();
export type LatestSnapshot = NonNullable<z.infer<typeof latestSnapshotSchema>>;

const skillFile = z.object({ path: z.string(), content: z.string(), sha256: z.string() });
export const manifestSchema = z.object({
  layoutVersion: z.string(),
  manifestVersion: z.string(),
  skills: z.array(
    z.object({
      slug: z.string(),
      version: z.string(),
      moduleFormat: z.enum(["esm", "cjs"]),
      entryPoint: z.string(),
      sha256: z.string(),
      skillDirName: z.string(),
      files: z.array(skillFile),
    }),
  ),
  /** Released, but left out by the component. */
  skipped: z.array(z.object({ slug: z.string(), reason: z.string() })).default([]),
});
export type SkillsManifest = z.infer<typeof manifestSchema>;

/** What a worker loaded, and what it would not load. */
export type SkillsReport = {
  /** The hash of the manifest over the loaded skills: that of the deployed manifest when none is missing. */
  manifestVersion: string;
  skills: { slug: string; version: string }[];
  refused: { slug: string; reason: string }[];
};

/** The envelope of every answer, in the shape of Convex's own HTTP API. */
export const envelopeSchema = z.discriminatedUnion("status", [
  z.object({ status: z.literal("success"), value: z.unknown() }),
  z.object({
    status: z.literal("error"),
    errorMessage: z.string().optional(),
    errorData: z.object({ code: z.string(), message: z.string().optional() }).nullish().catch(null),
  }),
]);
