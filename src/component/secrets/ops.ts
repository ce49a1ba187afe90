/** The verbs of the secret store. Values go in here and come out only to other rooms, never to a public function. */
import { refuse } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import { env, type Id, type MutationCtx } from "../kit/functions.js";
import { isWellFormed, seal } from "./envelope.js";
import { currentKey, openRow, readKey, type KeyName, type Keyring } from "./keyring.js";
import {
  countStale,
  deactivateAll,
  deleteVersions,
  findActive,
  findNewestVersion,
  pruneFormer,
  RESEAL_START,
  type Reader,
} from "./store.js";
import {
  MAX_SECRET_BYTES,
  MAX_SECRET_METADATA_BYTES,
  MAX_SECRET_REF_LENGTH,
  MAX_STATUS_REFS,
  SEAL_ALGORITHM,
  type SecretsKeyStatus,
  type SecretStatus,
} from "./validators.js";

/** The keys as the app binds them; only to be called inside a handler. */
export function boundKeyring(): Keyring {
  return { current: env.SECRETS_KEY, previous: env.SECRETS_KEY_PREVIOUS };
}

// ── Reading, for other rooms ────────────────────────────────────────────────

/**
 * The active value of `secretRef`, or null. Works in queries and mutations; what it returns must not go into
 * a result that a client can ask for.
 * @throws SECRET_UNREADABLE when there is an active value and no key that opens it.
 */
export async function openActiveSecret(ctx: Reader, secretRef: string): Promise<string | null> {
  const row = await findActive(ctx, secretRef);
  return row === null ? null : await openRow(boundKeyring(), row);
}

/** The value of the first of `secretRefs` that has one, or null. An unreadable one is an error, not skipped. */
export async function openFirstActiveSecret(
  ctx: Reader,
  secretRefs: readonly string[],
): Promise<{ ref: string; value: string } | null> {
  for (const ref of secretRefs) {
    const value = await openActiveSecret(ctx, ref);
    if (value !== null) return { ref, value };
  }
  return null;
}

export async function hasActiveSecret(ctx: Reader, secretRef: string): Promise<boolean> {
  return (await findActive(ctx, secretRef)) !== null;
}

/** What was stored beside the active value of the ref, or null when it has none. */
export async function loadActiveMetadata(
  ctx: Reader,
  secretRef: string,
): Promise<Record<string, string> | null> {
  const row = await findActive(ctx, secretRef);
  return row === null ? null : (row.metadata ?? {});
}

// ── Writing ─────────────────────────────────────────────────────────────────

export type NewSecret = {
  secretRef: string;
  plaintextValue: string;
  metadata?: Record<string, string>;
};

/**
 * Stores a new version and makes it the active one; the newest former versions stay, inactive.
 * @throws SECRETS_KEY_MISSING, INVALID_ARGUMENT or PAYLOAD_TOO_LARGE; nothing is stored then.
 */
export async function importSecretValue(
  ctx: MutationCtx,
  { secretRef, plaintextValue, metadata }: NewSecret,
): Promise<{ secretId: Id<"secrets">; secretRef: string; version: number }> {
  const key = await currentKey(boundKeyring());
  assertStorable(secretRef, plaintextValue, metadata);
  const version = (await findNewestVersion(ctx, secretRef)) + 1;
  const rotatedFrom = await deactivateAll(ctx, secretRef);
  const secretId = await ctx.db.insert("secrets", {
    secretRef,
    version,
    encryptedValue: await seal(key, { secretRef, version }, plaintextValue),
    keyId: key.keyId,
    algorithm: SEAL_ALGORITHM,
    active: true,
    ...(rotatedFrom === null ? {} : { rotatedFrom }),
    ...(metadata === undefined ? {} : { metadata }),
  });
  await pruneFormer(ctx, secretRef, version);
  return { secretId, secretRef, version };
}

