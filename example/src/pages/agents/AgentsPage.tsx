import { useState } from "react";
import { Panel } from "../../parts/Panel.js";
import { AgentForm } from "./AgentForm.js";
import { AgentList } from "./AgentList.js";
import { ImportSecret } from "./ImportSecret.js";
import { Readiness } from "./Readiness.js";
import { Secrets } from "./Secrets.js";

/** Who can answer, what they need for it, and the secrets: values go in, none comes out. */
export default function AgentsPage() {
  const [secretRef, setSecretRef] = useState("");
  return (
    <>
      <Panel title="Ready to run machines?">
        <Readiness />
      </Panel>
      <Panel title="Agents">
        <AgentList />
        <AgentForm />
      </Panel>
      <div className="two">
        <Panel
          title="Secrets"
          hint="What the agents and the provider need, and whether it is there."
        >
          <Secrets onChoose={setSecretRef} />
        </Panel>
        <Panel
          title="Import a secret"
          hint="It is sealed on arrival. No page, query or log can show it again; a new value replaces it."
        >
          <ImportSecret secretRef={secretRef} onSecretRef={setSecretRef} />
        </Panel>
      </div>
    </>
  );
}
