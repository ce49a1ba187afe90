/** A component under test and the rows that most tests need. Two dots in the name keep it out of the bundle. */
import { convexTest, type TestConvex } from "convex-test";
import { api } from "./_generated/api.js";
import schema from "./schema.js";

export const modules = import.meta.glob("./**/*.*s");
export type T = TestConvex<typeof schema>;

export function initTest(): T {
  return convexTest({ schema, modules });
}

export const PROVIDER = {
  kind: "fly" as const,
  appName: "local-workers",
  organizationSlug: "local",
  image: "registry.fly.io/worker:1",
  region: "fra",
  volumeName: "openclaw_data",
  volumePath: "/data",
  volumeSizeGb: 1,
};

export async function newAgent(t: T, agentKey = "default"): Promise<void> {
  await t.mutation(api.lib.configureAgent, {
    agentKey,
    version: "1.0.0",
    secretsRef: [],
    enabled: true,
  });
}

/** Enqueues a text and returns the message id. */
export async function send(
  t: T,
  conversationId: string,
  text = "hello",
  more: Partial<{
    priority: number;
    scheduledFor: number;
    maxAttempts: number;
    idempotencyKey: string;
    agentKey: string;
  }> = {},
) {
  const { agentKey = "default", ...rest } = more;
  return await t.mutation(api.lib.enqueue, {
    conversationId,
    agentKey,
    payload: { provider: "system_push", providerUserId: "user-1", messageText: text },
    ...rest,
  });
}
