import { useQuery } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { api } from "../../../convex/_generated/api.js";
import { shortId } from "../../format/format.js";
import { workerWord } from "../../format/words.js";
import { Badge } from "../../parts/Badge.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { Cell, Table } from "../../parts/Table.js";

const SHOWN = 50;
type Worker = FunctionReturnType<typeof api.agentFactory.listWorkers>[number];

/** What live workers run with, and what of it is no longer the active release. */
export function Loaded() {
  const active = useQuery(api.agentFactory.listWorkers, { status: "active", limit: SHOWN });
  const draining = useQuery(api.agentFactory.listWorkers, { status: "draining", limit: SHOWN });
  const skills = useQuery(api.agentFactory.globalSkillsList, {});
  if (active === undefined || draining === undefined || skills === undefined) return <Loading />;
  const workers = [...active, ...draining];
  if (workers.length === 0)
    return <Empty title="No worker runs.">The next one loads what is active then.</Empty>;
  const current = new Map(skills.map(({ slug, activeRelease }) => [slug, activeRelease?.version]));
  return (
    <Table caption="Skills of the workers" columns={["Worker", "For", "Loaded"]}>
      {workers.map((worker) => (
        <tr key={worker.workerId}>
          <Cell label="Worker">
            <code>{shortId(worker.workerId)}</code> <Badge word={workerWord(worker.status)} />
          </Cell>
          <Cell label="For">{worker.conversationId ?? "nobody yet"}</Cell>
          <Cell label="Loaded">
            <Versions loaded={worker.loadedSkills} current={current} />
          </Cell>
        </tr>
      ))}
    </Table>
  );
}

type VersionsProps = {
  loaded: Worker["loadedSkills"];
  current: ReadonlyMap<string, string | undefined>;
};

function Versions({ loaded, current }: VersionsProps) {
  if (loaded === null) return "it has not said yet";
  if (loaded.skills.length === 0) return "none";
  return (
    <span className="row">
      {loaded.skills.map(({ slug, version }) => {
        const isCurrent = current.get(slug) === version;
        const label = `${slug} ${version}${isCurrent ? "" : ", no longer active"}`;
        return <Badge key={slug} word={{ label, tone: isCurrent ? "good" : "warn" }} />;
      })}
    </span>
  );
}
