import { useState } from "react";
import { Notice } from "../parts/Notice.js";

const PEOPLE = [
  { id: "olga", role: "operator", hint: "chats, and runs the fleet" },
  { id: "ada", role: "user", hint: "has an agent of her own" },
] as const;

/** Not a sign-in: it takes everybody's word. */
export function SignInPage({ onSignIn }: { onSignIn: (userId: string) => void }) {
  const [name, setName] = useState("");
  return (
    <main className="lonely">
      <h1>Agent factory</h1>
      <p className="lead">Agents on machines that exist only while somebody talks to them.</p>
      <Notice tone="warn" title="A stand-in for your app's sign-in">
        It believes whoever you say you are, which is only fit for a deployment on this machine. A
        real deployment refuses it until your own identity provider is set up.
      </Notice>
      <ul className="people">
        {PEOPLE.map(({ id, role, hint }) => (
          <li key={id}>
            <button type="button" className="person" onClick={() => onSignIn(id)}>
              <strong>
                {id[0]?.toUpperCase()}
                {id.slice(1)}
              </strong>
              <span className="badge">{role}</span>
              <span className="muted">{hint}</span>
            </button>
          </li>
        ))}
      </ul>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() !== "") onSignIn(name.trim());
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
        <button type="submit" disabled={name.trim() === ""}>
          Continue
        </button>
      </form>
    </main>
  );
}
