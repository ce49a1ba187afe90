/** The app under test. Two dots in the name keep it out of what is deployed. */
import { convexTest } from "convex-test";
import agentFactory from "@okrlinkhub/agent-factory/test";
import schema from "./schema.js";

const modules = import.meta.glob("./**/*.*s");

/** A fresh deployment. `t` alone is the deployment itself; `as` is a signed-in client. */
export function startApp() {
  const t = convexTest({ schema, modules });
  agentFactory.register(t);
  const anonymous = t.withRequestMetadata({ ip: "203.0.113.7", userAgent: "browser" });
  return { t, anonymous, as: (subject: string) => anonymous.withIdentity({ subject }) };
}
