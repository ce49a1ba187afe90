import { useAction } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { useCallback, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useTask } from "../../app/useTask.js";
import { countText } from "../../format/format.js";
import { Field } from "../../parts/Field.js";
import { Notice } from "../../parts/Notice.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";
import { Report } from "./Report.js";

type CleanupReport = FunctionReturnType<typeof api.agentFactory.runFlyCleanup>;
type Scope = "app" | "managed";
/** What a dry run saw, and of which scope: deleting anything else needs another look. */
type Seen = { scope: Scope; report: CleanupReport };

export function CleanupForm() {
  const [scope, setScope] = useState<Scope>("managed");
  const [seen, setSeen] = useState<Seen | null>(null);
  const cleanUp = useAction(api.agentFactory.runFlyCleanup);
  const looking = useTask(
    useCallback(async () => {
      setSeen({ scope, report: await cleanUp({ scope, dryRun: true }) });
      return null;
    }, [cleanUp, scope]),
  );
  const deleting = useTask(
    useCallback(async () => {
      const report = await cleanUp({ scope });
      setSeen(null);
      const machines = countText(report.machinesDeleted, "machine");
      const volumes = countText(report.volumesDeleted, "volume");
      return `Destroyed ${machines} and ${volumes}.`;
    }, [cleanUp, scope]),
  );
  return (
    <div className="stack">
      <Field label="What">
        <select
          value={scope}
          onChange={(event) => {
            setScope(event.target.value === "app" ? "app" : "managed");
            setSeen(null);
          }}
        >
          <option value="managed">only what this deployment created</option>
          <option value="app">everything in the app, whoever created it</option>
        </select>
      </Field>
      <div>
        <TaskButton
          task={looking}
          kind={seen === null ? "primary" : "plain"}
          disabled={deleting.isRunning}
          onClick={() => void looking.run()}
        >
          {looking.isRunning ? "Looking …" : "Dry run"}
        </TaskButton>
      </div>
      <TaskNote task={looking} />
      {seen !== null && (
        <Notice tone="warn" title={`Would destroy in the app “${seen.report.appName}”:`}>
          <Report report={seen.report} isDryRun />
          <TaskButton
            task={deleting}
            kind="danger"
            disabled={seen.report.machinesFound + seen.report.volumesFound === 0}
            onClick={() => void deleting.run()}
          >
            {deleting.isRunning ? "Destroying: see the progress below …" : "Destroy these now"}
          </TaskButton>
        </Notice>
      )}
      <TaskNote task={deleting} />
    </div>
  );
}
