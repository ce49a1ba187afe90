import { useQuery } from "convex/react";
import { api } from "../../../convex/_generated/api.js";
import { usdText } from "../../format/format.js";
import { useLocalWorld } from "../../local/localWorld.js";
import { Loading } from "../../parts/Empty.js";
import { Stat, Stats } from "../../parts/Stat.js";

export function Cost() {
  const stats = useQuery(api.agentFactory.workerStats, {});
  const world = useLocalWorld();
  if (stats === undefined) return <Loading />;
  return (
    <Stats>
      <Stat
        label="Active workers"
        value={stats.activeCount}
        tone={stats.activeCount > 0 ? "good" : "calm"}
      />
      <Stat label="Idle" value={stats.idleCount} />
      {world !== null && (
        <>
          <Stat label="Local Fly bills per hour" value={usdText(world.usdPerHour)} />
          <Stat label="Local Fly billed so far" value={usdText(world.totalUsd)} />
        </>
      )}
    </Stats>
  );
}
