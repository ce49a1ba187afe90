import { beforeEach, describe, expect, it } from "vitest";
import { workerManifest } from "./ops.js";
import { bundle, operator, refusal, setup, verifyAsWorker } from "./skills.fixture.js";
import { hashManifest } from "../../shared/skills/manifest.js";

let room: ReturnType<typeof setup>;
beforeEach(() => {
  room = setup();
});

const setStatus = async (slug: string, status: "active" | "disabled", actor?: string) =>
  await room.t.mutation(operator.setGlobalSkillStatus, {
    slug,
    status,
    nowMs: 5,
    ...(actor === undefined ? {} : { actor }),
  });

describe("getWorkerGlobalSkillsManifest", () => {
  it("is empty without skills, and hashes that", async () => {
    expect(await room.manifest({ workspaceId: "ws", workerId: "w" })).toEqual({
      layoutVersion: "openclaw-workspace-skill-v1",
      manifestVersion: "2e1cfa82b035c26cbbbdae632cea070514eb8b773f616aaeaf668e2f0be8f10d",
      generatedAt: expect.any(Number),
      releaseChannel: "stable",
      workspaceId: "ws",
      skills: [],
      skipped: [],
    });
  });

  it("passes what existing workers check, sorted by slug in code units", async () => {
    for (const slug of ["zz", "a_b", "a-b", "ab", "a1"])
      await room.deploy(slug, "1.0.0", {
        files: bundle(slug, { path: "assets/Z", content: "é" }, { path: "assets/b", content: "" }),
      });
    await room.deploy("cjs", "1.0.0", {
      moduleFormat: "cjs",
      files: bundle("cjs", { path: "scripts/index.cjs", content: "" }),
    });
    const manifest = await room.manifest();
    expect(manifest.workspaceId).toBe("default");
    expect(manifest.skills.map((skill) => skill.slug)).toEqual(
      ["a-b", "a1", "a_b", "ab", "cjs", "zz"], // "-" < "1" < "_" < "b"
    );
    for (const skill of manifest.skills) await verifyAsWorker(skill);
    expect(manifest.manifestVersion).toBe(await hashManifest(manifest.skills));
    expect((await room.manifest()).manifestVersion).toBe(manifest.manifestVersion);
  });

  it("its version changes with a release", async () => {
    await room.deploy("weather", "1.0.0");
    const before = await room.manifest();
    await room.deploy("weather", "1.0.1");
    expect((await room.manifest()).manifestVersion).not.toBe(before.manifestVersion);
    await room.rollback("weather");
    expect((await room.manifest()).manifestVersion).toBe(before.manifestVersion);
  });

  it("leaves disabled skills and other channels out", async () => {
    await room.deploy("on");
    await room.deploy("off");
    await room.deploy("early", "1.0.0", { releaseChannel: "canary" });
    await setStatus("off", "disabled");
    expect(await room.served()).toEqual(["on@1.0.0"]);
    expect(await room.served({ releaseChannel: "canary" })).toEqual(["early@1.0.0"]);
    await setStatus("off", "active");
    expect(await room.served()).toEqual(["off@1.0.0", "on@1.0.0"]);
  });

  it("a damaged bundle is left out and reported; the others come", async () => {
    await room.deploy("aa");
    const damaged = await room.deploy("bb");
    const unsafe = await room.deploy("cc");
    const lost = await room.deploy("dd");
    await room.deploy("ee");
    await room.t.run(async (ctx) => {
      const row = await ctx.db.get("globalSkillVersions", damaged.versionId);
      const [first, ...rest] = row!.files;
      await ctx.db.patch("globalSkillVersions", damaged.versionId, {
        files: [{ ...first!, content: "tampered" }, ...rest],
      });
      await ctx.db.patch("globalSkillVersions", unsafe.versionId, {
        files: [...row!.files, { path: "..", content: "", sha256: "" }],
      });
      await ctx.db.delete("globalSkillVersions", lost.versionId);
    });
    const { skills, skipped } = await room.manifest();
    expect(skills.map((skill) => skill.slug)).toEqual(["aa", "ee"]);
    for (const skill of skills) await verifyAsWorker(skill);
    expect(skipped).toEqual([
      { slug: "bb", reason: "Global skill bundle checksum mismatch for bb@1.0.0." },
      { slug: "cc", reason: "invalid_relative_path:.." },
      { slug: "dd", reason: "The released version of dd is not stored any more." },
    ]);
  });

  it("holds 40 skills, the oldest ones", async () => {
    await room.deploy("zz");
    for (let index = 0; index < 40; index++) await room.deploy(`s${index + 10}`);
    await room.deploy("aa");
    const { skills, skipped } = await room.manifest();
    expect(skills).toHaveLength(40);
    expect(skills.at(-1)?.slug).toBe("zz");
    const reason = expect.stringContaining("40 skills and 8388608 bytes");
    expect(skipped).toEqual([
      { slug: "aa", reason },
      { slug: "s49", reason },
    ]);
    await setStatus("s20", "disabled");
    await setStatus("s21", "disabled");
    expect((await room.manifest()).skipped).toEqual([]);
  });

  it("holds 8 MiB: a bundle that does not fit, and what is younger, is reported", async () => {
    const heavy = await room.deploy("s10");
    const content = "x".repeat(500_000); // more than can be deployed today
    await room.t.run(async (ctx) => {
      const { _id, _creationTime, ...row } = (await ctx.db.get(
        "globalSkillVersions",
        heavy.versionId,
      ))!;
      await ctx.db.patch("globalSkillVersions", _id, {
        files: [{ path: "a", content, sha256: "" }, ...row.files],
      });
    });
    for (let index = 1; index < 20; index++) {
      const { releaseId } = await room.deploy(`s${index + 10}`);
      await room.t.run(async (ctx) => {
        await ctx.db.patch("globalSkillReleases", releaseId, { versionId: heavy.versionId });
      });
    }
    const { skipped } = await room.manifest();
    const full = skipped.filter(({ reason }) => reason.startsWith("A manifest"));
    expect(full.map(({ slug }) => slug)).toEqual(["s26", "s27", "s28", "s29"]);
  });

  it("reads no bundle of another scope or channel", async () => {
    await room.deploy("mine", "1.0.0", { agentKey: "a" });
    const cost = async () =>
      await room.t.query(async (ctx) => {
        await workerManifest(ctx, { agentKey: "a", companyId: "c" });
        const { documentsRead, databaseQueries } = await ctx.meta.getTransactionMetrics();
        return [documentsRead.used, databaseQueries.used];
      });
    expect(await cost()).toEqual([3, 6]);
    for (let index = 0; index < 30; index++) {
      await room.deploy(`s${index}`, "1.0.0", { agentKey: `other${index}` });
      await room.deploy(`t${index}`, "1.0.0", { agentKey: "a", companyId: "other" });
    }
    expect(await cost()).toEqual([3, 6]);
    await room.deploy("early", "1.0.0", { releaseChannel: "canary" });
    expect(await cost()).toEqual([4, 7]);
  });
});

