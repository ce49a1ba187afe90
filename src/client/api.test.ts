/** The whole exposed API as a reviewed table: what each function is, who may call it, and that `auth` comes first. */
import { componentsGeneric, type RequestMetadata } from "convex/server";
import { describe, expect, test, vi } from "vitest";
import * as componentLib from "../component/lib.js";
import { apiDefinitions, operatorDefinitions } from "./exposeApi.js";
import {
  exposeApi,
  exposeOperatorApi,
  type ComponentApi,
  type Operation,
  type ProviderConfig,
} from "./index.js";

const component = (componentsGeneric() as unknown as { agentFactory: ComponentApi }).agentFactory;

const Q = "query" as const;
const M = "mutation" as const;
const A = "action" as const;

/** name: [kind, type, sensitivity, function of the component]. A change here is a change of the public contract. */
const TABLE = {
  enqueue: [M, "write", "user", "enqueue"],
  generateMediaUploadUrl: [M, "write", "user", "generateMediaUploadUrl"],
  listConversationMessages: [Q, "read", "user", "listConversationMessages"],
  listQueueItemsForConversation: [Q, "read", "user", "listQueueItemsForConversation"],
  listSnapshotsForConversation: [Q, "read", "user", "listSnapshotsForConversation"],
  registerUploadedFile: [M, "write", "user", "registerUploadedFile"],

  bindUserAgent: [M, "write", "user", "bindUserAgent"],
  createPairingCode: [M, "write", "user", "createPairingCode"],
  createUserAgentPairing: [M, "write", "user", "createUserAgentPairing"],
  getActiveUserAgent: [Q, "read", "user", "getActiveUserAgent"],
  getAgentOperationalReadiness: [Q, "read", "user", "getAgentOperationalReadiness"],
  getTelegramAgentReadiness: [Q, "read", "user", "getTelegramAgentReadiness"],
  getUserAgent: [Q, "read", "user", "getUserAgent"],
  getUserAgentBinding: [Q, "read", "user", "getUserAgentBinding"],
  getUserAgentOnboardingState: [Q, "read", "user", "getUserAgentOnboardingState"],
  getUserAgentPairingStatus: [Q, "read", "user", "getUserAgentPairingStatus"],
  getUserAgentsOverview: [Q, "read", "user", "getUserAgentsOverview"],
  listUserAgents: [Q, "read", "user", "listUserAgents"],
  myAgentKey: [Q, "read", "user", "resolveAgentForUser"],
  revokeUserAgentBinding: [M, "write", "user", "revokeUserAgentBinding"],

  importTelegramTokenForAgent: [A, "write", "user", "importTelegramTokenForAgent"],

  configureTelegramWebhook: [A, "write", "operator", "configureTelegramWebhook"],
  deleteQuarantinedTelegramUpdate: [M, "write", "operator", "deleteQuarantinedTelegramUpdate"],
  getQuarantinedTelegramUpdate: [Q, "read", "operator", "getQuarantinedTelegramUpdate"],
  getWebhookReadiness: [A, "write", "operator", "getWebhookReadiness"],
  listQuarantinedTelegramUpdates: [Q, "read", "operator", "listQuarantinedTelegramUpdates"],
  reconcileTelegramBotIdentityForAgent: [
    A,
    "write",
    "operator",
    "reconcileTelegramBotIdentityForAgent",
  ],
  resubmitQuarantinedTelegramUpdate: [M, "write", "operator", "resubmitQuarantinedTelegramUpdate"],

  consumePairingCode: [M, "write", "operator", "consumePairingCode"],
  getPairingCodeStatus: [Q, "read", "operator", "getPairingCodeStatus"],
  getProviderOperationalReadiness: [Q, "read", "operator", "getProviderOperationalReadiness"],
  getRequiredSecretRefs: [Q, "read", "operator", "getRequiredSecretRefs"],
  listBlockedTelegramChats: [Q, "read", "operator", "listBlockedTelegramChats"],
  resolveAgentForTelegram: [Q, "read", "operator", "resolveAgentForTelegram"],
  softResetTelegramBindingsMissingBotIdentity: [
    M,
    "write",
    "operator",
    "softResetTelegramBindingsMissingBotIdentity",
  ],

  configureAgent: [M, "write", "operator", "configureAgent"],
  listAgents: [Q, "read", "operator", "listAgentProfiles"],
  seedDefaultAgent: [M, "write", "operator", "configureAgent"],

  deactivateSecret: [M, "write", "operator", "deactivateSecret"],
  importSecret: [M, "write", "operator", "importSecret"],
  resealSecrets: [M, "write", "operator", "resealSecrets"],
  secretStatus: [Q, "read", "operator", "secretStatus"],
  secretsKeyStatus: [Q, "read", "operator", "secretsKeyStatus"],

  startUpgrade: [M, "write", "operator", "startUpgrade"],
  upgradeStatus: [Q, "read", "operator", "upgradeStatus"],

  getMessageRuntimeConfig: [Q, "read", "operator", "messageRuntimeConfig"],
  getPolicyConfig: [Q, "read", "operator", "policyConfig"],
  getProviderRuntimeConfig: [Q, "read", "operator", "providerRuntimeConfig"],
  getWorkerRuntimeConfig: [Q, "read", "operator", "workerRuntimeConfig"],
  setMessageRuntimeConfig: [M, "write", "operator", "setMessageRuntimeConfig"],
  setPolicyConfig: [M, "write", "operator", "setPolicyConfig"],
  setProviderRuntimeConfig: [M, "write", "operator", "setProviderRuntimeConfig"],
  setWorkerRuntimeConfig: [M, "write", "operator", "setWorkerRuntimeConfig"],

  listConversationsByState: [Q, "read", "operator", "listConversationsByState"],
  listDeadLetterGroups: [Q, "read", "operator", "listDeadLetterGroups"],
  listDeadLetters: [Q, "read", "operator", "listDeadLetters"],
  listJobsByStatus: [Q, "read", "operator", "listJobsByStatus"],
  listMessageEvents: [Q, "read", "operator", "listMessageEvents"],
  pauseAgent: [M, "write", "operator", "pauseAgent"],
  pauseConversation: [M, "write", "operator", "pauseConversation"],
  queueStats: [Q, "read", "operator", "queueStats"],
  redriveDeadLetters: [M, "write", "operator", "redriveDeadLetters"],
  resumeAgent: [M, "write", "operator", "resumeAgent"],
  resumeConversation: [M, "write", "operator", "resumeConversation"],
  skipMessage: [M, "write", "operator", "skipMessage"],

  checkIdleShutdowns: [A, "write", "operator", "checkIdleShutdowns"],
  deleteFlyVolume: [A, "write", "operator", "deleteFlyVolume"],
  drainWorker: [M, "write", "operator", "drainWorker"],
  lastCleanupReport: [Q, "read", "operator", "lastCleanupReport"],
  runFlyCleanup: [A, "write", "operator", "runFlyCleanup"],
  explainPass: [Q, "read", "operator", "explainPass"],
  listWorkerEvents: [Q, "read", "operator", "listWorkerEvents"],
  listWorkers: [Q, "read", "operator", "listWorkers"],
  recoverQueue: [A, "write", "operator", "releaseStuckJobs"],
  startWorkers: [A, "write", "operator", "reconcileWorkers"],
  workerStats: [Q, "read", "operator", "workerStats"],

  globalSkillsDelete: [M, "write", "operator", "deleteGlobalSkill"],
  globalSkillsDeploy: [M, "write", "operator", "deployGlobalSkill"],
  globalSkillsList: [Q, "read", "operator", "listGlobalSkills"],
  globalSkillsReleases: [Q, "read", "operator", "listGlobalSkillReleases"],
  globalSkillsRollback: [M, "write", "operator", "rollbackGlobalSkill"],
  globalSkillsSetStatus: [M, "write", "operator", "setGlobalSkillStatus"],

  workerAppendConversationMessages: [M, "write", "worker", "appendConversationMessages"],
  workerAttachMessageMetadata: [M, "write", "worker", "attachMessageMetadata"],
  workerClaim: [M, "write", "worker", "claim"],
  workerComplete: [M, "write", "worker", "complete"],
  workerControlState: [Q, "read", "worker", "getWorkerControlState"],
  workerConversationHasQueued: [Q, "read", "worker", "hasQueuedJobsForConversation"],
  workerFail: [M, "write", "worker", "fail"],
  workerFailSnapshotUpload: [M, "write", "worker", "failDataSnapshotUpload"],
  workerFinalizeSnapshotUpload: [M, "write", "worker", "finalizeDataSnapshotUpload"],
  workerGenerateMediaUploadUrl: [M, "write", "worker", "generateMediaUploadUrl"],
  workerGetStorageFileUrl: [Q, "read", "worker", "getStorageFileUrl"],
  workerGlobalSkillsManifest: [Q, "read", "worker", "getWorkerGlobalSkillsManifest"],
  workerHeartbeat: [M, "write", "worker", "heartbeat"],
  workerHydrationBundle: [Q, "read", "worker", "getHydrationBundle"],
  workerLatestSnapshotForRestore: [Q, "read", "worker", "getLatestDataSnapshotForRestore"],
  workerPrepareSnapshotUpload: [M, "write", "worker", "prepareDataSnapshotUpload"],

  getConversationViewForUserAgent: [Q, "read", "user", "getConversationViewForUserAgent"],
  getLatestSnapshotForUserAgent: [Q, "read", "user", "getLatestSnapshotForUserAgent"],
  getUserAgentConversationStats: [Q, "read", "user", "getUserAgentConversationStats"],
  getUserAgentPushStats: [Q, "read", "user", "getUserAgentPushStats"],
  getUserAgentUsageStats: [Q, "read", "user", "getUserAgentUsageStats"],
  listQueueItemsForUserAgent: [Q, "read", "user", "listQueueItemsForUserAgent"],
  listSnapshotsForUserAgent: [Q, "read", "user", "listSnapshotsForUserAgent"],
  sendMessageTemplateToUserAgent: [M, "write", "user", "sendMessageTemplateToUserAgent"],
  sendMessageToUserAgent: [M, "write", "user", "sendMessageToUserAgent"],

  createMessageTemplate: [M, "write", "user", "createMessageTemplate"],
  deleteMessageTemplate: [M, "write", "user", "deleteMessageTemplate"],
  listMessageTemplatesByCompany: [Q, "read", "user", "listMessageTemplatesByCompany"],
  updateMessageTemplate: [M, "write", "user", "updateMessageTemplate"],

  createPushTemplate: [M, "write", "user", "createPushTemplate"],
  deletePushTemplate: [M, "write", "user", "deletePushTemplate"],
  listPushTemplatesByCompany: [Q, "read", "user", "listPushTemplatesByCompany"],
  updatePushTemplate: [M, "write", "user", "updatePushTemplate"],

  createPushJobCustom: [M, "write", "user", "createPushJobCustom"],
  createPushJobCustomForAgent: [M, "write", "user", "createPushJobCustomForAgent"],
  createPushJobFromTemplate: [M, "write", "user", "createPushJobFromTemplate"],
  createPushJobFromTemplateForAgent: [M, "write", "user", "createPushJobFromTemplateForAgent"],
  deletePushJob: [M, "write", "user", "deletePushJob"],
  listPushDispatchesByJob: [Q, "read", "user", "listPushDispatchesByJob"],
  listPushDispatchesForAgent: [Q, "read", "user", "listPushDispatchesForAgent"],
  listPushJobsForAgent: [Q, "read", "user", "listPushJobsForAgent"],
  listPushJobsForUser: [Q, "read", "user", "listPushJobsForUser"],
  setPushJobEnabled: [M, "write", "user", "setPushJobEnabled"],
  triggerPushJobNow: [M, "write", "user", "triggerPushJobNow"],
  triggerPushJobNowForAgent: [M, "write", "user", "triggerPushJobNowForAgent"],
  updatePushJob: [M, "write", "user", "updatePushJob"],
  updatePushJobForAgent: [M, "write", "user", "updatePushJobForAgent"],

  cancelBroadcast: [M, "write", "operator", "cancelBroadcast"],
  dispatchDuePushJobs: [M, "write", "operator", "dispatchDuePushJobs"],
  explainMessage: [Q, "read", "operator", "explainMessage"],
  listBroadcastReceipts: [Q, "read", "operator", "listBroadcastReceipts"],
  listBroadcasts: [Q, "read", "operator", "listBroadcasts"],
  previewBroadcast: [Q, "read", "operator", "previewBroadcast"],
  sendBroadcastToAllActiveAgents: [M, "write", "operator", "sendBroadcastToAllActiveAgents"],
} as const;
type Name = keyof typeof TABLE;
const NAMES = Object.keys(TABLE) as Name[];
/** Take a clock, as in 3.x, and do not look at it. */
const CLOCK_IGNORED: readonly Name[] = [
  "dispatchDuePushJobs",
  "recoverQueue",
  "softResetTelegramBindingsMissingBotIdentity",
];
const DEPLOYMENT_MAY_CALL: readonly Name[] = [
  "startWorkers",
  "checkIdleShutdowns",
  "dispatchDuePushJobs",
  "recoverQueue",
  "runFlyCleanup",
];

