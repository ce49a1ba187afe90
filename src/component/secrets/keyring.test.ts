import { describe, expect, it } from "vitest";
import { bytesToBase64 } from "./base64.js";
import { importSealKey, seal } from "./envelope.js";
import { currentKey, openRow, type Keyring, type SealedRow } from "./keyring.js";
import { decodeXorHex } from "./legacy.js";

const keyText = (fill: number) => bytesToBase64(new Uint8Array(32).fill(fill));
const CONTEXT = { secretRef: "fly.apiToken", version: 3 };

async function sealedRow(fill: number, changes: Partial<SealedRow> = {}): Promise<SealedRow> {
  const key = await importSealKey(keyText(fill));
  return {
    ...CONTEXT,
    algorithm: "aes-256-gcm-v1",
    keyId: key.keyId,
    encryptedValue: await seal(key, CONTEXT, "the value"),
    ...changes,
  };
}
const legacyRow = (encryptedValue: string): SealedRow => ({
  ...CONTEXT,
  algorithm: "xor-hex-v1",
  keyId: "component-local",
  encryptedValue,
});
const NO_KEYS: Keyring = { current: undefined, previous: undefined };

describe("openRow", () => {
  it.each<[string, Keyring]>([
    ["the current key", { current: keyText(1), previous: undefined }],
    ["the previous key", { current: keyText(2), previous: keyText(1) }],
    ["the previous key alone", { current: undefined, previous: keyText(1) }],
    ["the current key beside a broken previous one", { current: keyText(1), previous: "broken" }],
  ])("opens with %s", async (_name, keyring) => {
    expect(await openRow(keyring, await sealedRow(1))).toBe("the value");
  });

  it("no bound key fits -> SECRET_UNREADABLE that names ref, version and key id, not the value", async () => {
    const row = await sealedRow(1);
    const error: unknown = await openRow({ current: keyText(2), previous: keyText(3) }, row).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      data: { code: "SECRET_UNREADABLE", secretRef: "fly.apiToken", version: 3 },
    });
    expect(String(error)).toContain(row.keyId);
    expect(String(error)).not.toContain("the value");
  });

  it.each<[string, Partial<SealedRow>]>([
    ["another ref", { secretRef: "telegram.botToken" }],
    ["another version", { version: 4 }],
    ["a changed value", { encryptedValue: "AAECAwQFBgcICQoLcOSFHHLEzIn7j+H8If36ENTWzju9" }],
  ])("a row with %s -> SECRET_UNREADABLE", async (_name, changes) => {
    await expect(
      openRow({ current: keyText(1), previous: undefined }, await sealedRow(1, changes)),
    ).rejects.toMatchObject({
      data: { code: "SECRET_UNREADABLE", message: expect.stringContaining("does not open") },
    });
  });

  it("an unknown algorithm -> the documented error", async () => {
    await expect(
      openRow(NO_KEYS, await sealedRow(1, { algorithm: "rot13" })),
    ).rejects.toMatchObject({
      data: { code: "SECRET_UNREADABLE", message: "Unsupported secret algorithm 'rot13'" },
    });
  });
});

describe("rows of 3.x", () => {
  it("open without any key", async () => {
    // "hé€" under the mask 11, 12, 13
    expect(await openRow(NO_KEYS, legacyRow("006300e520a1"))).toBe("hé€");
    expect(await openRow(NO_KEYS, legacyRow("006300E520A1"))).toBe("hé€");
  });

  it("the mask starts again after seven characters", () => {
    expect(
      decodeXorHex(
        [11, 12, 13, 14, 15, 16, 17, 11]
          .map((m) => (m ^ 65).toString(16).padStart(4, "0"))
          .join(""),
      ),
    ).toBe("AAAAAAAA");
  });

  it.each(["123", "00zz", "0063 0065", "-063"])(
    "'%s' -> Invalid secret payload",
    async (payload) => {
      await expect(openRow(NO_KEYS, legacyRow(payload))).rejects.toMatchObject({
        data: { code: "SECRET_UNREADABLE", message: "Invalid secret payload" },
      });
    },
  );

  it("a character outside the BMP was damaged when it was stored -> says so", async () => {
    // "🔑" kept only its first unit, d83d, under the mask 11
    await expect(openRow(NO_KEYS, legacyRow("d836"))).rejects.toMatchObject({
      data: { code: "SECRET_UNREADABLE", message: expect.stringContaining("Import it again") },
    });
  });
});

describe("currentKey", () => {
  it.each([undefined, "", "  "])("%j -> one sentence that says how to set it", async (current) => {
    await expect(currentKey({ current, previous: keyText(1) })).rejects.toMatchObject({
      data: {
        code: "SECRETS_KEY_MISSING",
        message:
          "Secrets cannot be stored without a key: run " +
          '`npx convex env set AGENT_FACTORY_SECRETS_KEY "$(openssl rand -base64 32)"` and bind it with ' +
          "`app.use(agentFactory, { env: { SECRETS_KEY: app.env.AGENT_FACTORY_SECRETS_KEY } })` " +
          "in convex/convex.config.ts.",
      },
    });
  });

  it("a key of the wrong length -> says how long it is, not what it is", async () => {
    const current = bytesToBase64(new Uint8Array(16).fill(200));
    const error: unknown = await currentKey({ current, previous: undefined }).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({
      data: {
        code: "SECRETS_KEY_MISSING",
        message: expect.stringContaining("SECRETS_KEY holds 16 bytes instead of 32."),
      },
    });
    expect(String(error)).not.toContain(current);
  });
});
