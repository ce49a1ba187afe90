import { useCallback, useState } from "react";
import { Notice } from "../parts/Notice.js";
import { TaskButton, TaskNote } from "../parts/TaskButton.js";
import { fetchToken } from "./identity.js";
import { useTask } from "./useTask.js";

const PEOPLE = [
  { id: "olga", role: "operator", hint: "chats, and runs the fleet" },
  { id: "ada", role: "user", hint: "has an agent of her own" },
] as const;

type Props = { url: string; onSignIn: (userId: string) => void };

/** Not a sign-in: it takes everybody's word. */
export function SignInPage({ url, onSignIn }: Props) {
  const [name, setName] = useState("");
  const task = useTask(
    useCallback(
      async (userId: string) => {
        await fetchToken(url, userId);
        onSignIn(userId);
        return null;
      },
      [url, onSignIn],
    ),
  );
  return (
    <main className="lonely">
      <h1>Agent factory</h1>
      <p className="lead">Agents on machines that exist only while somebody talks to them.</p>
      <Notice tone="warn" title="A stand-in for your app's sign-in">
        It believes whoever you say you are, which is only fit for trying things. A deployment
        refuses it unless its environment says <code>AGENT_FACTORY_DEMO_SIGN_IN=1</code>; the local
        world does.
      </Notice>
      <ul className="people">
        {PEOPLE.map(({ id, role, hint }) => (
          <li key={id}>
            <TaskButton task={task} kind="person" onClick={() => void task.run(id)}>
              <strong>
                {id[0]?.toUpperCase()}
                {id.slice(1)}
              </strong>
              <span className="badge">{role}</span>
              <span className="muted">{hint}</span>
            </TaskButton>
          </li>
        ))}
      </ul>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() !== "") void task.run(name.trim());
        }}
      >
        <label className="field grow">
          <span>Somebody else</span>
          <input
            value={name}
            onChange={(event) => setName(event.target.value)}
            maxLength={64}
            autoComplete="off"
            placeholder="user id"
          />
        </label>
        <button type="submit" disabled={task.isRunning || name.trim() === ""}>
          Continue
        </button>
      </form>
      <TaskNote task={task} />
    </main>
  );
}