// ── Calling registered functions with a context that sees everything ────────

type Registered = {
  _handler: (ctx: unknown, args: unknown) => Promise<unknown>;
  isPublic?: boolean;
  isInternal?: boolean;
  isQuery?: boolean;
  isMutation?: boolean;
  isAction?: boolean;
  exportArgs: () => string;
  exportReturns: () => string;
};
const registered = (api: unknown, name: Name) => (api as Record<Name, Registered>)[name];

const BROWSER = { ip: "203.0.113.7", userAgent: "browser", authToken: null };
const CRON = { ip: null, userAgent: null, authToken: null };

/** A context that writes down which component functions it was asked for. */
function spyCtx(metadata: Partial<RequestMetadata> | Error = BROWSER) {
  const calls: { name: string; args: Record<string, unknown> }[] = [];
  const run = (reference: Record<symbol, string>, args: Record<string, unknown>) => {
    const path = reference[Symbol.for("toReferencePath")]!;
    calls.push({ name: path.slice(path.lastIndexOf("/") + 1), args });
    return Promise.resolve(null);
  };
  const getRequestMetadata = () =>
    metadata instanceof Error ? Promise.reject(metadata) : Promise.resolve(metadata);
  const auth = { getUserIdentity: () => Promise.resolve(null) };
  const ctx = {
    auth,
    meta: { getRequestMetadata },
    runQuery: run,
    runMutation: run,
    runAction: run,
  };
  return { ctx, calls };
}

