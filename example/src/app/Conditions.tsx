import { useQuery } from "convex/react";
import { api } from "../../convex/_generated/api.js";
import { Notice } from "../parts/Notice.js";

const TONES = { error: "bad", warning: "warn", info: "calm" } as const;

/** What keeps the deployment from answering, each in a sentence that says what to do. Nothing when all is well. */
export function Conditions() {
  const conditions = useQuery(api.agentFactory.deploymentConditions, {});
  const key = useQuery(api.agentFactory.secretsKeyStatus, {});
  return (
    <>
      {key !== undefined && (!key.keyConfigured || key.problem !== null) && (
        <Notice tone="bad" title={key.problem ?? "There is no key for secrets"}>
          <code>
            npx convex env set AGENT_FACTORY_SECRETS_KEY &quot;$(openssl rand -base64 32)&quot;
          </code>
        </Notice>
      )}
      {conditions
        ?.filter(({ severity }) => severity !== "info")
        .map(({ kind, severity, message }) => (
          <Notice key={`${kind} ${message}`} tone={TONES[severity]}>
            {message}
          </Notice>
        ))}
    </>
  );
}
