import { useQuery } from "convex/react";
import { api } from "../../../convex/_generated/api.js";
import { Badge } from "../../parts/Badge.js";
import { Loading } from "../../parts/Empty.js";

/** Every secret that something needs, the missing ones first. */
export function Secrets({ onChoose }: { onChoose: (secretRef: string) => void }) {
  const required = useQuery(api.agentFactory.getRequiredSecretRefs, {});
  const agents = useQuery(api.agentFactory.listAgents, {});
  const refs =
    required === undefined || agents === undefined
      ? undefined
      : [...new Set([...required.secretRefs, ...agents.flatMap((agent) => agent.secretsRef)])];
  const statuses = useQuery(
    api.agentFactory.secretStatus,
    refs === undefined ? "skip" : { secretRefs: refs.slice(0, 100) },
  );
  if (statuses === undefined) return <Loading />;
  const ordered = [...statuses].sort((a, b) => Number(a.hasActive) - Number(b.hasActive));
  return (
    <ul className="plain">
      {ordered.map(({ secretRef, hasActive, version }) => (
        <li key={secretRef} className="row">
          <code className="grow">{secretRef}</code>
          <Badge
            word={
              hasActive
                ? { label: `stored, version ${version ?? 1}`, tone: "good" }
                : { label: "missing", tone: "bad" }
            }
          />
          <button
            type="button"
            aria-label={`${hasActive ? "Replace" : "Import"} ${secretRef}`}
            onClick={() => onChoose(secretRef)}
          >
            {hasActive ? "Replace" : "Import"}
          </button>
        </li>
      ))}
    </ul>
  );
}