describe("scope", () => {
  beforeEach(async () => {
    await room.deploy("all");
    await room.deploy("agent-a", "1.0.0", { agentKey: " a " });
    await room.deploy("company-c", "1.0.0", { companyId: "c" });
    await room.deploy("both", "1.0.0", { agentKey: "a", companyId: "c" });
  });

  it.each([
    [{}, ["all"]],
    [{ agentKey: "a" }, ["agent-a", "all"]],
    [{ companyId: "c" }, ["all", "company-c"]],
    [{ agentKey: "a", companyId: "c" }, ["agent-a", "all", "both", "company-c"]],
    [{ agentKey: "a", companyId: "d" }, ["agent-a", "all"]],
    [{ agentKey: "b", companyId: "c" }, ["all", "company-c"]],
    [{ agentKey: "b", companyId: "d" }, ["all"]],
    [{ agentKey: "", companyId: "" }, ["all"]],
  ])("a caller with %j gets %j", async (caller, slugs) => {
    expect(await room.served(caller)).toEqual(slugs.map((slug) => `${slug}@1.0.0`));
  });

  it("stays when it is not given, changes when it is, goes with null", async () => {
    await room.deploy("both", "2.0.0");
    expect(await room.served({ agentKey: "a" })).not.toContain("both@2.0.0");
    await room.deploy("both", "3.0.0", { companyId: null });
    expect(await room.served({ agentKey: "a" })).toContain("both@3.0.0");
    await room.deploy("both", "4.0.0", { agentKey: "b" });
    expect(await room.served({ agentKey: "a" })).not.toContain("both@4.0.0");
    expect(await room.served({ agentKey: "b" })).toEqual(["all@1.0.0", "both@4.0.0"]);
    await room.deploy("both", "5.0.0", { agentKey: null });
    expect(await room.served()).toEqual(["all@1.0.0", "both@5.0.0"]);
    expect((await room.skills()).at(-1)).not.toHaveProperty("agentKey");
  });

  it("is listed", async () => {
    const skills = await room.t.query(operator.listGlobalSkills, {});
    const scopes = skills.map(({ slug, agentKey, companyId }) => [slug, agentKey, companyId]);
    expect(scopes).toEqual([
      ["agent-a", "a", undefined],
      ["all", undefined, undefined],
      ["both", "a", "c"],
      ["company-c", undefined, "c"],
    ]);
  });
});

