import { ESLint } from "eslint";
import { describe, expect, test } from "vitest";

const root = new URL("..", import.meta.url).pathname;
const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: `${root}.config/eslint.config.mjs`,
  // The samples are not files of the project, so rules that need types have nothing to look at.
  overrideConfig: [
    {
      files: ["**/*.ts"],
      languageOptions: { parserOptions: { projectService: false } },
      rules: { "@typescript-eslint/no-floating-promises": "off" },
    },
  ],
});

async function complaints(filePath: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: `${root}${filePath}` });
  return (result?.messages ?? []).map((message) => message.message);
}

describe("the architecture is enforced", () => {
  test.each([
    [
      "an earlier room that uses a later one",
      "src/component/queue/sample.ts",
      'import { planPass } from "../scheduler/ops.js";\nexport const x = planPass;\n',
      "may not depend on a later room",
    ],
    [
      "a room entered through its inside",
      "src/component/scheduler/sample.ts",
      'import { settle } from "../queue/store.js";\nexport const x = settle;\n',
      "through its ops.js",
    ],
    [
      "builders taken past kit/functions",
      "src/component/queue/sample.ts",
      'import { mutation } from "../_generated/server.js";\nexport const x = mutation;\n',
      "kit/functions.js",
    ],
    [
      "a clock in a pure file",
      "src/component/scheduler/plan.ts",
      "export const x = () => Date.now();\n",
      "Take `now` as an argument",
    ],
    [
      "randomness in a pure file",
      "src/component/queue/order.ts",
      "export const x = () => Math.random();\n",
      "Take `random` as an argument",
    ],
    [
      "a store in a pure file",
      "src/component/queue/machine.ts",
      'import { settle } from "./store.js";\nexport const x = settle;\n',
      "Pure files decide",
    ],
    [
      "an unbounded read",
      "src/component/queue/sample.ts",
      "export const x = async (ctx: { db: { query(t: string): { collect(): Promise<unknown[]> } } }) =>\n  await ctx.db.query('workers').collect();\n",
      "reads without bound",
    ],
    [
      "pagination inside the component",
      "src/component/queue/sample.ts",
      "export const x = (q: { paginate(o: object): void }) => q.paginate({});\n",
      "does not work inside components",
    ],
    [
      "key generation, which mutations refuse",
      "src/component/secrets/sample.ts",
      "export const x = () => crypto.subtle.generateKey('AES-GCM', true, []);\n",
      "generateKey throws",
    ],
    [
      "a Node module in the component",
      "src/component/secrets/sample.ts",
      '"use node";\nexport const x = 1;\n',
      "cannot contain Node modules",
    ],
    [
      "the client reaching into the component",
      "src/client/sample.ts",
      'import { settle } from "../component/queue/store.js";\nexport const x = settle;\n',
      "by its types, its words and its config only",
    ],
    [
      "the worker importing the component",
      "src/worker/sample.ts",
      'import { settle } from "../component/queue/store.js";\nexport const x = settle;\n',
      "only over HTTP",
    ],
    ["any", "src/client/sample.ts", "export const x = (y: any) => y;\n", "Unexpected any"],
    [
      "a file that outgrew its room",
      "src/client/sample.ts",
      `export const x = 1;\n${"// line\n".repeat(401)}`,
      "too many lines",
    ],
  ])("%s is refused", async (_name, filePath, code, expected) => {
    expect((await complaints(filePath, code)).join("\n")).toContain(expected);
  });

  test("what the rules allow passes: an earlier room's verbs, words of a later one, a queue of strings", async () => {
    const code =
      'import { loadPolicy } from "../settings/ops.js";\nimport type { Effect } from "../scheduler/validators.js";\nexport const x = (e: Effect[]) => [loadPolicy, e.filter((o) => o.kind === "create")];\n';
    expect(await complaints("src/component/queue/sample.ts", code)).toEqual([]);
  });
});
