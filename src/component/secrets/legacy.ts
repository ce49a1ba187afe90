/**
 * Reads the values that 3.x stored as `xor-hex-v1`: per character four hex digits of its first UTF-16 unit,
 * XOR a mask that everyone knows. Characters outside the BMP lost their second half when they were stored.
 */
const DIGITS_PER_UNIT = 4;
const MASK_BASE = 11;
const MASK_PERIOD = 7;

/** The stored text, possibly with unpaired surrogates; null when `payload` is not in this format. */
export function decodeXorHex(payload: string): string | null {
  if (payload.length % DIGITS_PER_UNIT !== 0 || !/^[0-9a-f]*$/i.test(payload)) return null;
  const units: string[] = [];
  for (let i = 0; i * DIGITS_PER_UNIT < payload.length; i += 1) {
    const digits = payload.slice(i * DIGITS_PER_UNIT, (i + 1) * DIGITS_PER_UNIT);
    const mask = MASK_BASE + (i % MASK_PERIOD);
    units.push(String.fromCharCode(Number.parseInt(digits, 16) ^ mask));
  }
  return units.join("");
}
