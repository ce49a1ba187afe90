import { v } from "convex/values";
import { vSecretsKeyStatus, vSecretStatus } from "../../component/secrets/validators.js";
import { mutation, query, type Lib } from "../define.js";

/** The secret store: values go in, none comes out. */
export function exposeSecrets(lib: Lib) {
  return {
    /** Seals a value and makes it the active one of its ref. `auth` sees the ref, never the value. */
    importSecret: mutation({
      sensitivity: "operator",
      args: {
        secretRef: v.string(),
        plaintextValue: v.string(),
        metadata: v.optional(v.record(v.string(), v.string())),
      },
      returns: v.object({ secretId: v.string(), secretRef: v.string(), version: v.number() }),
      handler: async (ctx, args) => await ctx.runMutation(lib.importSecret, args),
    }),

    /** For each ref, in the given order, whether it has an active value, and its version. */
    secretStatus: query({
      sensitivity: "operator",
      args: { secretRefs: v.array(v.string()) },
      returns: v.array(vSecretStatus),
      handler: async (ctx, args) => await ctx.runQuery(lib.secretStatus, args),
    }),

    /** Takes the active value of a ref out of use; with `purge` its stored versions are deleted too. */
    deactivateSecret: mutation({
      sensitivity: "operator",
      args: { secretRef: v.string(), purge: v.optional(v.boolean()) },
      returns: v.object({ deactivated: v.boolean(), deletedVersions: v.number() }),
      handler: async (ctx, args) => await ctx.runMutation(lib.deactivateSecret, args),
    }),

    /** Starts the job that puts every stored value under the current key; after a rotation, or after 3.x. */
    resealSecrets: mutation({
      sensitivity: "operator",
      args: {},
      returns: v.object({ started: v.boolean(), keyId: v.string() }),
      handler: async (ctx) => await ctx.runMutation(lib.resealSecrets, {}),
    }),

    /** Which keys are bound (fingerprints only), and how many rows the current one did not seal. */
    secretsKeyStatus: query({
      sensitivity: "operator",
      args: {},
      returns: vSecretsKeyStatus,
      handler: async (ctx) => await ctx.runQuery(lib.secretsKeyStatus, {}),
    }),
  };
}
