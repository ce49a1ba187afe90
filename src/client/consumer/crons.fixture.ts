/** `convex/crons.ts` of an app written for 3.0.3: crons call the public functions. */
import { anyApi, cronJobs, type ApiFromModules } from "convex/server";

const api = anyApi as unknown as ApiFromModules<{
  agentFactory: typeof import("./agentFactory.fixture.js");
}>;

const crons = cronJobs();
crons.interval("start workers", { minutes: 5 }, api.agentFactory.startWorkers, {});
crons.interval("check idle workers", { minutes: 5 }, api.agentFactory.checkIdleShutdowns, {});
crons.interval("recover the queue", { minutes: 5 }, api.agentFactory.recoverQueue, {
  releaseLimit: 100,
  nowMs: 0,
});

export default crons;
