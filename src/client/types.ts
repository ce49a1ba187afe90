/** What an app passes in: who may do what (`auth`), and how the routes behave. */
import type { Auth, GenericActionCtx, GenericDataModel } from "convex/server";
import type { ProviderConfig } from "../component/config.js";
import type { ExposedFunctionName } from "./exposeApi.js";

// ── Authorisation ───────────────────────────────────────────────────────────

/**
 * Who a function is for. `user`: people, about their own agents and conversations. `operator`: those who run the
 * deployment (secrets, machines, dead letters). `worker`: machines that use the `direct` transport; with the
 * default transport they come through `registerRoutes` and these functions should be refused.
 */
export type Sensitivity = "user" | "operator" | "worker";

/** Arguments that say whose data a call is about. No other argument ever reaches `auth`: values may be secret. */
export const IDENTIFYING_ARGS = [
  "actor",
  "actorUserId",
  "agentKey",
  "appName",
  "botIdentity",
  "broadcastId",
  "companyId",
  "consumerUserId",
  "conversationId",
  "fingerprint",
  "jobId",
  "messageId",
  "requestedBy",
  "secretRef",
  "slug",
  "snapshotId",
  "storageId",
  "telegramChatId",
  "telegramUserId",
  "templateId",
  "volumeId",
  "workerId",
  "workspaceId",
] as const;
/** The name of an argument that `auth` sees. */
export type IdentifyingArg = (typeof IDENTIFYING_ARGS)[number];

/** The identifying arguments of one call, as the caller gave them. */
export type IdentifyingArgs = { readonly [Name in IdentifyingArg]?: string } & {
  readonly secretRefs?: readonly string[];
};

type OperationFacts = {
  sensitivity: Sensitivity;
  /** The exposed name, for example "enqueue". */
  function: ExposedFunctionName;
  args: IdentifyingArgs;
  /** The same as in `args`. */
  conversationId?: string;
  agentKey?: string;
};

/** A call that changes nothing. */
export type ReadOperation = OperationFacts & { type: "read" };
/** A call that changes something, here or at the provider. */
export type WriteOperation = OperationFacts & { type: "write" };
/** What is about to happen, told to `auth` before it does. */
export type Operation = ReadOperation | WriteOperation;

/** What `auth` gets: the caller's identity, and queries of the app to look things up. */
export type AuthCtx = { auth: Auth; runQuery: GenericActionCtx<GenericDataModel>["runQuery"] };

/** Throws to refuse the operation; returns the id of the caller, which stands in where an argument defaults to it. */
export type AuthCallback = (ctx: AuthCtx, operation: Operation) => Promise<string>;

// ── Options ─────────────────────────────────────────────────────────────────

/** What both `exposeApi` and `exposeOperatorApi` take. */
export type ProviderOptions = {
  /** Replaces the stored one with every message and pass, until `setProviderRuntimeConfig` was called. */
  providerConfig?: ProviderConfig;
};

/** Options of `exposeApi`. */
export type ExposeApiOptions = ProviderOptions & { auth: AuthCallback };

type TelegramUser = { id: number; is_bot?: boolean; first_name?: string; username?: string };

type TelegramMessage = {
  message_id?: number;
  chat?: { id: number; type?: string; title?: string; username?: string };
  from?: TelegramUser;
  text?: string;
  caption?: string;
  [field: string]: unknown;
};

/**
 * The part of a Telegram update that decides about its agent; everything else is there too, unchecked. Of a pressed
 * button, `message` is the one it belongs to, with `from` and `text` of who pressed it.
 */
export type TelegramUpdate = {
  update_id?: number;
  message?: TelegramMessage;
  callback_query?: { from?: TelegramUser; message?: TelegramMessage; data?: string };
  [field: string]: unknown;
};

/** Options of `registerRoutes`. */
export type RegisterRoutesOptions = ProviderOptions & {
  /**
   * Where everything is mounted. Store another one with `setWorkerRuntimeConfig` too: machines call it.
   * @default "/agent-factory"
   */
  pathPrefix?: string;
  /** Chooses the agent of a Telegram update; a returned key wins over the sender's binding. */
  resolveAgentKey?: (
    update: TelegramUpdate,
  ) => string | null | undefined | Promise<string | null | undefined>;
  /** Look the sender up in the bindings. @default true */
  resolveAgentKeyFromBinding?: boolean;
  /** The agent when neither yields one. @default "default" */
  fallbackAgentKey?: string;
  /** Reject senders without a binding, unless `resolveAgentKey` named an agent. @default false */
  requireBindingForTelegram?: boolean;
  /**
   * Accept updates of bots whose webhook was set by 3.x, which has no secret worth the name: anybody can forge them. For
   * the time until `configureTelegramWebhook` ran for every bot; a bot for which it ran is protected in any case.
   * @default false
   */
  allowUnsignedTelegramWebhooks?: boolean;
};
