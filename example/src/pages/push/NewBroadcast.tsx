import { useMutation, useQuery } from "convex/react";
import { useCallback, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useFields } from "../../app/useFields.js";
import { useMe } from "../../app/useMe.js";
import { useTask } from "../../app/useTask.js";
import { countText } from "../../format/format.js";
import { Field } from "../../parts/Field.js";
import { Notice } from "../../parts/Notice.js";
import { TaskNote } from "../../parts/TaskButton.js";
import { COMPANY_ID } from "./company.js";

const EMPTY = { title: "", text: "" };

/** First whom it would reach, then the sending. */
export function NewBroadcast() {
  const { userId } = useMe();
  const { values: given, bind, reset } = useFields(EMPTY);
  const [isPreview, setIsPreview] = useState(false);
  const preview = useQuery(
    api.agentFactory.previewBroadcast,
    isPreview ? { companyId: COMPANY_ID, limit: 50 } : "skip",
  );
  const send = useMutation(api.agentFactory.sendBroadcastToAllActiveAgents);
  const task = useTask(
    useCallback(async () => {
      await send({ companyId: COMPANY_ID, ...given, requestedBy: userId });
      setIsPreview(false);
      reset();
      return "Sending: see its progress below.";
    }, [send, given, userId, reset]),
  );
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (isPreview) void task.run();
        else setIsPreview(true);
      }}
    >
      <div className="form-grid">
        <Field label="Title">
          <input required {...bind("title")} />
        </Field>
        <div className="wide">
          <Field label="Text">
            <textarea required rows={2} {...bind("text")} />
          </Field>
        </div>
      </div>
      {isPreview && preview !== undefined && (
        <Notice
          tone="warn"
          title={`It would reach ${countText(preview.agents.length, "agent")}${preview.continueCursor === null ? "" : " and more"}`}
        >
          {preview.agents.map((agent) => agent.agentKey).join(", ") || "Nobody."}
        </Notice>
      )}
      <div className="row">
        <button type="submit" className="primary" disabled={task.isRunning}>
          {isPreview ? "Send it" : "Preview"}
        </button>
        {isPreview && (
          <button type="button" onClick={() => setIsPreview(false)}>
            Not now
          </button>
        )}
      </div>
      <TaskNote task={task} />
    </form>
  );
}
