/**
 * A gateway in memory that keeps the rules of the protocol, for one worker, with faults on demand. Tests use it
 * directly (`transport`, `storage`) or over HTTP (`server.fixture.ts`).
 */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { LAYOUT_VERSION } from "../shared/skills/layout.js";
import { FunctionRefused, GatewayUnreachable, TokenRefused } from "./errors.js";
import type { Answer, AnswerPart, HistoryEntry, Payload, SnapshotReason } from "./protocol.js";
import type { SnapshotStorage } from "./snapshot/storage.js";
import type { Transport } from "./transport.js";

/** SHA-256 of "empty". */
const EMPTY_MANIFEST = createHash("sha256").update("empty").digest("hex");

export type FakeMessage = {
  messageId: string;
  conversationId: string;
  agentKey: string;
  payload: Payload;
  status: "queued" | "leased" | "done" | "dead";
  leaseId: string | null;
  leaseExpiresAt: number;
  attempts: number;
  answer: Answer | null;
  lastError: string | null;
  retryable: boolean | null;
  retryAfterMs: number | null;
  dueAt: number;
};
export type FakeSnapshot = {
  snapshotId: string;
  conversationId: string;
  reason: SnapshotReason;
  parent: string | null;
  status: "uploading" | "ready" | "failed";
  storageId: string | null;
  sha256: string | null;
  sizeBytes: number | null;
  lineage: "main" | "detached" | null;
};
/** `lost`: done, but the answer never arrives. `network`: never done. A number: that HTTP status, not done. */
export type Fault = "lost" | "network" | number;
type Args = Record<string, unknown>;

export type FakeGatewayOptions = {
  now: () => number;
  conversationId?: string;
  agentKey?: string;
  onUnknown?: "silence" | "duplicate";
  leaseMs?: number;
  heartbeatIntervalMs?: number;
  idleMs?: number;
  telegramBotToken?: string | null;
  maxAttempts?: number;
};

export type FakeGateway = ReturnType<typeof createFakeGateway>;

