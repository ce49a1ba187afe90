import { Panel } from "../../parts/Panel.js";
import { Cost } from "./Cost.js";
import { Lanes } from "./Lanes.js";
import { Machines } from "./Machines.js";
import { NextPass } from "./NextPass.js";

/** Workers through their lives, what the scheduler would do next, and what it costs. */
export default function FleetPage() {
  return (
    <>
      <Panel title="Cost">
        <Cost />
      </Panel>
      <Panel title="Workers" hint="A worker is our row; its machine is what the provider runs.">
        <Lanes />
      </Panel>
      <Panel
        title="Rows and machines"
        hint="Each live row beside its machine as the last pass saw it; what they disagree about is marked."
      >
        <Machines />
      </Panel>
      <Panel title="The next pass" hint="What the scheduler would do now, and why.">
        <NextPass />
      </Panel>
    </>
  );
}
