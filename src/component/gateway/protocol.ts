/** The functions that a worker can reach through the gateway; see docs/WORKER_PROTOCOL.md. Shared with the client. */

export type GatewayFunction = {
  /** The endpoint the worker calls: /api/query or /api/mutation. */
  endpoint: "query" | "mutation";
  /** How it runs here. Two of the worker's queries leave a trace (which snapshot was served, which file is whose). */
  runs: "query" | "mutation";
};

export const GATEWAY_FUNCTIONS = {
  workerReady: { endpoint: "mutation", runs: "mutation" },
  workerPoll: { endpoint: "mutation", runs: "mutation" },
  workerControlState: { endpoint: "query", runs: "query" },
  workerClaim: { endpoint: "mutation", runs: "mutation" },
  workerConversationHasQueued: { endpoint: "query", runs: "query" },
  workerHydrationBundle: { endpoint: "query", runs: "query" },
  workerHeartbeat: { endpoint: "mutation", runs: "mutation" },
  workerStoreAnswer: { endpoint: "mutation", runs: "mutation" },
  workerRecordDelivery: { endpoint: "mutation", runs: "mutation" },
  workerAppendConversationMessages: { endpoint: "mutation", runs: "mutation" },
  workerComplete: { endpoint: "mutation", runs: "mutation" },
  workerFail: { endpoint: "mutation", runs: "mutation" },
  workerHandBack: { endpoint: "mutation", runs: "mutation" },
  workerPrepareSnapshotUpload: { endpoint: "mutation", runs: "mutation" },
  workerFinalizeSnapshotUpload: { endpoint: "mutation", runs: "mutation" },
  workerFailSnapshotUpload: { endpoint: "mutation", runs: "mutation" },
  workerLatestSnapshotForRestore: { endpoint: "query", runs: "mutation" },
  workerGenerateMediaUploadUrl: { endpoint: "mutation", runs: "mutation" },
  workerGetStorageFileUrl: { endpoint: "query", runs: "mutation" },
  workerAttachMessageMetadata: { endpoint: "mutation", runs: "mutation" },
  workerGlobalSkillsManifest: { endpoint: "query", runs: "query" },
  workerReportSkills: { endpoint: "mutation", runs: "mutation" },
} as const satisfies Record<string, GatewayFunction>;

export type GatewayFunctionName = keyof typeof GATEWAY_FUNCTIONS;

/** The function that `path` ("namespace:name", or just the name) means; null when there is none. */
export function gatewayFunction(
  path: string,
): ({ name: GatewayFunctionName } & GatewayFunction) | null {
  const name = path.slice(path.lastIndexOf(":") + 1);
  if (!Object.hasOwn(GATEWAY_FUNCTIONS, name)) return null;
  const known = name as GatewayFunctionName;
  return { name: known, ...GATEWAY_FUNCTIONS[known] };
}
