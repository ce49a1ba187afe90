/**
 * A safety net: the component wakes itself for every message, retry and deadline, so a run that finds nothing to do
 * costs one read. A public `api.agentFactory.startWorkers` works here as well, since nobody has to sign in for the
 * deployment's own crons.
 */
import { cronJobs } from "convex/server";
import { internal } from "./_generated/api.js";

const crons = cronJobs();
crons.interval("start workers", { minutes: 5 }, internal.operator.startWorkers, {});

export default crons;
