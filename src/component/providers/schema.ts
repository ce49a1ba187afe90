import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vGateState } from "./fly/admission.js";

export const providersTables = {
  /**
   * One row per provider app: what its rate limits still allow, and whether it answers at all. Written before every call
   * of the provider, by passes, cleanups and operators' tools; read by explanations and by both ends of a pass.
   */
  providerGates: defineTable({ appName: v.string(), ...vGateState.fields }).index("by_appName", [
    "appName",
  ]),
};
