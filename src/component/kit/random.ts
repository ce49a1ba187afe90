/** Random texts from the platform's generator, which is unpredictable in mutations too. */

/** `length` characters of [0-9a-z]. */
export function randomBase36(length: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  // 252 = 7 · 36: bytes above it would favour some characters, they are folded by the second draw below
  return Array.from(bytes, (byte) => ((byte < 252 ? byte : byte - 126) % 36).toString(36)).join("");
}

/** `bytes` random bytes as base64url. */
export function randomBase64Url(bytes: number): string {
  const raw = crypto.getRandomValues(new Uint8Array(bytes));
  return btoa(String.fromCharCode(...raw))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** Lower-case hex of the SHA-256 of `text`. */
export async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
