/** Names and short texts of skills, cleaned and checked. */
import { refuse } from "../../shared/errors.js";
import { DEFAULT_ACTOR, DEFAULT_ENTRY_POINT, MAX_TEXT_LENGTH } from "./validators.js";

const SLUG = /^[a-z0-9][a-z0-9-_]{1,127}$/;
/** `x.y.z`, then optionally a suffix that begins with "-" or "+". */
const VERSION = /^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/;

export function cleanSlug(slug: string): string {
  return slug.trim().toLowerCase();
}

export function requireSlug(value: string): string {
  const slug = cleanSlug(value);
  if (!SLUG.test(slug))
    refuse("INVALID_ARGUMENT", "Invalid skill slug. Use lowercase letters, numbers, '-' and '_'.");
  return slug;
}

export function requireVersion(value: string): string {
  const version = value.trim();
  if (!VERSION.test(version) || version.length > MAX_TEXT_LENGTH)
    refuse("INVALID_ARGUMENT", "Invalid skill version. Use semantic versioning format.");
  return version;
}

export function requireEntryPoint(value = DEFAULT_ENTRY_POINT): string {
  const entryPoint = value.trim();
  if (entryPoint === "") refuse("INVALID_ARGUMENT", "entryPoint is required.");
  return requireShort("entryPoint", entryPoint);
}

export function cleanActor(value = DEFAULT_ACTOR): string {
  const actor = value.trim();
  return actor === "" ? DEFAULT_ACTOR : requireShort("actor", actor);
}

export function requireShort(name: string, text: string): string {
  if (text.length > MAX_TEXT_LENGTH)
    refuse("PAYLOAD_TOO_LARGE", `${name} must have at most ${MAX_TEXT_LENGTH} characters.`);
  return text;
}

/** A key that restricts a skill: absent leaves it as it is, null lifts it. */
export function cleanScopeKey(
  name: "agentKey" | "companyId",
  value: string | null | undefined,
  stored: string | undefined,
): string | undefined {
  if (value === undefined) return stored;
  if (value === null) return undefined;
  const key = value.trim();
  if (key === "") refuse("INVALID_ARGUMENT", `${name} must not be empty; null lifts it.`);
  return requireShort(name, key);
}

/** `value` as a whole number from 1 to `max`, `fallback` when absent or not a number. */
export function clampLimit(value: number | undefined, fallback: number, max: number): number {
  if (value === undefined || Number.isNaN(value)) return fallback;
  return Math.min(max, Math.max(1, Math.trunc(value)));
}
