import { describe, expect, it } from "vitest";
import { base64ToBytes, bytesToBase64 } from "./base64.js";
import { importSealKey, isWellFormed, seal, unseal } from "./envelope.js";

const KEY = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const OTHER_KEY = bytesToBase64(new Uint8Array(32).fill(8));
const FLY = { secretRef: "fly.apiToken", version: 1 };

/** Made with another implementation of AES-GCM: key 32 × 07, IV 00…0b, associated data JSON of [ref, version]. */
const VECTORS = [
  { ...FLY, plaintext: "hello", sealed: "AAECAwQFBgcICQoLcOSFHHLEzIn7j+H8If36ENTWzju9" },
  {
    ...FLY,
    version: 2,
    plaintext: "hello",
    sealed: "AAECAwQFBgcICQoLcOSFHHLeHeSGzF/9nAtzDagR7OL8",
  },
  {
    secretRef: "telegram.botToken.ä",
    version: 12,
    plaintext: "🔑 \u0000é",
    sealed: "AAECAwQFBgcICQoL6B594T0JGuC1NvqeJCcQDeTf2fButWdw",
  },
];

describe("importSealKey", () => {
  it("gives a fingerprint that is fixed for a key, and white space around the key does not matter", async () => {
    expect((await importSealKey(KEY)).keyId).toBe("d6ecfc1526ad032c");
    expect((await importSealKey(` ${KEY}\n`)).keyId).toBe("d6ecfc1526ad032c");
    expect((await importSealKey(OTHER_KEY)).keyId).not.toBe("d6ecfc1526ad032c");
  });

  it.each([
    ["31 bytes", bytesToBase64(new Uint8Array(31)), "holds 31 bytes instead of 32"],
    ["33 bytes", bytesToBase64(new Uint8Array(33)), "holds 33 bytes instead of 32"],
    ["hex", "0".repeat(64), "holds 48 bytes instead of 32"],
    ["text", "correct horse battery staple", "is not base64"],
    ["base64url", `${"-_".repeat(21)}A=`, "is not base64"],
  ])("refuses %s without repeating it", async (_name, text, message) => {
    await expect(importSealKey(text)).rejects.toThrow(message);
    await expect(importSealKey(text)).rejects.not.toThrow(text);
  });
});

describe("unseal", () => {
  it.each(VECTORS)("opens the vector for $secretRef version $version", async (vector) => {
    expect(await unseal(await importSealKey(KEY), vector, vector.sealed)).toBe(vector.plaintext);
  });

  it("any changed bit -> null", async () => {
    const key = await importSealKey(KEY);
    const bytes = base64ToBytes(VECTORS[0]!.sealed)!;
    for (let i = 0; i < bytes.length; i += 1) {
      const changed = bytes.slice();
      changed[i]! ^= 1 << (i % 8);
      expect(await unseal(key, FLY, bytesToBase64(changed)), `byte ${i}`).toBeNull();
    }
  });

  it.each([
    ["another ref", { secretRef: "fly.apiToken2", version: 1 }],
    ["another version", { secretRef: "fly.apiToken", version: 2 }],
    ["digits moved from the ref to the version", { secretRef: "fly.apiToke", version: 1 }],
  ])("%s -> null", async (_name, context) => {
    expect(await unseal(await importSealKey(KEY), context, VECTORS[0]!.sealed)).toBeNull();
  });

  it("another key -> null", async () => {
    expect(await unseal(await importSealKey(OTHER_KEY), FLY, VECTORS[0]!.sealed)).toBeNull();
  });

  it.each(["", "AAAA", "not base64!", VECTORS[0]!.sealed.slice(0, 36)])(
    "'%s' -> null",
    async (sealed) => {
      expect(await unseal(await importSealKey(KEY), FLY, sealed)).toBeNull();
    },
  );
});

describe("seal", () => {
  it("takes a fresh IV every time, and no plaintext is in the result", async () => {
    const key = await importSealKey(KEY);
    const sealed = await Promise.all(
      Array.from({ length: 200 }, async () => await seal(key, FLY, "token-0123456789")),
    );
    expect(new Set(sealed.map((text) => text.slice(0, 16))).size).toBe(200);
    for (const text of sealed) expect(atob(text)).not.toContain("token");
  });

  it("writes 12 bytes of IV, the ciphertext and 16 bytes of tag", async () => {
    const sealed = await seal(await importSealKey(KEY), FLY, "hello");
    expect(base64ToBytes(sealed)?.length).toBe(12 + 5 + 16);
  });
});

it.each([
  ["plain", true],
  ["é€", true],
  ["🔑", true],
  ["\ud83d", false],
  ["a\udd11", false],
  ["\udd11\ud83d", false],
])("isWellFormed(%j) is %s", (text, expected) => {
  expect(isWellFormed(text)).toBe(expected);
});
