/** The skill that the demo deploys, as an operator would, and the check that a worker loaded it. */
import type { World } from "../world.js";
import type { JourneyEvent } from "./timeline.js";

const SKILL = { slug: "greeter", version: "1.0.0" };
const RELEASE = `${SKILL.slug}@${SKILL.version}`;

export async function deploySkill(world: World, print: (line: string) => void): Promise<void> {
  await world.component("deployGlobalSkill", {
    ...SKILL,
    files: [
      {
        path: "SKILL.md",
        content:
          "---\nname: greeter\ndescription: Says hello in the language of the user.\n---\n\n# Greeter\n",
      },
      { path: "scripts/index.mjs", content: 'export default () => "Hello";\n' },
    ],
  });
  print(
    `Deployed the global skill ${RELEASE}: the next worker loads it before its engine starts.\n`,
  );
}

/** What is wrong with how the skill arrived; null when a worker said that it loaded it. */
export function skillProblem(events: readonly JourneyEvent[]): string | null {
  const loaded = events.some(
    ({ kind, detail }) => kind === "skills_loaded" && detail?.includes(RELEASE) === true,
  );
  return loaded ? null : `no worker loaded the skill ${RELEASE}`;
}