describe("setGlobalSkillStatus", () => {
  it("changes the status and says so; repeating is harmless", async () => {
    await room.deploy("weather");
    const result = { updated: true, slug: "weather", status: "disabled" };
    expect(await setStatus(" Weather ", "disabled", "ada")).toEqual(result);
    expect(await setStatus("weather", "disabled", "ada")).toEqual(result);
    expect(await room.skills()).toMatchObject([
      { status: "disabled", updatedBy: "ada", updatedAt: 5 },
    ]);
  });

  it("unknown slug -> updated false", async () => {
    expect(await setStatus("Nothing", "active")).toEqual({
      updated: false,
      slug: "nothing",
      status: "active",
    });
  });
});

describe("listGlobalSkills", () => {
  const list = async (args: { status?: "active" | "disabled"; limit?: number } = {}) =>
    (await room.t.query(operator.listGlobalSkills, args)).map(({ slug }) => slug);

  it("sorted by slug, filtered by status, clamped", async () => {
    for (const slug of ["zz", "mm", "aa", "bb"]) await room.deploy(slug);
    await setStatus("mm", "disabled");
    expect(await list()).toEqual(["aa", "bb", "mm", "zz"]);
    expect(await list({ status: "active" })).toEqual(["aa", "bb", "zz"]);
    expect(await list({ status: "disabled" })).toEqual(["mm"]);
    expect(await list({ status: "active", limit: 2.9 })).toEqual(["aa", "bb"]);
    expect(await list({ limit: -1 })).toEqual(["aa"]);
    expect(await list({ limit: 1e9 })).toHaveLength(4);
    expect(await list({ limit: NaN })).toHaveLength(4);
  });

  it("shows the active release of the channel or null", async () => {
    const { skillId, versionId, releaseId, sha256 } = await room.deploy("weather", "1.0.0", {
      description: "d",
    });
    const updatedAt = (await room.skills())[0]!.updatedAt;
    const skill = {
      skillId,
      slug: "weather",
      displayName: "weather",
      description: "d",
      status: "active",
      updatedAt,
    };
    const activeRelease = {
      releaseId,
      versionId,
      version: "1.0.0",
      sha256,
      moduleFormat: "esm",
      entryPoint: "default",
      releaseChannel: "stable",
      activatedAt: updatedAt,
    };
    expect(await room.t.query(operator.listGlobalSkills, {})).toEqual([
      { ...skill, activeRelease },
    ]);
    expect(await room.t.query(operator.listGlobalSkills, { releaseChannel: "canary" })).toEqual([
      { ...skill, activeRelease: null },
    ]);
  });

  it("reads bundles only for releases that 3.x wrote, and within a bound", async () => {
    const { releaseId, versionId } = await room.deploy("weather");
    const list = async () => await room.t.query(operator.listGlobalSkills, {});
    const ours = await list();
    await room.t.run(async (ctx) => {
      await ctx.db.delete("globalSkillVersions", versionId);
    });
    expect(await list()).toEqual(ours);
    await room.t.run(async (ctx) => {
      await ctx.db.patch("globalSkillReleases", releaseId, { version: undefined });
    });
    expect(await list()).toMatchObject([{ activeRelease: null }]);
    const content = "x".repeat(900_000);
    await room.t.run(async (ctx) => {
      const { _id, _creationTime, ...skill } = (await ctx.db.query("globalSkills").first())!;
      for (let index = 0; index < 16; index++) {
        const skillId = await ctx.db.insert("globalSkills", { ...skill, slug: `big${index}` });
        const common = { skillId, sha256: "s", moduleFormat: "esm", entryPoint: "e" } as const;
        const id = await ctx.db.insert("globalSkillVersions", {
          ...common,
          version: "1.0.0",
          files: [{ path: "a", content, sha256: "" }],
          createdBy: "",
          createdAt: 0,
        });
        await ctx.db.insert("globalSkillReleases", {
          skillId,
          versionId: id,
          releaseChannel: "stable",
          isActive: true,
          activatedBy: "",
          activatedAt: 1,
        });
      }
    });
    expect(await refusal(list())).toEqual({
      code: "PAYLOAD_TOO_LARGE",
      message: "Listing these skills reads too much; use a smaller limit.",
    });
    const few = await room.t.query(operator.listGlobalSkills, { limit: 2 });
    expect(few).toMatchObject([
      { slug: "big0", activeRelease: { version: "1.0.0", sha256: "s", entryPoint: "e" } },
      { slug: "big1", activeRelease: { version: "1.0.0" } },
    ]);
  });
});

