import { useState } from "react";
import { useTask } from "../app/useTask.js";
import { Field } from "../parts/Field.js";
import { Panel } from "../parts/Panel.js";
import { TaskButton, TaskNote } from "../parts/TaskButton.js";
import { commandLocalWorld, useLocalWorld } from "./localWorld.js";

const say = async (text: string) => {
  await commandLocalWorld({ kind: "phone_says", text });
  return null;
};

/** The person's phone in the local Telegram: what the bot says there, and a way to write to it. */
export function Phone({ deepLink }: { deepLink: string | null }) {
  const world = useLocalWorld();
  const task = useTask(say);
  const [text, setText] = useState("");
  if (world === null) return null;
  const code = deepLink === null ? null : new URL(deepLink).searchParams.get("start");
  return (
    <Panel
      title="A phone with Telegram"
      hint="Part of the local world: no message leaves this machine."
    >
      <ol className="phone" aria-label="Chat on the phone" aria-live="polite">
        {world.phone.length === 0 && <li className="muted">Nothing was said yet.</li>}
        {world.phone.map((message, index) => (
          <li key={index} className={message.from === "bot" ? "bot" : "own"}>
            {message.text}
          </li>
        ))}
      </ol>
      {code !== null && (
        <TaskButton task={task} kind="primary" onClick={() => void task.run(`/start ${code}`)}>
          Open the link on the phone
        </TaskButton>
      )}
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() !== "") void task.run(text.trim()).then((ok) => ok && setText(""));
        }}
      >
        <Field label="Write on the phone" grow>
          <input
            value={text}
            onChange={(event) => setText(event.target.value)}
            autoComplete="off"
          />
        </Field>
        <button type="submit" disabled={task.isRunning || text.trim() === ""}>
          Send
        </button>
      </form>
      <TaskNote task={task} />
    </Panel>
  );
}
