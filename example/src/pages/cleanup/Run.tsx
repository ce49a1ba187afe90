import type { FunctionReturnType } from "convex/server";
import type { api } from "../../../convex/_generated/api.js";
import { useNow } from "../../app/useNow.js";
import { agoText, durationText } from "../../format/format.js";
import { runWord } from "../../format/words.js";
import { Badge } from "../../parts/Badge.js";
import { Notice } from "../../parts/Notice.js";
import { Report } from "./Report.js";

type CleanupRun = NonNullable<FunctionReturnType<typeof api.agentFactory.lastCleanupReport>>;

/** Live while it runs. */
export function Run({ run }: { run: CleanupRun }) {
  const now = useNow();
  const found = run.machinesFound + run.volumesFound;
  const gone = run.machinesDeleted + run.volumesDeleted;
  const isRunning = run.state === "running";
  return (
    <div className="stack">
      <p>
        <Badge word={runWord(run.state === "finished" ? "done" : run.state)} />{" "}
        {isRunning && <>{run.phase.replaceAll("_", " ")} · </>}
        started {agoText(run.startedAt, now)}
        {run.finishedAt !== null && `, took ${durationText(run.finishedAt - run.startedAt)}`}
      </p>
      <progress
        aria-label="Progress of the cleanup"
        value={isRunning ? gone : Math.max(1, gone)}
        max={Math.max(1, found)}
      />
      {run.error !== null && (
        <Notice tone="bad" title="It ended early">
          {run.error}
        </Notice>
      )}
      <Report report={run} />
    </div>
  );
}
