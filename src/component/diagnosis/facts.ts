/** What a diagnosis reads in the database; the rest it asks the outside world. */
import { v } from "convex/values";
import { listProfiles } from "../agents/ops.js";
import { loadAgentReadiness } from "../identity/ops.js";
import { internalQuery } from "../kit/functions.js";
import { readKeyStatus } from "../secrets/ops.js";
import { vSecretsKeyStatus } from "../secrets/validators.js";
import { findProviderConfigProblem, loadProviderConfig } from "../settings/ops.js";
import { DIAGNOSED_AGENTS_LIMIT } from "./validators.js";

const vNullableString = v.union(v.string(), v.null());

export const stored = internalQuery({
  args: {},
  returns: v.object({
    key: vSecretsKeyStatus,
    provider: v.union(v.null(), v.object({ appName: v.string(), problem: vNullableString })),
    agents: v.array(
      v.object({
        agentKey: v.string(),
        missingSecrets: v.array(v.string()),
        hasTelegramToken: v.boolean(),
      }),
    ),
    moreAgents: v.boolean(),
  }),
  handler: async (ctx) => {
    const config = await loadProviderConfig(ctx);
    const profiles = await listProfiles(ctx, { enabled: true, limit: DIAGNOSED_AGENTS_LIMIT + 1 });
    const agents = [];
    for (const { agentKey } of profiles.slice(0, DIAGNOSED_AGENTS_LIMIT)) {
      const { missingSecrets, hasTelegramToken } = await loadAgentReadiness(ctx, agentKey);
      agents.push({ agentKey, missingSecrets, hasTelegramToken });
    }
    return {
      key: await readKeyStatus(ctx),
      provider:
        config === null
          ? null
          : {
              appName: config.appName,
              problem: findProviderConfigProblem(config)?.message ?? null,
            },
      agents,
      moreAgents: profiles.length > DIAGNOSED_AGENTS_LIMIT,
    };
  },
});
