import { useQuery } from "convex/react";
import { api } from "../../../convex/_generated/api.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { Panel } from "../../parts/Panel.js";
import { CleanupForm } from "./CleanupForm.js";
import { Run } from "./Run.js";

/** Ends all cost in the provider's app: first a look, then the deletion, then the report. */
export default function CleanupPage() {
  return (
    <>
      <Panel
        title="Destroy machines and volumes"
        hint="Workers save their memory first, and their messages are handed back to the queue."
      >
        <CleanupForm />
      </Panel>
      <Panel title="The last cleanup">
        <LastRun />
      </Panel>
    </>
  );
}

function LastRun() {
  const run = useQuery(api.agentFactory.lastCleanupReport, {});
  if (run === undefined) return <Loading />;
  if (run === null)
    return <Empty title="There was no cleanup yet.">A dry run leaves no report here.</Empty>;
  return <Run run={run} />;
}
