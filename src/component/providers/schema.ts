import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vBuckets, vShutters } from "./fly/admission.js";

export const providersTables = {
  /**
   * One row per provider app: whether it answers, and what it asked us to wait for. Written when a call failed and when
   * calls succeed again; read before every call, by explanations and by both ends of a pass.
   */
  providerGates: defineTable({ appName: v.string(), ...vShutters.fields }).index("by_appName", [
    "appName",
  ]),
  /** One row per provider app: what its rate limits still allow. Written before every call, read by nothing else. */
  providerBuckets: defineTable({ appName: v.string(), buckets: vBuckets }).index("by_appName", [
    "appName",
  ]),
};
