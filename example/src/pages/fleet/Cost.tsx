import { useQuery } from "convex/react";
import { api } from "../../../convex/_generated/api.js";
import { usdText } from "../../format/format.js";
import { useLocalWorld } from "../../local/localWorld.js";
import { Loading } from "../../parts/Empty.js";
import { Stat, Stats } from "../../parts/Stat.js";

/** By the component's own ledger; beside it, in the local world, what the local Fly really billed. */
export function Cost() {
  const stats = useQuery(api.agentFactory.workerStats, {});
  const spend = useQuery(api.agentFactory.spendSummary, {});
  const world = useLocalWorld();
  if (stats === undefined || spend === undefined) return <Loading />;
  return (
    <Stats>
      <Stat
        label="Active workers"
        value={stats.activeCount}
        tone={stats.activeCount > 0 ? "good" : "calm"}
      />
      <Stat label="Idle" value={stats.idleCount} />
      <Stat label="Cost today" value={usdText(spend.today.usd)} />
      <Stat label="Cost this month" value={usdText(spend.month.usd)} />
      {world !== null && (
        <>
          <Stat label="Local Fly bills per hour" value={usdText(world.usdPerHour)} />
          <Stat label="Local Fly billed so far" value={usdText(world.totalUsd)} />
        </>
      )}
    </Stats>
  );
}
