import { defineTable } from "convex/server";
import { v } from "convex/values";

export const secretsTables = {
  /**
   * Versioned sealed values; plaintext is never stored. Written by importSecret and the re-seal job.
   * At most one active row per secretRef.
   */
  secrets: defineTable({
    secretRef: v.string(),
    version: v.number(),
    /** base64 of IV + ciphertext + tag (aes-256-gcm-v1), or the hex of 3.x (xor-hex-v1). */
    encryptedValue: v.string(),
    keyId: v.string(),
    algorithm: v.string(),
    active: v.boolean(),
    rotatedFrom: v.optional(v.number()),
    metadata: v.optional(v.record(v.string(), v.string())),
  })
    .index("by_secretRef", ["secretRef"])
    .index("by_secretRef_and_active", ["secretRef", "active"])
    .index("by_active", ["active"])
    /** Newest version of a ref. */
    .index("by_secretRef_and_version", ["secretRef", "version"])
    /** The re-seal job walks the rows that another key sealed. */
    .index("by_keyId", ["keyId"]),
};