const SECRET = "s3cret-value";
/** Every argument that some function takes, with recognisable values. */
const ARGS = {
  agentKey: "agent",
  conversationId: "conversation",
  messageId: "message",
  workerId: "worker",
  workspaceId: "default",
  snapshotId: "snapshot",
  storageId: "file",
  secretRef: "fly.apiToken",
  secretRefs: ["a", "b"],
  fingerprint: "cause",
  appName: "app",
  volumeId: "vol",
  consumerUserId: "person",
  plaintextValue: SECRET,
  flyApiToken: SECRET,
  convexUrl: SECRET,
  messageText: SECRET,
  metadata: { note: SECRET },
  messages: [{ role: "user", content: SECRET }],
  providerUserId: SECRET,
  leaseId: SECRET,
  errorMessage: SECRET,
  error: SECRET,
  reason: SECRET,
  sha256: SECRET,
};
const IDENTIFYING = {
  agentKey: "agent",
  conversationId: "conversation",
  messageId: "message",
  workerId: "worker",
  workspaceId: "default",
  snapshotId: "snapshot",
  storageId: "file",
  secretRef: "fly.apiToken",
  secretRefs: ["a", "b"],
  fingerprint: "cause",
  appName: "app",
  volumeId: "vol",
  consumerUserId: "person",
};

