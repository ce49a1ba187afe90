/** SHA-256 digests as text: workers send hex, the storage reports base64 or hex. */
const HEX = /^[0-9a-f]{64}$/i;
/** 32 bytes: 43 digits, of which the last carries four bits, and at most one "=". */
const BASE64 = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=?$/;

/** The digest in lower-case hex, or null when `text` is no SHA-256 digest in hex or base64. */
export function toSha256Hex(text: string): string | null {
  const clean = text.trim();
  if (HEX.test(clean)) return clean.toLowerCase();
  if (!BASE64.test(clean)) return null;
  return Array.from(atob(clean), (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join(
    "",
  );
}

export function isSameSha256(a: string, b: string): boolean {
  const hex = toSha256Hex(a);
  return hex !== null && hex === toSha256Hex(b);
}
