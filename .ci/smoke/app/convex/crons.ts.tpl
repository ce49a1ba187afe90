import { cronJobs } from "convex/server";
import { api } from "./_generated/api.js";

const crons = cronJobs();
crons.interval("start workers", { minutes: 5 }, api.agentFactory.startWorkers, {});
crons.interval("check idle workers", { minutes: 5 }, api.agentFactory.checkIdleShutdowns, {});
crons.interval("recover the queue", { minutes: 5 }, api.agentFactory.recoverQueue, {});

export default crons;
