import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vGateState } from "./fly/admission.js";

export const providersTables = {
  /**
   * One row per provider app: what its rate limits still allow, and whether it answers at all. Written before every call
   * of the provider, by the one pass and the one cleanup of the app; nobody else depends on it but explanations.
   */
  providerGates: defineTable({ appName: v.string(), ...vGateState.fields }).index("by_appName", [
    "appName",
  ]),
};
