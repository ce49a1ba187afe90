import { useMutation } from "convex/react";
import { useCallback, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useMe } from "../../app/useMe.js";
import { useTask } from "../../app/useTask.js";
import { Field } from "../../parts/Field.js";
import { TaskNote } from "../../parts/TaskButton.js";

type Bundle = { slug: string; version: string; skillMd: string; code: string };

const EXAMPLE: Bundle = {
  slug: "greeting",
  version: "1.0.0",
  skillMd:
    "---\nname: greeting\ndescription: Greets people by name.\n---\n\nGreet whoever writes first.\n",
  code: "export default function greet(name) {\n  return `Hello ${name}`;\n}\n",
};

export function DeploySkill() {
  const { userId } = useMe();
  const [bundle, setBundle] = useState(EXAMPLE);
  const deploy = useMutation(api.agentFactory.globalSkillsDeploy);
  const task = useTask(
    useCallback(
      async ({ slug, version, skillMd, code }: Bundle) => {
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
  const set =
    (name: keyof Bundle) => (event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) =>
      setBundle({ ...bundle, [name]: event.target.value });
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
          <input required value={bundle.slug} onChange={set("slug")} />
        </Field>
        <Field label="Version" hint="A version is published once">
          <input required value={bundle.version} onChange={set("version")} />
        </Field>
      </div>
      <div className="two">
        <Field label="SKILL.md">
          <textarea rows={7} className="code" value={bundle.skillMd} onChange={set("skillMd")} />
        </Field>
        <Field label="scripts/index.mjs">
          <textarea rows={7} className="code" value={bundle.code} onChange={set("code")} />
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
