import { Empty } from "../../parts/Empty.js";
import { Panel } from "../../parts/Panel.js";

export default function CleanupPage() {
  return (
    <Panel title="Cleanup">
      <Empty title="Not available" />
    </Panel>
  );
}
