/** Lower-case hex of the SHA-256 of `text`. */
export async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Keys of clients count within their scope: the component's keys are one space, which Telegram's updates share, and
 * nobody may take the place of somebody else's message. A blank key is refused by the component.
 */
export async function scopedKey(scope: readonly string[], key: string): Promise<string> {
  if (key.trim() === "") return key;
  return `app:${await sha256Hex(JSON.stringify([...scope, key]))}`;
}