describe("listGlobalSkillReleases", () => {
  it("last activated first, of one channel or both, with what was rolled back", async () => {
    for (const version of ["1.0.0", "2.0.0"]) await room.deploy("weather", version);
    await room.deploy("weather", "3.0.0", { releaseChannel: "canary", actor: "ada" });
    await room.rollback("weather");
    await room.deploy("other");
    const list = async (args: { releaseChannel?: "stable" | "canary"; limit?: number } = {}) =>
      (await room.t.query(operator.listGlobalSkillReleases, { slug: " WEATHER", ...args })).map(
        (row) => [row.version, row.releaseChannel, row.isActive, row.rolledBackAt !== null],
      );
    const [one, two, three] = [
      ["1.0.0", "stable", true, false],
      ["2.0.0", "stable", false, true],
      ["3.0.0", "canary", true, false],
    ];
    expect(await list()).toEqual([one, three, two]);
    expect(await list({ releaseChannel: "stable" })).toEqual([one, two]);
    expect(await list({ releaseChannel: "canary" })).toEqual([three]);
    expect(await list({ limit: 1 })).toEqual([one]);
    const [view] = await room.t.query(operator.listGlobalSkillReleases, {
      slug: "weather",
      releaseChannel: "canary",
    });
    expect(view).toMatchObject({ activatedBy: "ada", moduleFormat: "esm", entryPoint: "default" });
  });

  it("unknown skill -> empty", async () => {
    expect(await room.t.query(operator.listGlobalSkillReleases, { slug: "no" })).toEqual([]);
  });
});

describe("deleteGlobalSkill", () => {
  const remove = async (slug: string) =>
    await room.t.mutation(operator.deleteGlobalSkill, { slug });

  it("removes the skill with everything on both channels, and nothing else", async () => {
    await room.deploy("weather", "1.0.0");
    await room.deploy("weather", "2.0.0");
    await room.deploy("weather", "2.0.0", { releaseChannel: "canary" });
    await room.deploy("other");
    expect(await remove(" Weather ")).toEqual({
      deleted: true,
      slug: "weather",
      deletedVersions: 2,
      deletedReleases: 3,
    });
    expect(await room.served()).toEqual(["other@1.0.0"]);
    expect(await room.skills()).toHaveLength(1);
    expect(await room.versions()).toHaveLength(1);
    expect(await room.releases()).toHaveLength(1);
  });

  it("unknown slug -> deleted false", async () => {
    expect(await remove("Nothing")).toEqual({
      deleted: false,
      slug: "nothing",
      deletedVersions: 0,
      deletedReleases: 0,
    });
  });

  it("more than one call deletes -> disabled first, gone after a repetition", async () => {
    const { versionId } = await room.deploy("weather");
    await room.t.run(async (ctx) => {
      const { _id, _creationTime, ...row } = (await ctx.db.get("globalSkillVersions", versionId))!;
      for (let patch = 1; patch < 25; patch++)
        await ctx.db.insert("globalSkillVersions", { ...row, version: `1.0.${patch}` });
    });
    expect(await remove("weather")).toMatchObject({ deleted: false, deletedVersions: 20 });
    expect(await room.skills()).toMatchObject([{ status: "disabled" }]);
    expect(await remove("weather")).toMatchObject({ deleted: true, deletedVersions: 5 });
    expect([await room.skills(), await room.versions(), await room.releases()]).toEqual([
      [],
      [],
      [],
    ]);
  });
});
