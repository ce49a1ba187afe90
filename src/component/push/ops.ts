/** The door of pushes for later rooms. */
export { findActiveAgent } from "./jobs.js";
export { readPushCounts, type PushCounts } from "./listings.js";
