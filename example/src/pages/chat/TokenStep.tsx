import { useAction } from "convex/react";
import { useCallback, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useMe } from "../../app/useMe.js";
import { useTask } from "../../app/useTask.js";
import { commandLocalWorld, useLocalWorld } from "../../local/localWorld.js";
import { Field } from "../../parts/Field.js";
import { TaskNote } from "../../parts/TaskButton.js";

export type StepProps = { agentKey: string; deepLink: string | null };

/** The token goes in and is never shown again. */
export function TokenStep({ agentKey }: StepProps) {
  const { userId } = useMe();
  const [token, setToken] = useState("");
  const hasLocalWorld = useLocalWorld() !== null;
  const importToken = useAction(api.agentFactory.importTelegramTokenForAgent);
  const task = useTask(
    useCallback(
      async (plaintextValue: string) => {
        await importToken({ consumerUserId: userId, agentKey, plaintextValue });
        return null;
      },
      [importToken, userId, agentKey],
    ),
  );
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void task.run(token.trim());
        setToken("");
      }}
    >
      <p>
        Write to <strong>@BotFather</strong> in Telegram, make a bot with <code>/newbot</code>, and
        paste its token. It is stored sealed and never shown again.
      </p>
      <Field label="Bot token">
        <input
          type="password"
          autoComplete="off"
          value={token}
          onChange={(event) => setToken(event.target.value)}
        />
      </Field>
      <div className="row">
        <button type="submit" className="primary" disabled={token.trim() === "" || task.isRunning}>
          Store the token
        </button>
        {hasLocalWorld && (
          <button
            type="button"
            onClick={() => void commandLocalWorld({ kind: "make_bot" }).then(setToken)}
          >
            Make a local bot
          </button>
        )}
      </div>
      <TaskNote task={task} />
    </form>
  );
}
