import fc from "fast-check";
import { expect, it } from "vitest";
import { base64ToBytes, bytesToBase64 } from "./base64.js";
import { importSealKey, seal, unseal } from "./envelope.js";
import { decodeXorHex } from "./legacy.js";

const anyText = fc.string({ unit: "binary", maxLength: 200 });
const anyContext = fc.record({ secretRef: anyText, version: fc.nat() });
const anyKey = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToBase64);

it("bytes survive base64", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
      expect(base64ToBytes(bytesToBase64(bytes))).toEqual(bytes);
    }),
    { numRuns: 50 },
  );
});

it("whatever is sealed opens again, byte order marks and all", async () => {
  await fc.assert(
    fc.asyncProperty(anyKey, anyContext, anyText, async (keyText, context, plaintext) => {
      const key = await importSealKey(keyText);
      expect(await unseal(key, context, await seal(key, context, plaintext))).toBe(plaintext);
    }),
    { examples: [[bytesToBase64(new Uint8Array(32)), { secretRef: "r", version: 1 }, "\ufeffx"]] },
  );
});

it("it opens for no other context", async () => {
  const key = await importSealKey(bytesToBase64(new Uint8Array(32).fill(1)));
  await fc.assert(
    fc.asyncProperty(anyContext, anyContext, async (context, other) => {
      fc.pre(context.secretRef !== other.secretRef || context.version !== other.version);
      expect(await unseal(key, other, await seal(key, context, "value"))).toBeNull();
    }),
  );
});

it("a value of the BMP stored as 3.x did reads back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const characters = Array.from(text).filter((character) => character.length === 1);
      const stored = characters
        .map((character, i) => (character.charCodeAt(0) ^ (11 + (i % 7))).toString(16))
        .map((digits) => digits.padStart(4, "0"))
        .join("");
      expect(decodeXorHex(stored)).toBe(characters.join(""));
    }),
  );
});