describe("the table", () => {
  const api = exposeApi(component, { auth: () => Promise.resolve("user") });

  test("lists exactly what exposeApi returns", () => {
    expect(Object.keys(api).sort()).toEqual([...NAMES].sort());
  });

  test.each(NAMES)(
    "%s has the listed kind, type, sensitivity and component function",
    async (name) => {
      const [kind, type, sensitivity, target] = TABLE[name];
      const definition = apiDefinitions(component.lib, {})[name];
      expect([definition.kind, definition.type, definition.sensitivity]).toEqual([
        kind,
        type,
        sensitivity,
      ]);
      const fn = registered(api, name);
      expect(fn.isPublic).toBe(true);
      expect({ query: fn.isQuery, mutation: fn.isMutation, action: fn.isAction }[kind]).toBe(true);

      const { ctx, calls } = spyCtx();
      await fn._handler(ctx, ARGS);
      expect(calls[0]?.name).toBe(target);
    },
  );

  test("nothing that changes something is called a read", () => {
    for (const name of NAMES)
      if (TABLE[name][0] !== "query") expect(TABLE[name][1], name).toBe("write");
  });

  test.each(NAMES)("%s returns what the component returns, ids as strings", (name) => {
    const target = TABLE[name][3];
    if (name === "recoverQueue") return; // two results under two names; recovered below
    const inside = (componentLib as unknown as Record<string, Registered>)[target]!;
    expect(JSON.parse(registered(api, name).exportReturns())).toEqual(
      idsAsStrings(JSON.parse(inside.exportReturns())),
    );
  });

  test("recoverQueue returns both results of the component", () => {
    const of = (name: "releaseStuckJobs" | "reconcileWorkers") =>
      JSON.parse((componentLib[name] as unknown as Registered).exportReturns()) as unknown;
    const { value } = JSON.parse(registered(api, "recoverQueue").exportReturns()) as {
      value: Record<string, { fieldType: unknown }>;
    };
    expect(value.released?.fieldType).toEqual(of("releaseStuckJobs"));
    expect(value.reconcile?.fieldType).toEqual(of("reconcileWorkers"));
  });

  test.each(NAMES)("%s takes no clock", (name) => {
    const { value } = JSON.parse(registered(api, name).exportArgs()) as {
      value: Record<string, unknown>;
    };
    // Accepted for compatibility, and ignored; see scheduler.test.ts.
    if (CLOCK_IGNORED.includes(name)) expect(value).toHaveProperty("nowMs");
    else expect(value).not.toHaveProperty("nowMs");
  });
});