function assertStorable(
  secretRef: string,
  plaintextValue: string,
  metadata: Record<string, string> = {},
): void {
  if (secretRef.trim() === "" || secretRef.length > MAX_SECRET_REF_LENGTH) {
    refuse("INVALID_ARGUMENT", `secretRef must have 1 to ${MAX_SECRET_REF_LENGTH} characters.`);
  }
  if (plaintextValue.trim() === "") {
    refuse("INVALID_ARGUMENT", `The value for secret '${secretRef}' is empty.`);
  }
  if (!isWellFormed(plaintextValue)) {
    refuse("INVALID_ARGUMENT", `The value for secret '${secretRef}' is not valid Unicode text.`);
  }
  if (byteLength(plaintextValue) > MAX_SECRET_BYTES) {
    refuse(
      "PAYLOAD_TOO_LARGE",
      `The value for secret '${secretRef}' has more than ${MAX_SECRET_BYTES} bytes.`,
    );
  }
  if (byteLength(JSON.stringify(metadata)) > MAX_SECRET_METADATA_BYTES) {
    refuse(
      "PAYLOAD_TOO_LARGE",
      `The metadata for secret '${secretRef}' has more than ${MAX_SECRET_METADATA_BYTES} bytes.`,
    );
  }
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** After this the ref has no active value. With `purge`, its stored versions go as well, up to a bound per call. */
export async function deactivateSecretRef(
  ctx: MutationCtx,
  { secretRef, purge = false }: { secretRef: string; purge?: boolean },
): Promise<{ deactivated: boolean; deletedVersions: number }> {
  const deactivated = (await deactivateAll(ctx, secretRef)) !== null;
  return { deactivated, deletedVersions: purge ? await deleteVersions(ctx, secretRef) : 0 };
}

/** Starts the job that puts every row under the current key; harmless to repeat. @throws SECRETS_KEY_MISSING */
export async function startReseal(ctx: MutationCtx): Promise<{ started: boolean; keyId: string }> {
  const { keyId } = await currentKey(boundKeyring());
  await ctx.scheduler.runAfter(0, internal.secrets.vault.resealBatch, {
    targetKeyId: keyId,
    cursor: RESEAL_START,
    resealed: 0,
    unreadable: 0,
  });
  return { started: true, keyId };
}

// ── Status ──────────────────────────────────────────────────────────────────

/** For each ref, in order, whether it has an active value, and its version. @throws INVALID_ARGUMENT for over 200 refs. */
export async function listSecretStatus(
  ctx: Reader,
  secretRefs: readonly string[],
): Promise<SecretStatus[]> {
  if (secretRefs.length > MAX_STATUS_REFS) {
    refuse(
      "INVALID_ARGUMENT",
      `secretStatus takes at most ${MAX_STATUS_REFS} refs, got ${secretRefs.length}.`,
    );
  }
  return await Promise.all(
    secretRefs.map(async (secretRef) => {
      const row = await findActive(ctx, secretRef);
      return { secretRef, hasActive: row !== null, version: row?.version ?? null };
    }),
  );
}

/** Which keys are bound, and how many rows the current one did not seal. Never throws about a malformed key. */
export async function readKeyStatus(ctx: Reader): Promise<SecretsKeyStatus> {
  const keyring = boundKeyring();
  const current = await describeKey("SECRETS_KEY", keyring.current);
  const previous = await describeKey("SECRETS_KEY_PREVIOUS", keyring.previous);
  return {
    keyConfigured: current.keyId !== null,
    keyId: current.keyId,
    previousKeyId: previous.keyId,
    staleRows: await countStale(ctx, current.keyId),
    problem: current.problem ?? previous.problem,
  };
}

async function describeKey(
  name: KeyName,
  text: string | undefined,
): Promise<{ keyId: string | null; problem: string | null }> {
  try {
    return { keyId: (await readKey(name, text))?.keyId ?? null, problem: null };
  } catch {
    return { keyId: null, problem: `${name} is not 32 bytes in base64.` };
  }
}
