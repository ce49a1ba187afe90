import { useQuery } from "convex/react";
import { api } from "../../../convex/_generated/api.js";
import { durationText } from "../../format/format.js";
import { Loading } from "../../parts/Empty.js";
import { Panel } from "../../parts/Panel.js";
import { Plot } from "../../parts/Plot.js";
import { Stat, Stats } from "../../parts/Stat.js";
import { Conversations } from "./Conversations.js";
import { DeadLetters } from "./DeadLetters.js";
import { useSamples } from "./history.js";

/** How much waits, for how long, where, and what was given up. */
export default function QueuePage() {
  return (
    <>
      <Panel title="Now">
        <Counts />
      </Panel>
      <Panel title="Depth and age" hint="Sampled every second since you opened this page.">
        <History />
      </Panel>
      <Panel title="Conversations">
        <Conversations />
      </Panel>
      <Panel
        title="Dead letters"
        hint="Messages that failed for good, grouped by their error. Fix the cause, then start them again."
      >
        <DeadLetters />
      </Panel>
    </>
  );
}

function Counts() {
  const stats = useQuery(api.agentFactory.queueStats, {});
  if (stats === undefined) return <Loading />;
  return (
    <Stats>
      <Stat
        label="Ready"
        value={stats.queuedReady}
        tone={stats.queuedReady > 0 ? "warn" : "calm"}
      />
      <Stat
        label="Being answered"
        value={stats.processing}
        tone={stats.processing > 0 ? "busy" : "calm"}
      />
      <Stat
        label="Dead letters"
        value={stats.deadLetter}
        tone={stats.deadLetter > 0 ? "bad" : "calm"}
      />
    </Stats>
  );
}

function History() {
  const samples = useSamples();
  return (
    <div className="plots">
      <Plot
        title="Waiting messages"
        tone="busy"
        points={samples.map(({ at, depth }) => ({ at, value: depth }))}
        format={(value) => String(Math.round(value))}
      />
      <Plot
        title="Age of the oldest"
        tone="warn"
        points={samples.map(({ at, oldestAgeMs }) => ({ at, value: oldestAgeMs / 1000 }))}
        format={(value) => durationText(value * 1000)}
      />
    </div>
  );
}
