import { convexTest } from "convex-test";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import agentFactory from "@okrlinkhub/agent-factory/test";
import { api, components, internal } from "./convex/_generated/api.js";
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
  const agent = { agentKey: "helper", version: "1", secretsRef: [], enabled: true };
  await t.mutation(internal.operator.configureAgent, agent);
  const conversationId = "chat-1";
  const messageId = await user.mutation(api.agentFactory.enqueue, {
    conversationId,
    agentKey: "helper",
    provider: "smoke",
    providerUserId: "ada",
    messageText: "hello",
  });

  // As the gateway calls for a worker.
  const { lib } = components.agentFactory;
  const workerId = "worker-1";
  const job = await t.mutation(async (ctx) => await ctx.runMutation(lib.claim, { workerId }));
  expect(job).toMatchObject({ messageId, agentKey: "helper", payload: { messageText: "hello" } });
  if (job === null) throw new Error("nothing was claimed");
  const { leaseId } = job;
  await t.mutation(async (ctx) => {
    await ctx.runMutation(lib.appendConversationMessages, {
      conversationId,
      messages: [{ role: "assistant", content: "Hello Ada", at: Date.now() }],
    });
    await ctx.runMutation(lib.complete, { workerId, messageId, leaseId });
  });
  const read = await user.query(api.agentFactory.listConversationMessages, { conversationId });
  expect(read.entries).toMatchObject([{ role: "assistant", content: "Hello Ada" }]);
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

test("secrets and settings are stored by the operator, and by nobody else", async () => {
  const t = setup();
  const secret = { secretRef: "fly.apiToken", plaintextValue: "FlyV1 smoke" };
  expect(await t.mutation(internal.operator.importSecret, secret)).toMatchObject({ version: 1 });
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
  await t.mutation(internal.operator.setProviderRuntimeConfig, { providerConfig });
  const { lib } = components.agentFactory;
  expect(
    await t.query(async (ctx) => await ctx.runQuery(lib.providerRuntimeConfig, {})),
  ).toMatchObject(providerConfig);
  const user = t.withIdentity({ subject: "ada" });
  await expect(user.action(api.agentFactory.runFlyCleanup, {})).rejects.toThrow("Not for you");
});

test("nothing answers without auth", async () => {
  const conversationId = "chat-1";
  await expect(
    setup().query(api.agentFactory.listConversationMessages, { conversationId }),
  ).rejects.toThrow("Sign in first");
});
