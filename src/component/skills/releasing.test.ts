import { beforeEach, describe, expect, it } from "vitest";
import { compareCodeUnits, hashBundle } from "../../shared/skills/bundle.js";
import { bundle, NOW, operator, refusal, setup } from "./skills.fixture.js";

let room: ReturnType<typeof setup>;
beforeEach(() => {
  room = setup();
});

const invalid = (message: string) => ({ code: "INVALID_ARGUMENT", message });

describe("deployGlobalSkill", () => {
  it("stores skill, version and active release, and returns them", async () => {
    const result = await room.deploy(" Weather ", " 1.0.0 ", {
      displayName: " The Weather ",
      description: "Asks.",
      actor: "ada",
    });
    const [skill] = await room.skills();
    const [version] = await room.versions();
    const releases = await room.releases();
    expect(result).toEqual({
      skillId: skill?._id,
      versionId: version?._id,
      releaseId: releases[0]?._id,
      slug: "weather",
      version: "1.0.0",
      sha256: version?.sha256,
      releaseChannel: "stable",
    });
    expect(skill).toMatchObject({
      slug: "weather",
      displayName: "The Weather",
      description: "Asks.",
      status: "active",
      createdBy: "ada",
      updatedBy: "ada",
      createdAt: NOW + 1,
      updatedAt: NOW + 1,
    });
    expect(skill).not.toHaveProperty("agentKey");
    expect(version).toMatchObject({
      version: "1.0.0",
      moduleFormat: "esm",
      entryPoint: "default",
      createdBy: "ada",
      createdAt: NOW + 1,
    });
    expect(releases).toMatchObject([
      {
        releaseChannel: "stable",
        isActive: true,
        activatedBy: "ada",
        activatedAt: NOW + 1,
        version: "1.0.0",
        sha256: version?.sha256,
        moduleFormat: "esm",
        entryPoint: "default",
      },
    ]);
  });

  it("defaults: displayName is the slug, actor is system", async () => {
    await room.deploy("weather", "1.0.0", { displayName: " ", actor: " " });
    const [skill] = await room.skills();
    expect(skill).toMatchObject({ displayName: "weather", createdBy: "system" });
    expect(skill).not.toHaveProperty("description");
  });

  it("changes what is given, keeps what is not", async () => {
    await room.deploy("weather", "1.0.0", { displayName: "A", description: "B", actor: "ada" });
    await room.deploy("weather", "1.1.0", { displayName: " ", actor: "bob" });
    expect(await room.skills()).toMatchObject([
      { displayName: "A", description: "B", createdBy: "ada", updatedBy: "bob" },
    ]);
    await room.deploy("weather", "1.2.0", { displayName: "C", description: "" });
    expect(await room.skills()).toMatchObject([{ displayName: "C", description: "" }]);
  });

  const SLUG = "Invalid skill slug. Use lowercase letters, numbers, '-' and '_'.";
  const VERSION = "Invalid skill version. Use semantic versioning format.";
  it.each([
    ["one letter", { slug: "a" }, SLUG],
    ["129 letters", { slug: "a".repeat(129) }, SLUG],
    ["a leading dash", { slug: "-a" }, SLUG],
    ["a slash", { slug: "a/b" }, SLUG],
    ["two numbers", { version: "1.0" }, VERSION],
    ["a v", { version: "v1.0.0" }, VERSION],
    ["an empty suffix", { version: "1.0.0-" }, VERSION],
    ["a bar in the suffix", { version: "1.0.0-a|b" }, VERSION],
    ["a blank entry point", { entryPoint: " " }, "entryPoint is required."],
    ["a blank agentKey", { agentKey: " " }, "agentKey must not be empty; null lifts it."],
    ["a blank companyId", { companyId: "" }, "companyId must not be empty; null lifts it."],
    [
      "a bad file before a bad slug",
      { slug: "-", files: [{ path: "..", content: "" }] },
      "invalid_relative_path:..",
    ],
  ])("%s -> INVALID_ARGUMENT, nothing stored", async (_what, args, message) => {
    expect(await refusal(room.deploy("weather", "1.0.0", args))).toEqual(invalid(message));
    expect([await room.skills(), await room.versions(), await room.releases()]).toEqual([
      [],
      [],
      [],
    ]);
  });

  it.each(["1.0.0-rc.1", "1.0.0+build-5", "1.0.0-rc.1+5", "10.20.30"])(
    "version %s is taken",
    async (version) => {
      expect(await room.deploy("weather", version)).toMatchObject({ version });
    },
  );

  it.each(["displayName", "description", "entryPoint", "actor", "agentKey", "companyId"])(
    "%s of more than 2,000 characters -> PAYLOAD_TOO_LARGE",
    async (field) => {
      expect(await refusal(room.deploy("ab", "1.0.0", { [field]: "x".repeat(2_001) }))).toEqual({
        code: "PAYLOAD_TOO_LARGE",
        message: `${field} must have at most 2000 characters.`,
      });
    },
  );

  it("the same version with the same bundle is reused under a new release", async () => {
    const first = await room.deploy("weather");
    const again = await room.deploy("weather", "1.0.0", {
      files: bundle("weather 1.0.0").reverse(),
    });
    expect(again).toEqual({ ...first, releaseId: again.releaseId });
    expect(again.releaseId).not.toBe(first.releaseId);
    expect(await room.versions()).toHaveLength(1);
    expect(await room.releases()).toMatchObject([{ _id: again.releaseId, isActive: true }]);
  });

  it("the same version with the files that 3.x stored in its own order is reused", async () => {
    const { versionId } = await room.deploy("weather");
    const sha256 = await room.t.run(async (ctx) => {
      const row = await ctx.db.get("globalSkillVersions", versionId);
      const files = [...row!.files].sort((a, b) => -compareCodeUnits(a.path, b.path));
      const legacy = await hashBundle(files);
      await ctx.db.patch("globalSkillVersions", versionId, { files, sha256: legacy });
      return legacy;
    });
    expect(await room.deploy("weather")).toMatchObject({ versionId, sha256 });
    expect(await room.manifest()).toMatchObject({ skills: [{ sha256 }], skipped: [] });
  });

  it.each([
    ["another file", { files: bundle("other") }],
    ["one file more", { files: bundle("weather 1.0.0", { path: "x", content: "" }) }],
    ["another entry point", { entryPoint: "run" }],
    [
      "another module format",
      {
        moduleFormat: "cjs" as const,
        files: bundle("weather 1.0.0", { path: "scripts/index.cjs", content: "" }),
      },
    ],
  ])("the same version with %s -> refused, the old one stays", async (_what, args) => {
    await room.deploy("weather");
    expect(await refusal(room.deploy("weather", "1.0.0", args))).toEqual(
      invalid("Skill weather@1.0.0 already exists with a different bundle."),
    );
    expect(await room.served()).toEqual(["weather@1.0.0"]);
  });

  it.each(["stable", "canary"] as const)(
    "deploying to %s leaves a disabled skill disabled",
    async (releaseChannel) => {
      await room.deploy("weather");
      await room.t.mutation(operator.setGlobalSkillStatus, { slug: "weather", status: "disabled" });
      await room.deploy("weather", "2.0.0", { releaseChannel });
      expect(await room.skills()).toMatchObject([{ status: "disabled" }]);
      expect(await room.served({ releaseChannel })).toEqual([]);
    },
  );

  it("channels are apart", async () => {
    await room.deploy("weather", "1.0.0");
    await room.deploy("weather", "2.0.0", { releaseChannel: "canary" });
    await room.deploy("weather", "1.1.0");
    expect(await room.served()).toEqual(["weather@1.1.0"]);
    expect(await room.served({ releaseChannel: "stable" })).toEqual(["weather@1.1.0"]);
    expect(await room.served({ releaseChannel: "canary" })).toEqual(["weather@2.0.0"]);
  });

  it("keeps one active and eight former releases per channel, and only their versions", async () => {
    for (let minor = 0; minor < 12; minor++) await room.deploy("weather", `1.${minor}.0`);
    await room.deploy("weather", "9.0.0", { releaseChannel: "canary" });
    const kept = ["1.10.0", "1.11.0", "1.3.0", "1.4.0", "1.5.0"];
    const versions = (await room.versions()).map((row) => row.version).sort();
    expect(versions).toEqual([...kept, "1.6.0", "1.7.0", "1.8.0", "1.9.0", "9.0.0"]);
    expect(await room.releases()).toHaveLength(10);
    expect(await room.served()).toEqual(["weather@1.11.0"]);
  });

  it("a version that the other channel delivers outlives its last release on this one", async () => {
    await room.deploy("weather", "1.0.0");
    await room.deploy("weather", "1.0.0", { releaseChannel: "canary" });
    for (let minor = 1; minor < 12; minor++) await room.deploy("weather", `1.${minor}.0`);
    expect(await room.served({ releaseChannel: "canary" })).toEqual(["weather@1.0.0"]);
  });

  it("works off what 3.x left, ten releases at a time", async () => {
    const { skillId, versionId } = await room.deploy("weather");
    await room.t.run(async (ctx) => {
      for (let index = 0; index < 30; index++)
        await ctx.db.insert("globalSkillReleases", {
          skillId,
          versionId,
          releaseChannel: "stable",
          isActive: false,
          activatedBy: "old",
          activatedAt: index,
        });
    });
    await room.deploy("weather", "2.0.0");
    expect(await room.releases()).toHaveLength(22);
    await room.deploy("weather", "3.0.0");
    await room.deploy("weather", "4.0.0");
    expect(await room.releases()).toHaveLength(9);
  });

  it("deploying one version over and over keeps the earlier ones in reach", async () => {
    await room.deploy("weather", "1.0.0");
    for (let times = 0; times < 12; times++) await room.deploy("weather", "2.0.0");
    expect(await room.rollback("weather")).toMatchObject({ version: "1.0.0" });
  });

  it("two active releases on one channel are put right", async () => {
    const { releaseId } = await room.deploy("weather", "1.0.0");
    await room.deploy("weather", "2.0.0");
    await room.t.run(async (ctx) => {
      await ctx.db.patch("globalSkillReleases", releaseId, { isActive: true });
    });
    expect(await room.served()).toEqual(["weather@2.0.0"]);
    await room.deploy("weather", "3.0.0");
    expect((await room.releases()).filter((row) => row.isActive)).toHaveLength(1);
  });

  it("200 active skills fill a scope; disabled ones and other scopes do not count", async () => {
    await room.t.run(async (ctx) => {
      for (let index = 0; index < 200; index++)
        await ctx.db.insert("globalSkills", {
          slug: `s${index}`,
          displayName: "",
          status: "active",
          createdBy: "",
          updatedBy: "",
          createdAt: 0,
          updatedAt: 0,
        });
    });
    const full = {
      code: "PAYLOAD_TOO_LARGE",
      message: "200 skills are active in this scope; disable or delete one first.",
    };
    expect(await refusal(room.deploy("one-more"))).toEqual(full);
    await room.deploy("scoped", "1.0.0", { agentKey: "a" });
    expect(await refusal(room.deploy("scoped", "2.0.0", { agentKey: null }))).toEqual(full);
    await room.deploy("s7");
    const set = async (slug: string, status: "active" | "disabled") =>
      await room.t.mutation(operator.setGlobalSkillStatus, { slug, status });
    await set("s7", "disabled");
    await room.deploy("one-more");
    expect(await refusal(set("s7", "active"))).toEqual(full);
    expect(await set("s8", "active")).toMatchObject({ updated: true });
  });
});

