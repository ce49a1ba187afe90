/** `agent-factory doctor`: looks at the app's files, then asks the deployment what it lacks. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const DEFAULT_FUNCTION = "operator:diagnose";
const MARKS = { ok: "✓", warning: "!", problem: "✗" } as const;

const vReport = z.object({
  checks: z.array(
    z.object({
      name: z.string(),
      subject: z.string().nullable(),
      status: z.enum(["ok", "warning", "problem"]),
      message: z.string(),
      fix: z.string().nullable(),
    }),
  ),
});
type Check = z.infer<typeof vReport>["checks"][number];

export type DoctorDeps = {
  cwd: string;
  write: (text: string) => void;
  /** Runs a command of the app's own tools. */
  run: (command: string, args: string[]) => Promise<{ code: number; out: string; err: string }>;
};

/** Prints every check and what to do; the exit code is 1 when something is missing, 2 when nobody could be asked. */
export async function doctor(
  args: readonly string[],
  deps: DoctorDeps = localDeps(),
): Promise<number> {
  const flags = args.filter((arg) => arg.startsWith("-"));
  const name = args.find((arg) => !arg.startsWith("-")) ?? DEFAULT_FUNCTION;
  const local = await checkFiles(deps.cwd);
  for (const check of local) deps.write(lineOf(check));
  const answer = await deps.run("npx", ["convex", "run", ...flags, name, "{}"]);
  const report = answer.code === 0 ? readReport(answer.out) : null;
  if (report === null) {
    const said = indent(answer.err.trim().split("\n").slice(-4).join("\n"));
    if (answer.err.includes("No CONVEX_DEPLOYMENT")) {
      deps.write(
        `✗ deployment: this directory belongs to none yet.\n${said}` +
          indent("Connect it with npx convex dev, then run the doctor again."),
      );
      return 2;
    }
    deps.write(
      `✗ deployment: '${name}' could not be run.\n` +
        said +
        indent(
          "Expose it in convex/operator.ts:\n" +
            '  import { exposeOperatorApi } from "@okrlinkhub/agent-factory";\n' +
            '  import { components } from "./_generated/api.js";\n' +
            "  export const { diagnose } = exposeOperatorApi(components.agentFactory);\n" +
            "then deploy (npx convex dev --once), or name your function: npx agent-factory doctor module:function",
        ),
    );
    return 2;
  }
  for (const check of report) deps.write(lineOf(check));
  const problems = [...local, ...report].filter((check) => check.status === "problem").length;
  deps.write(problems === 0 ? "Nothing is missing.\n" : `${problems} to mend.\n`);
  return problems === 0 ? 0 : 1;
}

function lineOf({ status, name, subject, message, fix }: Check): string {
  const what = subject === null ? name : `${name} ${subject}`;
  return `${MARKS[status]} ${what.replaceAll("_", " ")}: ${message}\n${fix === null ? "" : indent(fix)}`;
}

const indent = (text: string) => (text === "" ? "" : `    ${text.replaceAll("\n", "\n    ")}\n`);

/** The CLI may print lines of its own before the value. */
function readReport(out: string): Check[] | null {
  const start = out.indexOf("{");
  if (start < 0) return null;
  try {
    const parsed = vReport.safeParse(JSON.parse(out.slice(start)));
    return parsed.success ? parsed.data.checks : null;
  } catch {
    return null;
  }
}

/** What can be seen without a deployment: is the component installed, are its routes mounted. */
async function checkFiles(cwd: string): Promise<Check[]> {
  const folder = await functionsFolder(cwd);
  const wanted = [
    {
      file: "convex.config.ts",
      has: /app\.use\(\s*agentFactory/,
      fix: 'app.use(agentFactory, { env: { SECRETS_KEY: app.env.AGENT_FACTORY_SECRETS_KEY } }) with\nimport agentFactory from "@okrlinkhub/agent-factory/convex.config.js"',
    },
    {
      file: "http.ts",
      has: /registerRoutes\(/,
      fix: "registerRoutes(http, components.agentFactory): without it no worker can call home and Telegram has no webhook.",
    },
  ];
  return await Promise.all(
    wanted.map(async ({ file, has, fix }): Promise<Check> => {
      const path = join(folder, file);
      const text = await readFile(join(cwd, path), "utf8").catch(() => null);
      const found = text !== null && has.test(text);
      const message =
        text === null
          ? "There is no such file."
          : found
            ? "It is in place."
            : "It does not do what it must.";
      const status = found ? "ok" : "problem";
      return { name: path, subject: null, status, message, fix: found ? null : fix };
    }),
  );
}

async function functionsFolder(cwd: string): Promise<string> {
  const text = await readFile(join(cwd, "convex.json"), "utf8").catch(() => "{}");
  try {
    const { functions } = z
      .looseObject({ functions: z.string().optional() })
      .parse(JSON.parse(text));
    return functions ?? "convex";
  } catch {
    return "convex";
  }
}

function localDeps(): DoctorDeps {
  return {
    cwd: process.cwd(),
    write: (text) => void process.stdout.write(text),
    run: async (command, args) =>
      await new Promise((resolve) => {
        const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
        const text = { out: "", err: "" };
        child.stdout.on("data", (chunk: Buffer) => (text.out += chunk.toString()));
        child.stderr.on("data", (chunk: Buffer) => (text.err += chunk.toString()));
        child.on("error", (error) => resolve({ code: 127, out: "", err: error.message }));
        child.on("close", (code) => resolve({ code: code ?? 1, ...text }));
      }),
  };
}
