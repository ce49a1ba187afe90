/** The vocabulary of the secret store. No validator here carries a value: values only go in. */
import { v, type Infer } from "convex/values";

export const vSecretStatus = v.object({
  secretRef: v.string(),
  hasActive: v.boolean(),
  version: v.union(v.null(), v.number()),
});
export type SecretStatus = Infer<typeof vSecretStatus>;

export const vSecretsKeyStatus = v.object({
  /** A usable SECRETS_KEY is bound. */
  keyConfigured: v.boolean(),
  keyId: v.union(v.null(), v.string()),
  previousKeyId: v.union(v.null(), v.string()),
  /** Rows that the current key did not seal, counted up to MAX_STALE_COUNT. */
  staleRows: v.number(),
  /** What is wrong with a bound key, or null. */
  problem: v.union(v.null(), v.string()),
});
export type SecretsKeyStatus = Infer<typeof vSecretsKeyStatus>;

/** Sealed here: AES-256-GCM, IV and ciphertext with tag in base64. */
export const SEAL_ALGORITHM = "aes-256-gcm-v1";
/** Written by 3.x: readable, never written. */
export const LEGACY_ALGORITHM = "xor-hex-v1";

// ── Limits ──────────────────────────────────────────────────────────────────

/** UTF-8 bytes of one value. A batch of the largest rows stays far below a transaction's 16 MiB. */
export const MAX_SECRET_BYTES = 64 * 1024;
export const MAX_SECRET_REF_LENGTH = 512;
export const MAX_SECRET_METADATA_BYTES = 8 * 1024;
export const MAX_STATUS_REFS = 200;
/** Former versions that stay after an import, so that a wrong value can be looked into. */
export const KEPT_FORMER_VERSIONS = 5;
/** Older versions that one import deletes: 3.x kept all of them. */
export const PRUNE_BATCH = 50;
export const RESEAL_BATCH = 25;
export const MAX_STALE_COUNT = 100;