describe("rollbackGlobalSkill", () => {
  it("goes back one release at a time, on the same rows", async () => {
    const [one, two] = [
      await room.deploy("weather", "1.0.0"),
      await room.deploy("weather", "2.0.0"),
    ];
    await room.deploy("weather", "3.0.0");
    expect(await room.rollback(" WEATHER ", { actor: "ada" })).toEqual(two);
    expect(await room.served()).toEqual(["weather@2.0.0"]);
    expect(await room.rollback("weather", { actor: "bob" })).toEqual(one);
    expect(await room.served()).toEqual(["weather@1.0.0"]);
    expect(await room.releases()).toMatchObject([
      { version: "1.0.0", isActive: true, activatedBy: "bob", activatedAt: NOW + 5 },
      { version: "2.0.0", isActive: false, rolledBackAt: NOW + 5 },
      { version: "3.0.0", isActive: false, rolledBackAt: NOW + 4 },
    ]);
    expect(await room.skills()).toMatchObject([{ updatedBy: "bob", updatedAt: NOW + 5 }]);
    expect(await refusal(room.rollback("weather"))).toEqual(
      invalid("Skill weather has no earlier release on channel stable."),
    );
    expect(await room.served()).toEqual(["weather@1.0.0"]);
  });

  it("does not return to a release that was rolled back", async () => {
    await room.deploy("weather", "1.0.0");
    await room.deploy("weather", "2.0.0");
    await room.rollback("weather");
    await room.deploy("weather", "3.0.0");
    expect(await room.rollback("weather")).toMatchObject({ version: "1.0.0" });
  });

  it("goes to a named version, forth as well as back", async () => {
    for (const version of ["1.0.0", "2.0.0", "3.0.0"]) await room.deploy("weather", version);
    expect(await room.rollback("weather", { version: " 1.0.0 " })).toMatchObject({
      version: "1.0.0",
    });
    expect(await room.rollback("weather", { version: "3.0.0" })).toMatchObject({
      version: "3.0.0",
    });
    expect(await room.served()).toEqual(["weather@3.0.0"]);
    expect(await room.rollback("weather")).toMatchObject({ version: "1.0.0" });
  });

  it("a named version that is active -> nothing changes", async () => {
    const result = await room.deploy("weather");
    const before = [await room.skills(), await room.releases()];
    expect(await room.rollback("weather", { version: "1.0.0" })).toEqual(result);
    expect([await room.skills(), await room.releases()]).toEqual(before);
  });

  it("a named version of the other channel is released on this one", async () => {
    await room.deploy("weather", "1.0.0");
    await room.deploy("weather", "2.0.0", { releaseChannel: "canary" });
    await room.rollback("weather", { version: "2.0.0" });
    expect(await room.served()).toEqual(["weather@2.0.0"]);
    expect(await room.rollback("weather")).toMatchObject({ version: "1.0.0" });
    expect(await room.served({ releaseChannel: "canary" })).toEqual(["weather@2.0.0"]);
  });

  it("a channel has its own history", async () => {
    await room.deploy("weather", "1.0.0");
    await room.deploy("weather", "2.0.0");
    expect(await refusal(room.rollback("weather", { releaseChannel: "canary" }))).toEqual(
      invalid("Skill weather has no earlier release on channel canary."),
    );
  });

  it("leaves a disabled skill disabled", async () => {
    await room.deploy("weather", "1.0.0");
    await room.deploy("weather", "2.0.0");
    await room.t.mutation(operator.setGlobalSkillStatus, { slug: "weather", status: "disabled" });
    await room.rollback("weather");
    expect(await room.skills()).toMatchObject([{ status: "disabled" }]);
  });

  it("unknown skill or version -> INVALID_ARGUMENT", async () => {
    expect(await refusal(room.rollback("nothing"))).toEqual(
      invalid("Skill nothing does not exist."),
    );
    await room.deploy("weather");
    expect(await refusal(room.rollback("weather", { version: "7.0.0" }))).toEqual(
      invalid("Skill weather@7.0.0 does not exist."),
    );
    expect(await refusal(room.rollback("weather", { version: "seven" }))).toEqual(
      invalid("Invalid skill version. Use semantic versioning format."),
    );
  });

  it("a damaged or lost earlier version -> refused, the active one stays", async () => {
    const { versionId } = await room.deploy("weather", "1.0.0");
    await room.deploy("weather", "2.0.0");
    await room.t.run(async (ctx) => {
      await ctx.db.patch("globalSkillVersions", versionId, { sha256: "0" });
    });
    expect(await refusal(room.rollback("weather"))).toEqual(
      invalid("Global skill bundle checksum mismatch for weather@1.0.0."),
    );
    await room.t.run(async (ctx) => await ctx.db.delete("globalSkillVersions", versionId));
    expect(await refusal(room.rollback("weather"))).toEqual(
      invalid("The earlier version of skill weather is not stored any more."),
    );
    expect(await room.served()).toEqual(["weather@2.0.0"]);
  });
});
