/**
 * Sealing of one value with AES-256-GCM. The associated data ties a sealed value to its ref and version: moved to
 * another row it does not open. Queries and mutations have no `generateKey`, so keys are imported from the
 * environment, and IVs come from `getRandomValues`, which is seeded from the system for every execution.
 */
import { base64ToBytes, bytesToBase64 } from "./base64.js";

export type SealKey = { keyId: string; key: CryptoKey };
/** What a value is tied to. */
export type SealContext = { secretRef: string; version: number };

const KEY_BYTES = 32;
/** 96 bits: the size GCM is made for, and the only one that the runtime takes. */
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * The key in `text` (base64 of 32 bytes) with its fingerprint, which is safe to store and show.
 * @throws an Error without any part of the key when `text` is not such a key.
 */
export async function importSealKey(text: string): Promise<SealKey> {
  const raw = base64ToBytes(text);
  if (raw === null) throw new Error("is not base64");
  if (raw.length !== KEY_BYTES)
    throw new Error(`holds ${raw.length} bytes instead of ${KEY_BYTES}`);
  const domain = new TextEncoder().encode("agent-factory/secrets-key-id/v1\0");
  const digest = await crypto.subtle.digest("SHA-256", concat(domain, raw));
  const keyId = Array.from(new Uint8Array(digest).subarray(0, 8), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
  const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  return { keyId, key };
}

/** `plaintext` sealed for `context` under a fresh IV: base64 of IV, ciphertext and tag. */
export async function seal(key: SealKey, context: SealContext, plaintext: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const sealed = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv, additionalData: associatedData(context) },
    key.key,
    new TextEncoder().encode(plaintext),
  );
  return bytesToBase64(concat(iv, new Uint8Array(sealed)));
}

/** What was sealed, or null when the value, its context or the key is not the one of sealing. */
export async function unseal(
  key: SealKey,
  context: SealContext,
  sealed: string,
): Promise<string | null> {
  const bytes = base64ToBytes(sealed);
  if (bytes === null || bytes.length < IV_BYTES + TAG_BYTES) return null;
  const iv = bytes.slice(0, IV_BYTES);
  try {
    const plain = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv, additionalData: associatedData(context) },
      key.key,
      bytes.slice(IV_BYTES),
    );
    // ignoreBOM keeps a leading U+FEFF, which is part of the value.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plain);
  } catch {
    return null;
  }
}

/** True when `text` survives UTF-8: no surrogate without its partner. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** JSON of a pair: no two contexts have the same bytes. */
function associatedData({ secretRef, version }: SealContext): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify([secretRef, version]));
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
