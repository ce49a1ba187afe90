/** The example app: what people, operators and the deployment itself can do, and nobody else. */
import type { Crons } from "convex/server";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api, internal } from "./_generated/api.js";
import { conversationPrefix } from "./auth.js";
import { startApp } from "./setup.test.js";

beforeEach(() => {
  // What gets scheduled must not outlive the test.
  vi.useFakeTimers();
  vi.stubEnv("SECRETS_KEY", btoa("0123456789abcdef0123456789abcdef"));
  vi.stubEnv("OPERATOR_IDS", "olga, otto");
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

const messageOf = (userId: string) => ({
  conversationId: `${conversationPrefix(userId)}1`,
  agentKey: "default",
  provider: "web",
  providerUserId: userId,
  messageText: "hello",
});

async function startAppWithAgent() {
  const app = startApp();
  await app.t.mutation(internal.operator.seedDefaultAgent, {});
  return app;
}

describe("people", () => {
  test("write to their own conversation and read it", async () => {
    const { as } = await startAppWithAgent();
    const message = messageOf("ada");
    const { conversationId } = message;
    const messageId = await as("ada").mutation(api.agentFactory.enqueue, message);
    expect(
      await as("ada").query(api.agentFactory.listQueueItemsForConversation, { conversationId }),
    ).toMatchObject([{ _id: messageId, status: "queued" }]);
    expect(
      await as("ada").query(api.agentFactory.listConversationMessages, { conversationId }),
    ).toEqual({ entries: [], continueBefore: null });
  });

  test("send a message once, however often they press the button", async () => {
    const { as } = await startAppWithAgent();
    const message = { ...messageOf("ada"), idempotencyKey: "click-1" };
    const first = await as("ada").mutation(api.agentFactory.enqueue, message);
    expect(await as("ada").mutation(api.agentFactory.enqueue, message)).toBe(first);
    // The same key of somebody else is another message.
    const other = { ...messageOf("bob"), idempotencyKey: "click-1" };
    expect(await as("bob").mutation(api.agentFactory.enqueue, other)).not.toBe(first);
  });

  test.each([
    ["somebody else", "bob"],
    ["an id that begins like theirs", "ada:x"],
    ["a longer id", "adalbert"],
  ])("reach no conversation of %s", async (_who, owner) => {
    const { as } = await startAppWithAgent();
    const message = messageOf(owner);
    await expect(as("ada").mutation(api.agentFactory.enqueue, message)).rejects.toThrow(
      "not your conversation",
    );
    const { conversationId } = message;
    for (const read of ["listConversationMessages", "listSnapshotsForConversation"] as const)
      await expect(as("ada").query(api.agentFactory[read], { conversationId })).rejects.toThrow(
        "not your conversation",
      );
  });

  test("who are not signed in do nothing", async () => {
    const { anonymous } = await startAppWithAgent();
    await expect(anonymous.mutation(api.agentFactory.enqueue, messageOf("ada"))).rejects.toThrow(
      "Sign in first",
    );
  });

  test("choose no machines through the provider config of a message", async () => {
    const { as } = await startAppWithAgent();
    const providerConfig = {
      kind: "fly" as const,
      appName: "mine",
      organizationSlug: "mine",
      image: "mine",
      region: "iad",
      volumeName: "v",
      volumePath: "/data",
      volumeSizeGb: 1,
    };
    await expect(
      as("ada").mutation(api.agentFactory.enqueue, { ...messageOf("ada"), providerConfig }),
    ).rejects.toThrow("for operators");
  });
});

describe("operators", () => {
  const secret = { secretRef: "telegram.botToken.default", plaintextValue: "value" };

  test("import secrets and see that they are there, never what they are", async () => {
    const { as } = startApp();
    expect(await as("olga").mutation(api.agentFactory.importSecret, secret)).toMatchObject({
      version: 1,
    });
    expect(
      await as("otto").query(api.agentFactory.secretStatus, { secretRefs: [secret.secretRef] }),
    ).toEqual([{ secretRef: secret.secretRef, hasActive: true, version: 1 }]);
  });

  test.each(["ada", "olga, otto", ""])("are those of the list, not '%s'", async (subject) => {
    const { as } = startApp();
    await expect(as(subject).mutation(api.agentFactory.importSecret, secret)).rejects.toThrow(
      "for operators",
    );
  });

  test("do not exist when the list is empty", async () => {
    vi.stubEnv("OPERATOR_IDS", "");
    const { as } = startApp();
    for (const subject of ["olga", ""])
      await expect(as(subject).query(api.agentFactory.queueStats, {})).rejects.toThrow(
        "for operators",
      );
  });

  test("start workers by hand; nobody else does", async () => {
    const { as, anonymous } = startApp();
    expect(await as("olga").action(api.agentFactory.startWorkers, {})).toEqual({
      activeWorkers: 0,
      spawned: 0,
      terminated: 0,
    });
    await expect(as("ada").action(api.agentFactory.startWorkers, {})).rejects.toThrow(
      "for operators",
    );
    await expect(anonymous.action(api.agentFactory.startWorkers, {})).rejects.toThrow(
      "Sign in first",
    );
  });
});

describe("the deployment", () => {
  test("has a cron that runs", async () => {
    const { t } = startApp();
    const { default: crons } = (await import("./crons.js")) as { default: Crons };
    expect(Object.values(crons.crons)).toMatchObject([
      { name: "operator:startWorkers", schedule: { type: "interval", minutes: 5 } },
    ]);
    expect(await t.action(internal.operator.startWorkers, {})).toMatchObject({ spawned: 0 });
  });

  test("mounts the gateway and its health address", async () => {
    const { t } = startApp();
    expect((await t.fetch("/agent-factory/health")).status).toBe(200);
    const refused = await t.fetch("/agent-factory/worker/api/mutation", { method: "POST" });
    expect(refused.status).toBe(401);
  });

  test("exposes no worker function, and every operator function twice: guarded and internal", async () => {
    const guarded = Object.keys(await import("./agentFactory.js"));
    const unguarded = Object.keys(await import("./operator.js"));
    expect(guarded.filter((name) => name.startsWith("worker"))).toEqual(["workerStats"]);
    expect(unguarded.filter((name) => !guarded.includes(name))).toEqual([]);
  });
});