describe("auth comes first", () => {
  test.each(NAMES)("%s: a refusal reaches no function of the component", async (name) => {
    const auth = vi.fn(() => Promise.reject(new Error("refused")));
    const { ctx, calls } = spyCtx();
    const fn = registered(exposeApi(component, { auth }), name);
    await expect(fn._handler(ctx, ARGS)).rejects.toThrow("refused");
    expect(auth).toHaveBeenCalledTimes(1);
    expect(calls).toEqual([]);
  });

  test.each(NAMES)("%s: auth is told the truth, and no value", async (name) => {
    const seen: Operation[] = [];
    const { ctx } = spyCtx();
    const auth = (_ctx: unknown, operation: Operation) => {
      seen.push(operation);
      return Promise.resolve("user");
    };
    await registered(exposeApi(component, { auth }), name)._handler(ctx, ARGS);
    const [, type, sensitivity] = TABLE[name];
    expect(seen).toEqual([
      {
        type,
        sensitivity,
        function: name,
        args: IDENTIFYING,
        conversationId: "conversation",
        agentKey: "agent",
      },
    ]);
    expect(JSON.stringify(seen)).not.toContain(SECRET);
  });

  test("auth gets the function's own context, to look things up", async () => {
    const { ctx } = spyCtx();
    const auth = vi.fn(() => Promise.resolve("user"));
    await registered(exposeApi(component, { auth }), "queueStats")._handler(ctx, {});
    expect(auth).toHaveBeenCalledWith(ctx, expect.anything());
  });

  test("arguments that are not texts never pass as identifying ones", async () => {
    const { ctx } = spyCtx();
    const auth = vi.fn((_ctx: unknown, _operation: Operation) => Promise.resolve("user"));
    await registered(exposeApi(component, { auth }), "queueStats")._handler(ctx, {
      conversationId: { toString: () => "x" },
      agentKey: undefined,
    });
    expect(auth.mock.calls[0]?.[1]).toEqual({
      type: "read",
      sensitivity: "operator",
      function: "queueStats",
      args: {},
    });
  });

  test("a providerConfig in enqueue needs an operator, because it decides what machines run", async () => {
    const { ctx } = spyCtx();
    const auth = vi.fn((_ctx: unknown, _operation: Operation) => Promise.resolve("user"));
    const providerConfig = { kind: "fly" } as ProviderConfig;
    const fn = registered(exposeApi(component, { auth }), "enqueue");
    await fn._handler(ctx, { ...ARGS, providerConfig });
    await fn._handler(ctx, ARGS);
    expect(auth.mock.calls.map(([, operation]) => operation.sensitivity)).toEqual([
      "operator",
      "user",
    ]);
  });
});

