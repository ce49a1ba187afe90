import { v } from "convex/values";
import { mutation, query } from "../kit/functions.js";
import { retrySpawning } from "../kit/wake.js";
import {
  deactivateSecretRef,
  importSecretValue,
  listSecretStatus,
  readKeyStatus,
  startReseal,
} from "./ops.js";
import { vSecretsKeyStatus, vSecretStatus } from "./validators.js";

const WAKING_REFS: ReadonlySet<string> = new Set(["convex.url", "fly.apiToken"]);

/**
 * Seals a value with SECRETS_KEY and makes it the active one of its ref. Versions count from 1; the version that was
 * active before becomes `rotatedFrom`, and the five newest former versions are kept, inactive.
 * @throws SECRETS_KEY_MISSING when no usable key is bound; INVALID_ARGUMENT when ref or value is empty;
 * PAYLOAD_TOO_LARGE when the value has more than 64 KiB or the metadata more than 8 KiB.
 */
export const importSecret = mutation({
  args: {
    secretRef: v.string(),
    plaintextValue: v.string(),
    metadata: v.optional(v.record(v.string(), v.string())),
  },
  returns: v.object({ secretId: v.id("secrets"), secretRef: v.string(), version: v.number() }),
  handler: async (ctx, args) => {
    const imported = await importSecretValue(ctx, args);
    // The address or the provider's token may be what kept machines from being created.
    if (WAKING_REFS.has(args.secretRef)) await retrySpawning(ctx, Date.now());
    return imported;
  },
});

/**
 * For each ref, in the given order, whether it has an active value, and its version; never the value.
 * @throws INVALID_ARGUMENT for more than 200 refs.
 */
export const secretStatus = query({
  args: { secretRefs: v.array(v.string()) },
  returns: v.array(vSecretStatus),
  handler: async (ctx, { secretRefs }) => await listSecretStatus(ctx, secretRefs),
});

/**
 * Takes the active value of a ref out of use; `deactivated` is false when it had none. With `purge` the stored
 * versions of the ref are deleted too, at most 100 per call (repeat until `deletedVersions` is 0); version numbers
 * then start again from 1.
 */
export const deactivateSecret = mutation({
  args: { secretRef: v.string(), purge: v.optional(v.boolean()) },
  returns: v.object({ deactivated: v.boolean(), deletedVersions: v.number() }),
  handler: async (ctx, args) => await deactivateSecretRef(ctx, args),
});

/**
 * Starts the background job that puts every stored value under the current key: values of 3.x, and values under
 * SECRETS_KEY_PREVIOUS after a rotation. `secretsKeyStatus.staleRows` is 0 when it is done; rows that no bound key
 * opens are left as they are and logged. Harmless to repeat.
 * @throws SECRETS_KEY_MISSING when no usable key is bound.
 */
export const resealSecrets = mutation({
  args: {},
  returns: v.object({ started: v.boolean(), keyId: v.string() }),
  handler: async (ctx) => await startReseal(ctx),
});

/** Which keys are bound (fingerprints only), and how many rows the current one did not seal, counted up to 100. */
export const secretsKeyStatus = query({
  args: {},
  returns: vSecretsKeyStatus,
  handler: async (ctx) => await readKeyStatus(ctx),
});
