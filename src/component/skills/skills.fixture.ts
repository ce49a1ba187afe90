/** What the tests of this room share: a component with small bundles, and a worker's eye on manifests. */
import { convexTest } from "convex-test";
import { anyApi, type ApiFromModules, type FunctionArgs } from "convex/server";
import schema from "../schema.js";
import type { ManifestSkill, NewSkillFile } from "./validators.js";

const modules = import.meta.glob(["/src/component/**/*.ts", "!/src/component/**/*.test.ts"]);
type Modules = {
  "skills/operator": typeof import("./operator.public.js");
  "skills/worker": typeof import("./worker.public.js");
};
type SkillsApi = ApiFromModules<Modules>["skills"];
const api = anyApi as unknown as Record<string, SkillsApi["operator"] & SkillsApi["worker"]>;
export const operator: SkillsApi["operator"] = api["skills/operator.public"]!;
export const worker: SkillsApi["worker"] = api["skills/worker.public"]!;

export const NOW = 1_700_000_000_000;

export function bundle(text: string, ...more: NewSkillFile[]): NewSkillFile[] {
  return [
    { path: "SKILL.md", content: `# ${text}\n` },
    { path: "scripts/index.mjs", content: `export default ${JSON.stringify(text)};\n` },
    ...more,
  ];
}

type DeployArgs = FunctionArgs<SkillsApi["operator"]["deployGlobalSkill"]>;

export function setup() {
  const t = convexTest(schema, modules);
  let clock = NOW;
  return {
    t,
    /** Deploys `slug`, by default with a bundle that depends on slug and version only. */
    deploy: async (slug: string, version = "1.0.0", rest: Partial<DeployArgs> = {}) =>
      await t.mutation(operator.deployGlobalSkill, {
        slug,
        version,
        files: bundle(`${slug} ${version}`),
        nowMs: ++clock,
        ...rest,
      }),
    rollback: async (
      slug: string,
      rest: Omit<FunctionArgs<SkillsApi["operator"]["rollbackGlobalSkill"]>, "slug"> = {},
    ) => await t.mutation(operator.rollbackGlobalSkill, { slug, nowMs: ++clock, ...rest }),
    manifest: async (
      args: FunctionArgs<SkillsApi["worker"]["getWorkerGlobalSkillsManifest"]> = {},
    ) => await t.query(worker.getWorkerGlobalSkillsManifest, args),
    /** "slug@version" of what a worker gets. */
    served: async (
      args: FunctionArgs<SkillsApi["worker"]["getWorkerGlobalSkillsManifest"]> = {},
    ) => {
      const { skills } = await t.query(worker.getWorkerGlobalSkillsManifest, args);
      return skills.map(({ slug, version }) => `${slug}@${version}`);
    },
    skills: async () => await t.run(async (ctx) => await ctx.db.query("globalSkills").take(500)),
    versions: async () =>
      await t.run(async (ctx) => await ctx.db.query("globalSkillVersions").take(500)),
    releases: async () =>
      await t.run(async (ctx) => await ctx.db.query("globalSkillReleases").take(500)),
  };
}

/** The data of a refusal. */
export async function refusal(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => "accepted",
    (error: unknown) => (error as { data?: unknown }).data ?? String(error),
  );
}

async function sha(text: string): Promise<string> {
  const bytes = new Uint8Array(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)),
  );
  return Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
}

/** What the bootstrap of existing workers checks; throws as it does. */
export async function verifyAsWorker(skill: ManifestSkill): Promise<void> {
  const paths = new Set<string>();
  for (const { path, content, sha256 } of skill.files) {
    if (paths.has(path)) throw new Error(`duplicate ${path}`);
    paths.add(path);
    if ((await sha(content)) !== sha256) throw new Error(`checksum of ${path}`);
  }
  const entry = `scripts/index.${skill.moduleFormat === "cjs" ? "cjs" : "mjs"}`;
  for (const path of ["SKILL.md", entry, ".af-global-skill.json"])
    if (!paths.has(path)) throw new Error(`no ${path}`);
  const blocks = skill.files
    .filter(({ path }) => path !== ".af-global-skill.json")
    .map(({ path, sha256, content }) => [path, sha256, content].join("\n"));
  if ((await sha(blocks.join("\n---\n"))) !== skill.sha256) throw new Error("bundle checksum");
}