export function createFakeGateway(options: FakeGatewayOptions) {
  const { now } = options;
  const leaseMs = options.leaseMs ?? 360_000;
  const messages: FakeMessage[] = [];
  const history: (HistoryEntry & { messageId: string })[] = [];
  const snapshots: FakeSnapshot[] = [];
  const files = new Map<string, Buffer>();
  const calls: { fn: string; args: Args; at: number }[] = [];
  const faults = new Map<string, Fault[]>();
  const hooks = new Map<string, () => void>();
  const state = {
    conversationId: options.conversationId ?? null,
    agentKey: options.agentKey ?? "support",
    stop: null as string | null,
    tokenValid: true,
    skills: {
      layoutVersion: LAYOUT_VERSION,
      manifestVersion: EMPTY_MANIFEST,
      skills: [],
    } as unknown,
    reportedSkills: null as Args | null,
    restoredSnapshotId: undefined as string | null | undefined,
    /** How storage addresses begin; the HTTP server puts its own here. */
    storageBase: "memory:/",
  };
  let ids = 0;
  const newId = (kind: string) => `${kind}${++ids}`;

  const refuse = (status: number, code: string): never => {
    throw new FunctionRefused(status, code, code);
  };
  const text = (args: Args, name: string): string => {
    const value = args[name];
    return typeof value === "string" ? value : refuse(400, "INVALID_ARGUMENT");
  };
  const held = (args: Args): FakeMessage | null => {
    const found = messages.find((message) => message.messageId === text(args, "messageId"));
    const live =
      found?.status === "leased" &&
      found.leaseId === text(args, "leaseId") &&
      found.leaseExpiresAt > now();
    return live ? found : null;
  };
  const release = (message: FakeMessage, status: FakeMessage["status"]) => {
    message.status = status;
    message.leaseId = null;
  };
  const charge = (message: FakeMessage, retryable: boolean, waitMs: number) => {
    message.attempts++;
    const dead = !retryable || message.attempts >= (options.maxAttempts ?? 5);
    release(message, dead ? "dead" : "queued");
    message.dueAt = now() + waitMs;
    return dead;
  };
  const head = () =>
    snapshots.findLast((row) => row.status === "ready" && row.lineage === "main") ?? null;
  const jobOf = ({
    messageId,
    conversationId,
    agentKey,
    leaseExpiresAt,
    payload,
  }: FakeMessage) => ({
    ...{ messageId, conversationId, agentKey, leaseExpiresAt, payload },
    leaseId: messages.find((message) => message.messageId === messageId)?.leaseId,
  });

  const poll = () => {
    for (const message of messages) {
      const expired = message.status === "leased" && message.leaseExpiresAt <= now();
      if (expired) charge(message, true, 0);
    }
    const mine = messages.find((message) => message.status === "leased");
    if (mine) return { kind: "job", job: jobOf(mine) };
    if (state.stop !== null) return { kind: "stop", reason: state.stop };
    const next = messages.find(
      (message) =>
        message.status === "queued" &&
        message.dueAt <= now() &&
        (state.conversationId ?? message.conversationId) === message.conversationId,
    );
    if (!next) return { kind: "idle", retryAfterMs: options.idleMs ?? 10_000 };
    next.status = "leased";
    next.leaseId = newId("lease");
    next.leaseExpiresAt = now() + leaseMs;
    state.conversationId = next.conversationId;
    return { kind: "job", job: jobOf(next) };
  };

  const functions: Record<string, (args: Args) => unknown> = {
    workerReady: (args) => {
      state.restoredSnapshotId = args["restoredSnapshotId"] as string | null;
      return {
        conversationId: state.conversationId,
        agentKey: state.conversationId === null ? null : state.agentKey,
        heartbeatIntervalMs: options.heartbeatIntervalMs ?? 10_000,
        leaseMs,
      };
    },
    workerPoll: poll,
    workerHydrationBundle: (args) => {
      const message = messages.find((row) => row.messageId === text(args, "messageId"));
      if (message?.status !== "leased") return null;
      const { messageId, conversationId, agentKey, payload, answer } = message;
      return {
        ...{ messageId, conversationId, agentKey, payload, answer },
        conversationState: {
          contextHistory: history.filter((entry) => entry.messageId !== messageId),
          pendingToolCalls: [],
        },
        telegramBotToken: options.telegramBotToken ?? null,
        bridgeRuntimeConfig: null,
        systemPrompt: "Be kind.",
        userText: payload.messageText,
        deliveryPolicy: { onUnknown: options.onUnknown ?? "silence" },
      };
    },
    workerHeartbeat: (args) => {
      const message = held(args);
      if (message) message.leaseExpiresAt = now() + leaseMs;
      return message !== null;
    },
    workerStoreAnswer: (args) => {
      const message = held(args);
      if (!message) return { stored: false };
      if (message.answer === null) {
        const parts = (args["parts"] as string[]).map((part): AnswerPart => ({
          text: part,
          state: "pending",
        }));
        message.answer = { text: text(args, "text"), parts };
        const { messageId } = message;
        history.push({ role: "user", content: message.payload.messageText, messageId });
        history.push({ role: "assistant", content: message.answer.text, messageId });
      }
      return { stored: true, answer: message.answer };
    },
    workerRecordDelivery: (args) => {
      const message = held(args);
      const part = message?.answer?.parts[Number(args["part"])];
      if (!message || !part) return { proceed: false, answer: null };
      const { state: report } = args;
      const sequence = Number(args["sequence"] ?? Number.NaN);
      if (sequence <= (part.sequence ?? 0) && report !== "sent") {
        const stands = part.state === (report === "sending" ? "sending" : "pending");
        return {
          proceed: sequence === part.sequence && stands,
          answer: message.answer,
        };
      }
      if (Number.isInteger(sequence)) part.sequence = Math.max(sequence, part.sequence ?? 0);
      let proceed = false;
      if (part.state === "pending" || part.state === "sending") {
        const again = report === "sending" && part.state === "sending";
        const silent = again && (options.onUnknown ?? "silence") === "silence";
        proceed = report !== "sent" && !silent;
        part.state = silent
          ? "unknown"
          : report === "sent"
            ? "sent"
            : report === "failed"
              ? "pending"
              : "sending";
        if (typeof args["externalMessageId"] === "string") {
          part.externalMessageId = args["externalMessageId"];
        }
      }
      return { proceed, answer: message.answer };
    },
    workerComplete: (args) => {
      const message = held(args);
      if (message) release(message, "done");
      return message !== null;
    },
    workerFail: (args) => {
      const message = held(args);
      if (!message) return { requeued: false, deadLettered: false, nextScheduledFor: null };
      message.lastError = text(args, "errorMessage");
      message.retryable = args["retryable"] !== false;
      message.retryAfterMs = (args["retryAfterMs"] as number | undefined) ?? null;
      const dead = charge(message, message.retryable, message.retryAfterMs ?? 1_000);
      return { requeued: !dead, deadLettered: dead, nextScheduledFor: dead ? null : message.dueAt };
    },
    workerHandBack: (args) => {
      const message = held(args);
      if (message) release(message, "queued");
      return message !== null;
    },
    workerPrepareSnapshotUpload: (args) => {
      if (text(args, "conversationId") !== state.conversationId) refuse(403, "FORBIDDEN");
      const snapshotId = newId("snapshot");
      snapshots.push({
        snapshotId,
        conversationId: text(args, "conversationId"),
        reason: args["reason"] as SnapshotReason,
        parent: (args["parentSnapshotId"] as string | undefined) ?? null,
        status: "uploading",
        ...{ storageId: null, sha256: null, sizeBytes: null, lineage: null },
      });
      const uploadUrl = `${state.storageBase}/upload/${snapshotId}`;
      return { snapshotId, uploadUrl, expiresAt: now() + 3_600_000 };
    },
    workerFinalizeSnapshotUpload: (args) => {
      const row = snapshots.find((snapshot) => snapshot.snapshotId === text(args, "snapshotId"));
      const file = files.get(text(args, "storageId"));
      if (!row || !file || row.status === "failed") return false;
      if (row.status === "ready") return true;
      const sha256 = createHash("sha256").update(file).digest("hex");
      const good = sha256 === args["sha256"] && file.length === args["sizeBytes"];
      const before = head();
      row.status = good ? "ready" : "failed";
      row.lineage = before === null || before.snapshotId === row.parent ? "main" : "detached";
      Object.assign(row, { storageId: args["storageId"], sha256, sizeBytes: file.length });
      return good;
    },
    workerFailSnapshotUpload: (args) => {
      const row = snapshots.find((snapshot) => snapshot.snapshotId === text(args, "snapshotId"));
      if (row?.status === "uploading") row.status = "failed";
      return row !== undefined;
    },
    workerGlobalSkillsManifest: () => state.skills,
    workerReportSkills: (args) => {
      state.reportedSkills = args;
      return true;
    },
    workerLatestSnapshotForRestore: () => {
      const row = head();
      if (row === null) return null;
      const { snapshotId, storageId, sha256, sizeBytes } = row;
      const downloadUrl = `${state.storageBase}/files/${storageId ?? ""}`;
      return { snapshotId, downloadUrl, sha256, sizeBytes, createdAt: now() };
    },
  };

  const transport: Transport = (_kind, fn, args) => {
    calls.push({ fn, args, at: now() });
    hooks.get(fn)?.();
    const key = fn === "workerRecordDelivery" ? `${fn}:${String(args["state"])}` : fn;
    const fault = faults.get(key)?.shift() ?? faults.get(fn)?.shift();
    const act = (): unknown => {
      if (!state.tokenValid)
        throw new TokenRefused("The gateway does not know this worker's token.");
      if (fault === "network") throw new GatewayUnreachable(`${fn}: ECONNRESET`);
      if (typeof fault === "number") {
        if (fault === 429 || (fault >= 500 && fault !== 560))
          throw new GatewayUnreachable(`${fn}: ${fault}`);
        refuse(fault, "SCRIPTED");
      }
      const handler = functions[fn] ?? (() => refuse(404, "NOT_FOUND"));
      // What crosses a wire is a copy.
      const value: unknown = JSON.parse(JSON.stringify(handler(structuredClone(args))));
      if (fault === "lost") throw new GatewayUnreachable(`${fn}: answer lost`);
      return value;
    };
    try {
      return Promise.resolve(act());
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  };

  const storage: SnapshotStorage = {
    upload: async (_url, file) => {
      const fault = faults.get("upload")?.shift();
      if (fault !== undefined) throw new GatewayUnreachable("The snapshot upload broke off.");
      const storageId = newId("file");
      files.set(storageId, await readFile(file));
      return storageId;
    },
    download: async (url, file) => {
      const bytes = files.get(url.split("/").at(-1) ?? "");
      if (bytes === undefined) throw new Error("The snapshot download was answered with 404.");
      await writeFile(file, bytes);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      return { sha256, sizeBytes: bytes.length };
    },
  };

  return {
    ...{ transport, storage, messages, history, snapshots, files, calls, state, newId, head },
    /** The next calls of `fn` (or `workerRecordDelivery:<state>`, or `upload`) fail like this. */
    fault: (fn: string, ...list: Fault[]) =>
      void faults.set(fn, [...(faults.get(fn) ?? []), ...list]),
    /** Runs at every call of `fn`, before it has any effect. */
    onCall: (fn: string, hook: () => void) => void hooks.set(fn, hook),
    count: (fn: string) => calls.filter((call) => call.fn === fn).length,
    enqueue: (messageText: string, more: Partial<FakeMessage> & { provider?: string } = {}) => {
      const { provider, ...rest } = more;
      const message: FakeMessage = {
        messageId: newId("message"),
        conversationId: options.conversationId ?? "c1",
        agentKey: state.agentKey,
        payload: { provider: provider ?? "api", providerUserId: "u1", messageText },
        status: "queued",
        ...{ leaseId: null, leaseExpiresAt: 0, attempts: 0, answer: null, lastError: null },
        ...{ retryable: null, retryAfterMs: null, dueAt: 0 },
        ...rest,
      };
      messages.push(message);
      return message;
    },
    /** What lease expiry or an operator does: the holder's lease is worth nothing any more. */
    revokeLease: (message: FakeMessage) => void (message.leaseId = newId("other-lease")),
  };
}
