/** Texts that strangers wrote, made fit to be stored. Pure. */

/** Half of a surrogate pair cannot be stored; JSON can hold one. */
export function wellFormed(given: string): string {
  return given.replace(
    /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    "\ufffd",
  );
}

/** The sender chose the name: no path, no control characters, no endless text. */
export function cleanName(name: string): string {
  return (
    wellFormed(name)
      // eslint-disable-next-line no-control-regex -- that is what is taken out
      .replace(/[\u0000-\u001f\u007f/\\]/g, "_")
      .slice(0, 200)
  );
}

export type StartCommand =
  /** For another bot of the group. */
  { kind: "foreign" } | { kind: "code"; code: string } | { kind: "bare" };

/** `/start`, `/start <code>`, `/start@bot <code>`; null when the text is something else. */
export function readStart(given: string, botUsername: string | null): StartCommand | null {
  const match = /^\/start(?:@([A-Za-z0-9_]{1,64}))?(?:\s+([\s\S]*))?$/.exec(given);
  if (match === null) return null;
  const [, addressed, rest = ""] = match;
  if (
    addressed !== undefined &&
    botUsername !== null &&
    addressed.toLowerCase() !== botUsername.toLowerCase()
  )
    return { kind: "foreign" };
  return /^[A-Za-z0-9_-]{4,128}$/.test(rest.trim())
    ? { kind: "code", code: rest.trim() }
    : { kind: "bare" };
}
