import { useQuery } from "convex/react";
import { api } from "../../../convex/_generated/api.js";
import { Loading } from "../../parts/Empty.js";
import { Notice } from "../../parts/Notice.js";

export function Readiness() {
  const state = useQuery(api.agentFactory.getProviderOperationalReadiness, {});
  const provider = useQuery(api.agentFactory.getProviderRuntimeConfig, {});
  if (state === undefined || provider === undefined) return <Loading />;
  return (
    <>
      {state.issues.length === 0 ? (
        <Notice tone="good" title="Yes.">
          Machines come from{" "}
          {provider === null
            ? "nowhere yet"
            : `the app “${provider.appName}” in ${provider.region}`}
          .
        </Notice>
      ) : (
        <Notice tone="warn" title="Not yet">
          <ul>
            {state.issues.map((issue) => (
              <li key={issue}>{issue}</li>
            ))}
          </ul>
        </Notice>
      )}
    </>
  );
}
