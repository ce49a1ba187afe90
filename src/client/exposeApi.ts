import type { ComponentApi } from "../component/_generated/component.js";
import type { Exposed, Lib } from "./define.js";
import { exposeAgents } from "./expose/agents.js";
import { exposeBroadcasts } from "./expose/broadcasts.js";
import { exposeCleanup } from "./expose/cleanup.js";
import { exposeConversations } from "./expose/conversations.js";
import { exposeIdentity } from "./expose/identity.js";
import { exposeIdentityOperator } from "./expose/identityOperator.js";
import { exposeMessageTemplates } from "./expose/messageTemplates.js";
import { exposeProviders } from "./expose/providers.js";
import { exposePushJobs, exposePushTemplates } from "./expose/push.js";
import { exposeQueue } from "./expose/queue.js";
import { exposeQueueOperator } from "./expose/queueOperator.js";
import { exposeScheduler } from "./expose/scheduler.js";
import { exposeSecrets } from "./expose/secrets.js";
import { exposeUpgrade } from "./expose/upgrade.js";
import { exposeSettings } from "./expose/settings.js";
import { exposeSkills, exposeWorkerSkills } from "./expose/skills.js";
import { exposeSnapshots } from "./expose/snapshots.js";
import { exposeExplanations, exposeUserAgents } from "./expose/userAgents.js";
import { exposeTelegram, exposeTelegramOperator } from "./expose/telegram.js";
import { exposeWorkerCalls, exposeWorkerSnapshots } from "./expose/workerCalls.js";
import { exposeWorkers } from "./expose/workers.js";
import { exposePublic } from "./guard.js";
import type { ExposeApiOptions, ProviderOptions } from "./types.js";

/** Everything that the deployment's operators do; see `exposeOperatorApi`. */
export function operatorDefinitions(lib: Lib, options: ProviderOptions) {
  return {
    ...exposeAgents(lib),
    ...exposeSecrets(lib),
    ...exposeUpgrade(lib),
    ...exposeSettings(lib),
    ...exposeIdentityOperator(lib),
    ...exposeTelegramOperator(lib),
    ...exposeQueueOperator(lib),
    ...exposeScheduler(lib, options),
    ...exposeWorkers(lib),
    ...exposeProviders(lib),
    ...exposeCleanup(lib),
    ...exposeBroadcasts(lib, options),
    ...exposeExplanations(lib),
    ...exposeSkills(lib),
  };
}

/** Everything that `exposeApi` exposes, by name. */
export function apiDefinitions(lib: Lib, options: ProviderOptions) {
  return {
    ...exposeQueue(lib, options),
    ...exposeConversations(lib),
    ...exposeSnapshots(lib),
    ...exposeIdentity(lib),
    ...exposeUserAgents(lib, options),
    ...exposeMessageTemplates(lib),
    ...exposePushTemplates(lib),
    ...exposePushJobs(lib, options),
    ...exposeTelegram(lib),
    ...operatorDefinitions(lib, options),
    ...exposeWorkerCalls(lib, options),
    ...exposeWorkerSnapshots(lib),
    ...exposeWorkerSkills(lib),
  };
}

/** The name of a function that `exposeApi` returns. */
export type ExposedFunctionName = keyof ReturnType<typeof apiDefinitions>;
/** What `exposeApi` returns. */
export type AgentFactoryApi = Exposed<ReturnType<typeof apiDefinitions>, "public">;

/**
 * The component's functions as public functions of your app. Re-export those you use from
 * `convex/agentFactory.ts`.
 *
 * `auth` runs first in every one of them and decides by `operation`: throw to refuse. The only calls that it does
 * not see are those of `startWorkers`, `checkIdleShutdowns`, `runFlyCleanup`, `recoverQueue` and `dispatchDuePushJobs` by
 * the deployment's own crons and scheduled functions.
 *
 * ```ts
 * export const { enqueue, listConversationMessages, startWorkers } = exposeApi(components.agentFactory, {
 *   auth: async (ctx, operation) => {
 *     const identity = await ctx.auth.getUserIdentity();
 *     if (identity === null) throw new ConvexError("Sign in first");
 *     if (operation.sensitivity !== "user") throw new ConvexError("Not for you");
 *     if (operation.conversationId !== identity.subject) throw new ConvexError("Not yours");
 *     return identity.subject;
 *   },
 * });
 * ```
 */
export function exposeApi(component: ComponentApi, options: ExposeApiOptions): AgentFactoryApi {
  return exposePublic(apiDefinitions(component.lib, options), options.auth);
}
