/** Names we give to machines and volumes, and the grammar of every id that ends up in a URL. */
import { ProviderError } from "../provider.js";

/** Fly accepts lower case letters, digits and underscores in volume names, 30 characters at most. */
const VOLUME_NAME_MAX = 30;
const VOLUME_NAME = /^[a-z0-9_]{1,30}$/;
/** Fly documents no rule for machine names; this is the part that is safe as a DNS label. */
const MACHINE_NAME = /^[a-z][a-z0-9-]{0,62}$/;

const GRAMMARS = {
  "app name": /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
  "machine id": /^[0-9a-z]{8,32}$/,
  "volume id": /^vol_[0-9a-z]+$/,
} as const;

/**
 * `value`, when it has the grammar of `what`. Ids are checked before a URL is built because URL parsing
 * removes `..` segments: a bad machine id could otherwise turn "delete this machine" into "delete the app".
 * @throws ProviderError `invalid`
 */
export function checkedId(what: keyof typeof GRAMMARS, value: string): string {
  if (GRAMMARS[what].test(value)) return value;
  throw new ProviderError("invalid", `Not a Fly ${what}: ${JSON.stringify(value.slice(0, 40))}`);
}

/** @throws ProviderError `invalid` when Fly (or DNS) would not take `name` as a machine name. */
export function checkMachineName(name: string): void {
  if (MACHINE_NAME.test(name)) return;
  const shown = JSON.stringify(name.slice(0, 80));
  throw new ProviderError(
    "invalid",
    `Not a machine name: ${shown}. Use a lower case letter, then letters, digits and dashes (63 at most).`,
  );
}

/** @throws ProviderError `invalid` when Fly would not take `name` as a volume name. */
export function checkVolumeName(name: string): void {
  if (VOLUME_NAME.test(name)) return;
  throw new ProviderError("invalid", `Not a volume name: ${JSON.stringify(name.slice(0, 80))}.`);
}

/**
 * The name of a worker's own volume, the same in every attempt: the prefix and a hash of the worker id,
 * at most 30 characters. Equal to what 3.x computed, so volumes made by it are recognised.
 */
export function workerVolumeName(prefix: string, workerId: string): string {
  const hash = fnv1a32(clean(workerId) || "worker").toString(36);
  const head = (clean(prefix) || "openclaw").slice(0, VOLUME_NAME_MAX - 1 - hash.length);
  return `${head}_${hash}`;
}

function clean(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, "_")
    .replace(/_+/g, "_")
    .replace(/^_|_$/g, "");
}

/** 32-bit FNV-1a over UTF-16 units (the input is ASCII by then), as an unsigned number. */
function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
