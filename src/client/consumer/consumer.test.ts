/** An app written for 3.0.3 keeps working: clients, crons, routes. */
import type { Crons } from "convex/server";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isAgentFactoryError } from "../index.js";
import { api, lib, startApp } from "./app.fixture.js";

beforeEach(() => {
  // What gets scheduled must not outlive the test.
  vi.useFakeTimers();
  vi.stubEnv("SECRETS_KEY", btoa("0123456789abcdef0123456789abcdef"));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

/** An app whose provider can be reached and has no machines. */
async function startOperatedApp() {
  vi.stubGlobal("fetch", () => Promise.resolve(Response.json([])));
  const app = startApp();
  for (const [secretRef, plaintextValue] of [
    ["fly.apiToken", "FlyV1 token"],
    ["convex.url", "https://happy-animal-1.convex.site"],
  ] as const)
    await app.signedIn.mutation(api.agentFactory.importSecret, { secretRef, plaintextValue });
  return app;
}

const MESSAGE = {
  conversationId: "chat-1",
  agentKey: "default",
  provider: "web",
  providerUserId: "ada",
  messageText: "hello",
};
const LEASE_MS = 360_000;

test("a message is enqueued, claimed, hydrated, answered and completed", async () => {
  const { signedIn } = startApp();
  await signedIn.mutation(api.agentFactory.seedDefaultAgent, {});
  const messageId = await signedIn.mutation(api.agentFactory.enqueue, MESSAGE);
  expect(await signedIn.query(api.agentFactory.queueStats, {})).toEqual({
    queuedReady: 1,
    processing: 0,
    deadLetter: 0,
  });

  const workerId = "worker-1";
  expect(
    await signedIn.query(api.agentFactory.workerConversationHasQueued, {
      conversationId: "chat-1",
    }),
  ).toBe(true);
  const job = await signedIn.mutation(api.agentFactory.workerClaim, { workerId });
  expect(job).toMatchObject({ messageId, conversationId: "chat-1", agentKey: "default" });
  const lease = { workerId, messageId, leaseId: job!.leaseId };
  expect(await signedIn.mutation(api.agentFactory.workerHeartbeat, lease)).toBe(true);
  const bundle = await signedIn.query(api.agentFactory.workerHydrationBundle, {
    messageId,
    workspaceId: "default",
  });
  expect(bundle).toMatchObject({ messageId, payload: { messageText: "hello" } });
  expect(
    await signedIn.mutation(api.agentFactory.workerAppendConversationMessages, {
      conversationId: "chat-1",
      workspaceId: "default",
      messages: [
        { role: "user", content: "hello" },
        { role: "assistant", content: "hi" },
      ],
    }),
  ).toEqual({ updated: true, messageCount: 2 });
  expect(await signedIn.mutation(api.agentFactory.workerComplete, lease)).toBe(true);
  expect(
    await signedIn.query(api.agentFactory.listQueueItemsForConversation, {
      conversationId: "chat-1",
    }),
  ).toMatchObject([{ _id: messageId, status: "done" }]);
});

test("the app's provider config is stored with the first message", async () => {
  const { signedIn } = startApp();
  await signedIn.mutation(api.agentFactory.seedDefaultAgent, {});
  expect(await signedIn.query(api.agentFactory.getProviderRuntimeConfig, {})).toBeNull();
  await signedIn.mutation(api.agentFactory.enqueue, MESSAGE);
  expect(await signedIn.query(api.agentFactory.getProviderRuntimeConfig, {})).toMatchObject({
    appName: "app-workers",
  });
});

describe("nobody who is not signed in", () => {
  test("replaces a secret", async () => {
    const { anonymous, signedIn } = startApp();
    const secret = { secretRef: "fly.apiToken", plaintextValue: "stolen" };
    await expect(anonymous.mutation(api.agentFactory.importSecret, secret)).rejects.toThrow(
      "Unauthorized",
    );
    const refs = { secretRefs: ["fly.apiToken"] };
    expect(await anonymous.query(api.agentFactory.secretStatus, refs)).toEqual([
      { secretRef: "fly.apiToken", hasActive: false, version: null },
    ]);
    expect(await signedIn.mutation(api.agentFactory.importSecret, secret)).toMatchObject({
      version: 1,
    });
  });

  test("runs what crons run", async () => {
    const { anonymous } = startApp();
    const { startWorkers, recoverQueue, checkIdleShutdowns } = api.agentFactory;
    for (const attempt of [
      anonymous.action(startWorkers, { convexUrl: "https://attacker.example" }),
      anonymous.action(recoverQueue, { nowMs: 9e15 }),
      anonymous.action(checkIdleShutdowns, {}),
    ])
      await expect(attempt).rejects.toThrow("Unauthorized");
  });
});

describe("crons", () => {
  test("are wired to functions that run without anybody signed in", async () => {
    const { t } = await startOperatedApp();
    const { default: crons } = (await import("./crons.fixture.js")) as { default: Crons };
    const specs = Object.values(crons.crons);
    expect(specs.map((spec) => spec.name)).toEqual([
      "agentFactory:startWorkers",
      "agentFactory:checkIdleShutdowns",
      "agentFactory:recoverQueue",
    ]);
    const nothing = { activeWorkers: 0, spawned: 0, terminated: 0 };
    expect(await t.action(api.agentFactory.startWorkers, {})).toEqual(nothing);
    expect(await t.action(api.agentFactory.checkIdleShutdowns, {})).toMatchObject({ stopped: 0 });
    expect(await t.action(api.agentFactory.recoverQueue, { releaseLimit: 100 })).toEqual({
      released: { requeued: 0, unlocked: 0, deadLettered: 0 },
      reconcile: nothing,
    });
  });

  test("a scheduled function needs nobody either", async () => {
    const { t } = await startOperatedApp();
    await t.mutation(async (ctx) => {
      await ctx.scheduler.runAfter(0, api.agentFactory.startWorkers, {});
    });
    vi.advanceTimersByTime(1);
    await t.finishInProgressScheduledFunctions();
    const states = await t.run(async (ctx) =>
      (await ctx.db.system.query("_scheduled_functions").take(10)).map((job) => job.state.kind),
    );
    expect(states).toEqual(["success"]);
  });

  test("an action of the app that a client called is not the deployment", async () => {
    const { anonymous } = startApp();
    await expect(
      anonymous.action(async (ctx) => await ctx.runAction(api.agentFactory.startWorkers, {})),
    ).rejects.toThrow("Unauthorized");
  });
});

test("a clock from the far future ends no lease", async () => {
  const { t, signedIn } = await startOperatedApp();
  await signedIn.mutation(api.agentFactory.seedDefaultAgent, {});
  const messageId = await signedIn.mutation(api.agentFactory.enqueue, MESSAGE);
  const job = await signedIn.mutation(api.agentFactory.workerClaim, { workerId: "w" });
  const lease = { workerId: "w", messageId, leaseId: job!.leaseId };
  const release = async (nowMs?: number) =>
    await t.action(api.agentFactory.recoverQueue, nowMs === undefined ? {} : { nowMs });

  await release(Date.now() + 100 * LEASE_MS);
  expect(await signedIn.mutation(api.agentFactory.workerHeartbeat, lease)).toBe(true);
  // The deployment's own clock does.
  vi.setSystemTime(Date.now() + LEASE_MS + 1);
  await release();
  expect(await signedIn.mutation(api.agentFactory.workerHeartbeat, lease)).toBe(false);
});

test("errors of the component reach the client with their code", async () => {
  const { signedIn } = startApp();
  const error: unknown = await signedIn
    .mutation(api.agentFactory.enqueue, MESSAGE)
    .catch((caught: unknown) => caught);
  expect(isAgentFactoryError(error)).toBe(true);
  expect(error).toMatchObject({
    data: { code: "AGENT_NOT_READY", message: "Agent profile 'default' not found or disabled" },
  });
});

test("health answers as soon as the routes are mounted", async () => {
  const { t } = startApp();
  const response = await t.fetch("/agent-factory/health");
  expect([response.status, response.headers.get("content-type"), await response.json()]).toEqual([
    200,
    "application/json",
    { ok: true, component: "agent-factory" },
  ]);
});

test("tests of apps can reach the component itself", async () => {
  const { t } = startApp();
  const id = await t.mutation(async (ctx) =>
    ctx.runMutation(lib.configureAgent, {
      agentKey: "helper",
      version: "1",
      secretsRef: [],
      enabled: true,
    }),
  );
  expect(id).toEqual(expect.any(String));
});
