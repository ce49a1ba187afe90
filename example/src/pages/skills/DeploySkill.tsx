import { useMutation } from "convex/react";
import { useCallback } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useFields } from "../../app/useFields.js";
import { useMe } from "../../app/useMe.js";
import { useTask } from "../../app/useTask.js";
import { Field } from "../../parts/Field.js";
import { TaskNote } from "../../parts/TaskButton.js";

const EXAMPLE = {
  slug: "greeting",
  version: "1.0.0",
  skillMd:
    "---\nname: greeting\ndescription: Greets people by name.\n---\n\nGreet whoever writes first.\n",
  code: "export default function greet(name) {\n  return `Hello ${name}`;\n}\n",
};

export function DeploySkill() {
  const { userId } = useMe();
  const { values: bundle, bind } = useFields(EXAMPLE);
  const deploy = useMutation(api.agentFactory.globalSkillsDeploy);
  const task = useTask(
    useCallback(
      async ({ slug, version, skillMd, code }: typeof EXAMPLE) => {
        await deploy({
          slug: slug.trim(),
          version: version.trim(),
          files: [
            { path: "SKILL.md", content: skillMd },
            { path: "scripts/index.mjs", content: code },
          ],
          moduleFormat: "esm",
          actor: userId,
        });
        return `${slug.trim()} ${version.trim()} is the active release.`;
      },
      [deploy, userId],
    ),
  );
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void task.run(bundle);
      }}
    >
      <div className="form-grid">
        <Field label="Name">
          <input required {...bind("slug")} />
        </Field>
        <Field label="Version" hint="A version is published once">
          <input required {...bind("version")} />
        </Field>
      </div>
      <div className="two">
        <Field label="SKILL.md">
          <textarea rows={7} className="code" {...bind("skillMd")} />
        </Field>
        <Field label="scripts/index.mjs">
          <textarea rows={7} className="code" {...bind("code")} />
        </Field>
      </div>
      <div>
        <button type="submit" className="primary" disabled={task.isRunning}>
          Deploy
        </button>
      </div>
      <TaskNote task={task} />
    </form>
  );
}
