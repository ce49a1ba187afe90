import { convexTest, type TestConvex } from "convex-test";
import { anyApi, type ApiFromModules } from "convex/server";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { internal } from "../_generated/api.js";
import schema from "../schema.js";
import { bytesToBase64 } from "./base64.js";
import { hasActiveSecret, openActiveSecret, openFirstActiveSecret } from "./ops.js";

const modules = import.meta.glob(["/src/component/**/*.ts", "!/src/component/**/*.test.ts"]);
type Modules = { "secrets/operator": typeof import("./operator.public.js") };
const operator = (
  anyApi as unknown as Record<string, ApiFromModules<Modules>["secrets"]["operator"]>
)["secrets/operator.public"]!;

const keyText = (fill: number) => bytesToBase64(new Uint8Array(32).fill(fill));
const VALUE = "plaintext-🔑-é-0123456789";

let t: TestConvex<typeof schema>;
beforeEach(() => {
  vi.useFakeTimers();
  vi.stubEnv("SECRETS_KEY", keyText(1));
  t = convexTest(schema, modules);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const rows = async () => await t.run(async (ctx) => await ctx.db.query("secrets").take(500));
const load = async (secretRef: string, plaintextValue: string) =>
  await t.mutation(operator.importSecret, { secretRef, plaintextValue });
const open = async (ref: string) => await t.query(async (ctx) => await openActiveSecret(ctx, ref));
async function insertLegacy(secretRef: string, encryptedValue: string, version = 1, active = true) {
  await t.run(async (ctx) => {
    await ctx.db.insert("secrets", {
      secretRef,
      version,
      encryptedValue,
      keyId: "component-local",
      algorithm: "xor-hex-v1",
      active,
    });
  });
}
/** "abc" as 3.x stored it. */
const LEGACY_ABC = "006a006e006e";

describe("importSecret", () => {
  it("stores one sealed row, and the plaintext is nowhere in it", async () => {
    const result = await t.mutation(operator.importSecret, {
      secretRef: "fly.apiToken",
      plaintextValue: VALUE,
      metadata: { telegramBotId: "1" },
    });
    const stored = await rows();
    expect(result).toEqual({ secretId: stored[0]?._id, secretRef: "fly.apiToken", version: 1 });
    expect(stored).toMatchObject([
      {
        secretRef: "fly.apiToken",
        version: 1,
        algorithm: "aes-256-gcm-v1",
        keyId: expect.stringMatching(/^[0-9a-f]{16}$/),
        active: true,
        metadata: { telegramBotId: "1" },
      },
    ]);
    const text = JSON.stringify(stored) + atob(stored[0]!.encryptedValue);
    for (const part of ["plaintext", "0123456789", keyText(1)]) expect(text).not.toContain(part);
    expect(await open("fly.apiToken")).toBe(VALUE);
  });

  it("counts versions, keeps one active row and remembers what it replaced", async () => {
    await load("a", "one");
    await load("b", "other");
    const second = await load("a", "two");
    expect(second.version).toBe(2);
    const ofA = (await rows()).filter((row) => row.secretRef === "a");
    expect(ofA.map((row) => [row.version, row.active, row.rotatedFrom])).toEqual([
      [1, false, undefined],
      [2, true, 1],
    ]);
    expect(await open("a")).toBe("two");
    expect(await open("b")).toBe("other");
  });

  it("continues the versions of 3.x and deactivates its row", async () => {
    await insertLegacy("a", LEGACY_ABC, 7);
    expect((await load("a", "new")).version).toBe(8);
    expect((await rows()).map((row) => [row.version, row.active, row.rotatedFrom])).toEqual([
      [7, false, undefined],
      [8, true, 7],
    ]);
  });

  it("keeps the five newest former versions", async () => {
    for (let i = 1; i <= 8; i += 1) await load("a", `value ${i}`);
    expect((await rows()).map((row) => row.version)).toEqual([3, 4, 5, 6, 7, 8]);
  });

  it("its cost does not grow with the former versions", async () => {
    for (let i = 1; i <= 300; i += 1) await insertLegacy("a", LEGACY_ABC, i, i === 300);
    for (let i = 0; i < 6; i += 1) await load("a", "x");
    expect(await rows()).toHaveLength(6);
    const read = await t.mutation(async (ctx) => {
      await ctx.runMutation(operator.importSecret, { secretRef: "a", plaintextValue: "y" });
      return (await ctx.meta.getTransactionMetrics()).documentsRead.used;
    });
    expect(read).toBeLessThan(10);
  });

  it("without a key nothing is stored, and the error says how to set one", async () => {
    vi.stubEnv("SECRETS_KEY", undefined);
    await expect(load("a", VALUE)).rejects.toMatchObject({
      data: {
        code: "SECRETS_KEY_MISSING",
        message: expect.stringContaining(
          'npx convex env set AGENT_FACTORY_SECRETS_KEY "$(openssl rand -base64 32)"',
        ),
      },
    });
    expect(await rows()).toEqual([]);
  });

  it.each([
    ["an empty value", "a", "", "INVALID_ARGUMENT"],
    ["a blank value", "a", " \n", "INVALID_ARGUMENT"],
    ["an empty ref", "", "x", "INVALID_ARGUMENT"],
    ["a ref of 513 characters", "r".repeat(513), "x", "INVALID_ARGUMENT"],
    ["64 KiB and one byte", "a", "x".repeat(64 * 1024 + 1), "PAYLOAD_TOO_LARGE"],
    [
      "64 KiB and one byte in characters of two",
      "a",
      `${"é".repeat(32 * 1024)}x`,
      "PAYLOAD_TOO_LARGE",
    ],
  ])("refuses %s", async (_name, secretRef, value, code) => {
    await expect(load(secretRef, value)).rejects.toMatchObject({ data: { code } });
    expect(await rows()).toEqual([]);
  });

  it("takes 64 KiB", async () => {
    const value = "🔑".repeat(16 * 1024);
    await load("a", value);
    expect(await open("a")).toBe(value);
  });
});

describe("reading", () => {
  it("works in queries and mutations, and through the vault", async () => {
    await load("a", VALUE);
    expect(await open("a")).toBe(VALUE);
    expect(await t.mutation(async (ctx) => await openActiveSecret(ctx, "a"))).toBe(VALUE);
    expect(await t.query(internal.secrets.vault.readActive, { ref: "a" })).toBe(VALUE);
    expect(await t.query(internal.secrets.vault.readActive, { ref: "none" })).toBeNull();
    expect(await t.query(internal.secrets.vault.readFirstActive, { refs: ["none", "a"] })).toEqual({
      ref: "a",
      value: VALUE,
    });
  });

  it("the first ref with an active value wins", async () => {
    await load("b", "of b");
    await load("c", "of c");
    await t.run(async (ctx) => {
      expect(await openFirstActiveSecret(ctx, ["a", "b", "c"])).toEqual({
        ref: "b",
        value: "of b",
      });
      expect(await openFirstActiveSecret(ctx, ["a"])).toBeNull();
      expect(await hasActiveSecret(ctx, "a")).toBe(false);
      expect(await hasActiveSecret(ctx, "b")).toBe(true);
    });
  });

  it("a value of 3.x is readable without a key", async () => {
    vi.stubEnv("SECRETS_KEY", undefined);
    await insertLegacy("a", LEGACY_ABC);
    expect(await open("a")).toBe("abc");
  });

  it("two rows with swapped contents open neither", async () => {
    await load("a", "value of a");
    await load("b", "value of b");
    const [a, b] = await rows();
    await t.run(async (ctx) => {
      await ctx.db.patch("secrets", a!._id, { encryptedValue: b!.encryptedValue });
      await ctx.db.patch("secrets", b!._id, { encryptedValue: a!.encryptedValue });
    });
    for (const ref of ["a", "b"]) {
      await expect(open(ref)).rejects.toMatchObject({ data: { code: "SECRET_UNREADABLE" } });
    }
  });

  it("an unreadable first choice is an error, not a reason to take the next", async () => {
    await insertLegacy("a", "zzzz");
    await load("b", "of b");
    await expect(
      t.query(async (ctx) => await openFirstActiveSecret(ctx, ["a", "b"])),
    ).rejects.toMatchObject({ data: { message: "Invalid secret payload" } });
  });
});

describe("secretStatus", () => {
  it("answers in the order asked, and never with a value", async () => {
    await load("a", "1");
    await load("a", "2");
    const status = await t.query(operator.secretStatus, { secretRefs: ["none", "a", "a"] });
    expect(status).toEqual([
      { secretRef: "none", hasActive: false, version: null },
      { secretRef: "a", hasActive: true, version: 2 },
      { secretRef: "a", hasActive: true, version: 2 },
    ]);
  });

  it("takes 200 refs and refuses 201", async () => {
    const refs = Array.from({ length: 201 }, (_, i) => `ref ${i}`);
    expect(await t.query(operator.secretStatus, { secretRefs: refs.slice(1) })).toHaveLength(200);
    await expect(t.query(operator.secretStatus, { secretRefs: refs })).rejects.toMatchObject({
      data: { code: "INVALID_ARGUMENT" },
    });
  });
});

describe("deactivateSecret", () => {
  it("takes the value out of use; the next import counts on", async () => {
    await load("a", "1");
    expect(await t.mutation(operator.deactivateSecret, { secretRef: "a" })).toEqual({
      deactivated: true,
      deletedVersions: 0,
    });
    expect(await open("a")).toBeNull();
    expect(await t.mutation(operator.deactivateSecret, { secretRef: "a" })).toEqual({
      deactivated: false,
      deletedVersions: 0,
    });
    expect((await load("a", "2")).version).toBe(2);
    expect((await rows())[1]?.rotatedFrom).toBeUndefined();
  });

  it("purge deletes every version of this ref and of no other", async () => {
    await load("a", "1");
    await load("a", "2");
    await load("b", "1");
    expect(await t.mutation(operator.deactivateSecret, { secretRef: "a", purge: true })).toEqual({
      deactivated: true,
      deletedVersions: 2,
    });
    expect((await rows()).map((row) => row.secretRef)).toEqual(["b"]);
  });
});

describe("re-sealing", () => {
  const finish = async () => await t.finishAllScheduledFunctions(vi.runAllTimers);
  const status = async () => await t.query(operator.secretsKeyStatus, {});
  beforeEach(() => {
    vi.spyOn(console, "info").mockImplementation(() => {});
    vi.spyOn(console, "warn").mockImplementation(() => {});
  });

  it("a rotation: every value opens before, during and after, and at the end without the former key", async () => {
    for (let i = 0; i < 60; i += 1) await load(`ref ${i}`, `value ${i}`);
    const before = await rows();
    const formerKeyId = (await status()).keyId;

    vi.stubEnv("SECRETS_KEY", keyText(2));
    vi.stubEnv("SECRETS_KEY_PREVIOUS", keyText(1));
    expect(await open("ref 7")).toBe("value 7");
    expect(await status()).toMatchObject({ previousKeyId: formerKeyId, staleRows: 60 });

    const { keyId, started } = await t.mutation(operator.resealSecrets, {});
    expect(started).toBe(true);
    await finish();
    expect(await status()).toEqual({
      keyConfigured: true,
      keyId,
      previousKeyId: formerKeyId,
      staleRows: 0,
      problem: null,
    });

    vi.stubEnv("SECRETS_KEY_PREVIOUS", undefined);
    for (let i = 0; i < 60; i += 1) expect(await open(`ref ${i}`)).toBe(`value ${i}`);
    const strip = (list: typeof before) =>
      list.map(({ encryptedValue: _value, keyId: _key, ...row }) => row);
    expect(strip(await rows())).toEqual(strip(before));
  });

  it("values of 3.x come under the key, inactive ones too", async () => {
    await insertLegacy("a", LEGACY_ABC, 1, false);
    await insertLegacy("a", LEGACY_ABC, 2);
    await t.mutation(operator.resealSecrets, {});
    await finish();
    const { keyId } = await status();
    expect(await rows()).toMatchObject([
      { version: 1, active: false, algorithm: "aes-256-gcm-v1", keyId },
      { version: 2, active: true, algorithm: "aes-256-gcm-v1", keyId },
    ]);
    expect(await open("a")).toBe("abc");
  });

  it("what nobody can open is counted, logged and left, however much of it there is", async () => {
    for (let i = 0; i < 40; i += 1) await insertLegacy(`broken ${i}`, "zz");
    for (let i = 0; i < 3; i += 1) await insertLegacy(`good ${i}`, LEGACY_ABC);
    vi.stubEnv("SECRETS_KEY", keyText(3));
    await load("lost", "under a key that nobody has any more");
    vi.stubEnv("SECRETS_KEY", keyText(1));
    await load("current", "x");

    await t.mutation(operator.resealSecrets, {});
    await finish();
    expect((await status()).staleRows).toBe(41);
    for (let i = 0; i < 3; i += 1) expect(await open(`good ${i}`)).toBe("abc");
    const done = vi.mocked(console.info).mock.calls.flat().join("\n");
    expect(done).toContain('"resealed":3');
    expect(done).toContain('"unreadable":41');
  });

  it("neither values nor keys are in what it schedules or logs", async () => {
    await insertLegacy("a", LEGACY_ABC);
    await t.mutation(operator.resealSecrets, {});
    const jobs = await t.run(
      async (ctx) => await ctx.db.system.query("_scheduled_functions").take(10),
    );
    await finish();
    const seen = JSON.stringify([jobs, vi.mocked(console.info).mock.calls]);
    expect(jobs).toHaveLength(1);
    for (const text of ["abc", LEGACY_ABC, keyText(1)]) expect(seen).not.toContain(text);
  });

  it("a job for a key that was replaced meanwhile stops", async () => {
    await insertLegacy("a", LEGACY_ABC);
    await t.mutation(operator.resealSecrets, {});
    vi.stubEnv("SECRETS_KEY", keyText(2));
    await finish();
    expect((await rows())[0]?.algorithm).toBe("xor-hex-v1");
  });

  it("without a key it refuses", async () => {
    vi.stubEnv("SECRETS_KEY", "");
    await expect(t.mutation(operator.resealSecrets, {})).rejects.toMatchObject({
      data: { code: "SECRETS_KEY_MISSING" },
    });
  });
});

describe("secretsKeyStatus", () => {
  it("without a key every row is stale", async () => {
    await load("a", "1");
    vi.stubEnv("SECRETS_KEY", undefined);
    expect(await t.query(operator.secretsKeyStatus, {})).toEqual({
      keyConfigured: false,
      keyId: null,
      previousKeyId: null,
      staleRows: 1,
      problem: null,
    });
  });

  it("a malformed key is reported, not thrown", async () => {
    vi.stubEnv("SECRETS_KEY", "short");
    expect(await t.query(operator.secretsKeyStatus, {})).toMatchObject({
      keyConfigured: false,
      problem: "SECRETS_KEY is not 32 bytes in base64.",
    });
  });

  it("counts up to 100", async () => {
    for (let i = 0; i < 105; i += 1) await insertLegacy(`ref ${i}`, LEGACY_ABC);
    expect((await t.query(operator.secretsKeyStatus, {})).staleRows).toBe(100);
  });
});
