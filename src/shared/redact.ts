/**
 * Scrubs what looks like a credential from any text before it is logged or stored.
 * A second line of defence: nothing that knows a secret should put it into a text in the first place.
 */
const PATTERNS: readonly [RegExp, string][] = [
  // Fly macaroons: fm1r_…, fm1a_…, fm2_… (possibly several, comma joined)
  [/\bfm(?:1[ar]|2)_[A-Za-z0-9+/=_-]+/g, "[fly-token]"],
  // Telegram bot tokens: <bot id>:<35 characters>
  [/(?<!\d)\d{6,12}:[A-Za-z0-9_-]{30,}/g, "[telegram-token]"],
  // Our worker tokens, alone or inside a gateway URL
  [/\bafw_[A-Za-z0-9_-]{20,}/g, "[worker-token]"],
  [/\b(Bearer|FlyV1)\s+[^\s"',]+/gi, "$1 [redacted]"],
  [/\b(sk|pk|gsk|ghp|xox[bp])[-_][A-Za-z0-9-_]{16,}/g, "[api-key]"],
  // Google: AIza and 35 characters
  [/\bAIza[A-Za-z0-9_-]{30,}/g, "[api-key]"],
];

/** `text` without credentials, cut to `maxLength` characters. */
export function redact(text: string, maxLength = 2_000): string {
  let clean = text;
  for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
  return clean.length > maxLength ? `${clean.slice(0, maxLength - 1)}…` : clean;
}
