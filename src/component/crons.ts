/** Safety nets and housekeeping; nothing user-facing depends on their timing. */
import { cronJobs } from "convex/server";
import { internal } from "./_generated/api.js";

const crons = cronJobs();

/** Expired rows and their files, in bounded batches. */
crons.interval("retention", { hours: 1 }, internal.retention.sweeper.run, {});

/** Due pushes whose wake-up was lost; one read when there are none. */
crons.interval("push", { hours: 1 }, internal.push.dispatcher.run, {});

/** Leaks that came to be after the last pass; one read when no provider was ever asked. */
crons.interval("patrol", { hours: 1 }, internal.scheduler.loop.patrol, {});

export default crons;
