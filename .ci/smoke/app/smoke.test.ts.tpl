import { convexTest } from "convex-test";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import agentFactory from "@okrlinkhub/agent-factory/test";
import { api, components } from "./convex/_generated/api.js";
import schema from "./convex/schema.js";

const modules = import.meta.glob("./convex/**/*.*s");

beforeEach(() => {
  // What gets scheduled is not part of this test, and must not outlive it.
  vi.useFakeTimers();
  vi.stubEnv("SECRETS_KEY", btoa("0123456789abcdef0123456789abcdef"));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

function setup() {
  const t = convexTest({ schema, modules });
  agentFactory.register(t);
  return t;
}

test("a message is enqueued, claimed and completed", async () => {
  const t = setup();
  const user = t.withIdentity({ subject: "ada" });
  await t.mutation(async (ctx) => {
    const agent = { agentKey: "helper", version: "1", secretsRef: [], enabled: true };
    await ctx.runMutation(components.agentFactory.lib.configureAgent, agent);
  });

  const messageId = await user.mutation(api.agentFactory.enqueue, {
    conversationId: "chat-1",
    agentKey: "helper",
    provider: "smoke",
    providerUserId: "ada",
    messageText: "hello",
  });
  expect(await user.query(api.agentFactory.queueStats, {})).toMatchObject({ queuedReady: 1 });

  const workerId = "worker-1";
  const job = await user.mutation(api.agentFactory.workerClaim, { workerId });
  expect(job).toMatchObject({ messageId, agentKey: "helper", payload: { messageText: "hello" } });
  if (job === null) throw new Error("nothing was claimed");

  const { leaseId } = job;
  await user.mutation(api.agentFactory.workerComplete, { workerId, messageId, leaseId });
  const items = await user.query(api.agentFactory.listQueueItemsForConversation, {
    conversationId: "chat-1",
  });
  expect(items).toMatchObject([{ _id: messageId, status: "done" }]);
  expect(await user.query(api.agentFactory.queueStats, {})).toMatchObject({
    queuedReady: 0,
    processing: 0,
    deadLetter: 0,
  });
  expect(await user.query(api.agentFactory.workerStats, {})).toMatchObject({ idleCount: 1 });
});

test("the README's own functions enqueue once and read the history", async () => {
  const t = setup();
  const question = { userId: "ada", text: "hello" };
  const first = await t.mutation(api.usage.ask, question);
  expect(await t.mutation(api.usage.ask, question)).toBe(first);
  expect(await t.query(api.usage.history, { userId: "ada" })).toEqual({
    entries: [],
    continueBefore: null,
  });
});

test("secrets and settings are stored", async () => {
  const user = setup().withIdentity({ subject: "ada" });
  const secret = { secretRef: "fly.apiToken", plaintextValue: "FlyV1 smoke" };
  expect(await user.mutation(api.agentFactory.importSecret, secret)).toMatchObject({ version: 1 });
  const secretRefs = ["fly.apiToken", "convex.url"];
  expect(await user.query(api.agentFactory.secretStatus, { secretRefs })).toMatchObject([
    { secretRef: "fly.apiToken", hasActive: true },
    { secretRef: "convex.url", hasActive: false },
  ]);

  const providerConfig = {
    kind: "fly" as const,
    appName: "smoke-app",
    organizationSlug: "personal",
    image: "registry.fly.io/smoke-app:latest",
    region: "iad",
    volumeName: "data",
    volumePath: "/data",
    volumeSizeGb: 1,
  };
  await user.mutation(api.agentFactory.setProviderRuntimeConfig, { providerConfig });
  expect(await user.query(api.agentFactory.getProviderRuntimeConfig, {})).toMatchObject(providerConfig);
});

test("nothing answers without auth", async () => {
  await expect(setup().query(api.agentFactory.queueStats, {})).rejects.toThrow("Sign in first");
});