describe("calls by the deployment itself", () => {
  const refusing = () => vi.fn(() => Promise.reject(new Error("refused")));

  test.each(DEPLOYMENT_MAY_CALL)("%s runs for a cron without asking auth", async (name) => {
    const auth = refusing();
    const { ctx, calls } = spyCtx(CRON);
    await registered(exposeApi(component, { auth }), name)._handler(ctx, {});
    expect(auth).not.toHaveBeenCalled();
    expect(calls[0]?.name).toBe(TABLE[name][3]);
  });

  test.each([
    ["an address", { ...CRON, ip: "203.0.113.7" }],
    ["a user agent", { ...CRON, userAgent: "curl" }],
    ["a token", { ...CRON, authToken: "jwt" }],
    ["metadata that an older platform does not fill in", {}],
    ["no metadata at all", new Error("unknown syscall")],
  ])("auth is asked when there is %s", async (_what, metadata) => {
    for (const name of DEPLOYMENT_MAY_CALL) {
      const { ctx, calls } = spyCtx(metadata);
      const fn = registered(exposeApi(component, { auth: refusing() }), name);
      await expect(fn._handler(ctx, {})).rejects.toThrow("refused");
      expect(calls).toEqual([]);
    }
  });

  test("auth is asked when the context knows no metadata", async () => {
    const { meta: _meta, ...ctx } = spyCtx(CRON).ctx;
    const fn = registered(exposeApi(component, { auth: refusing() }), "startWorkers");
    await expect(fn._handler(ctx, {})).rejects.toThrow("refused");
  });

  test.each(NAMES.filter((name) => !DEPLOYMENT_MAY_CALL.includes(name)))(
    "%s asks auth whoever calls",
    async (name) => {
      const { ctx, calls } = spyCtx(CRON);
      const fn = registered(exposeApi(component, { auth: refusing() }), name);
      await expect(fn._handler(ctx, ARGS)).rejects.toThrow("refused");
      expect(calls).toEqual([]);
    },
  );
});

describe("exposeOperatorApi", () => {
  const api = exposeOperatorApi(component);
  const operatorNames = NAMES.filter((name) => TABLE[name][2] === "operator");

  test("holds every operator function, and none for users or workers", () => {
    expect(Object.keys(api).sort()).toEqual([...operatorNames].sort());
    expect(Object.keys(operatorDefinitions(component.lib, {}))).toHaveLength(operatorNames.length);
  });

  test.each(operatorNames)("%s is internal and reaches the component", async (name) => {
    const fn = registered(api, name);
    expect([fn.isInternal, fn.isPublic]).toEqual([true, undefined]);
    const { ctx, calls } = spyCtx();
    await fn._handler(ctx, ARGS);
    expect(calls[0]?.name).toBe(TABLE[name][3]);
  });
});

/** Exported validators with every id replaced by a string, as at the component's boundary. */
function idsAsStrings(validator: unknown): unknown {
  if (Array.isArray(validator)) return validator.map(idsAsStrings);
  if (validator === null || typeof validator !== "object") return validator;
  if ("type" in validator && validator.type === "id") return { type: "string" };
  return Object.fromEntries(
    Object.entries(validator).map(([key, value]) => [key, idsAsStrings(value)]),
  );
}
