/** What reaches the component where an exposed function does more than pass its arguments on. */
import { componentsGeneric } from "convex/server";
import { describe, expect, test } from "vitest";
import { apiDefinitions } from "../exposeApi.js";
import type { ComponentApi, ProviderConfig } from "../index.js";

const lib = (componentsGeneric() as unknown as { agentFactory: ComponentApi }).agentFactory.lib;
const OWN: ProviderConfig = {
  kind: "fly",
  appName: "own",
  organizationSlug: "personal",
  image: "registry.fly.io/own:1",
  region: "iad",
  volumeName: "openclaw_data",
  volumePath: "/data",
  volumeSizeGb: 10,
};
const GIVEN: ProviderConfig = { ...OWN, appName: "given" };
const POLICY = {
  maxWorkers: 2,
  queuePerWorkerTarget: 5,
  spawnStep: 1,
  idleTimeoutMs: 60_000,
  reconcileIntervalMs: 15_000,
};

type Definitions = ReturnType<typeof apiDefinitions>;

/** Calls a definition and returns the arguments of each call into the component, by function. */
async function forwarded(
  name: keyof Definitions,
  args: Record<string, unknown>,
  options: { providerConfig?: ProviderConfig } = {},
) {
  const calls: Record<string, unknown>[] = [];
  const run = (reference: Record<symbol, string>, given: unknown) => {
    const path = reference[Symbol.for("toReferencePath")]!;
    calls.push({ [path.slice(path.lastIndexOf("/") + 1)]: given });
    return Promise.resolve(null);
  };
  const ctx = { runQuery: run, runMutation: run, runAction: run };
  const { handler } = apiDefinitions(lib, options)[name] as unknown as {
    handler: (ctx: unknown, args: unknown, caller: null) => Promise<unknown>;
  };
  await handler(ctx, args, null);
  return calls;
}

const MESSAGE = {
  conversationId: "c",
  agentKey: "a",
  provider: "web",
  providerUserId: "ada",
  messageText: "hello",
};

describe("enqueue", () => {
  test("gathers the payload from its flattened fields", async () => {
    const [call] = await forwarded("enqueue", { ...MESSAGE, metadata: { k: "v" }, priority: 7 });
    expect(call).toEqual({
      enqueue: {
        conversationId: "c",
        agentKey: "a",
        priority: 7,
        payload: {
          provider: "web",
          providerUserId: "ada",
          messageText: "hello",
          metadata: { k: "v" },
        },
      },
    });
  });

  test("the provider config of the call wins over the app's", async () => {
    const config = async (args: object, options: object) =>
      (
        (await forwarded("enqueue", { ...MESSAGE, ...args }, options))[0]?.enqueue as {
          providerConfig?: ProviderConfig;
        }
      ).providerConfig?.appName;
    expect(await config({}, {})).toBeUndefined();
    expect(await config({}, { providerConfig: OWN })).toBe("own");
    expect(await config({ providerConfig: GIVEN }, { providerConfig: OWN })).toBe("given");
  });

  test("the same key means another message in another conversation", async () => {
    const key = async (conversationId: string, idempotencyKey: string) =>
      (
        (await forwarded("enqueue", { ...MESSAGE, conversationId, idempotencyKey }))[0]
          ?.enqueue as {
          idempotencyKey: string;
        }
      ).idempotencyKey;
    const keys = [await key("a", "b:c"), await key("a:b", "c"), await key("a", "c")];
    expect(new Set(keys).size).toBe(3);
    expect(await key("a", "c")).toBe(keys[2]);
    // Telegram's keys are "<bot>:<update>": no client can take their place.
    expect(await key("123", "456")).toMatch(/^app:[0-9a-f]{64}$/);
  });

  test("a blank key goes to the component as it is, which refuses it", async () => {
    const [call] = await forwarded("enqueue", { ...MESSAGE, idempotencyKey: " " });
    expect(call?.enqueue).toMatchObject({ idempotencyKey: " " });
  });
});

describe("passes", () => {
  test("startWorkers hands on what it was given, with the app's provider config", async () => {
    const args = { flyApiToken: "t", convexUrl: "u", workspaceId: "w", scalingPolicy: POLICY };
    expect(await forwarded("startWorkers", args, { providerConfig: OWN })).toEqual([
      { reconcileWorkers: { ...args, providerConfig: OWN } },
    ]);
  });

  test("checkIdleShutdowns likewise", async () => {
    expect(
      await forwarded("checkIdleShutdowns", { flyApiToken: "t" }, { providerConfig: OWN }),
    ).toEqual([{ checkIdleShutdowns: { flyApiToken: "t", providerConfig: OWN } }]);
  });

  test("recoverQueue ends expired leases, then runs a pass, and ignores the caller's clock", async () => {
    const args = { nowMs: 9e15, releaseLimit: 7, workspaceId: "w", scalingPolicy: POLICY };
    expect(await forwarded("recoverQueue", args, { providerConfig: OWN })).toEqual([
      { releaseStuckJobs: { limit: 7 } },
      { reconcileWorkers: { workspaceId: "w", scalingPolicy: POLICY, providerConfig: OWN } },
    ]);
    expect(await forwarded("recoverQueue", {})).toEqual([
      { releaseStuckJobs: {} },
      { reconcileWorkers: {} },
    ]);
  });
});

test("workerComplete and workerFail carry the app's provider config", async () => {
  const lease = { workerId: "w", messageId: "m", leaseId: "l" };
  const options = { providerConfig: OWN };
  expect(await forwarded("workerComplete", lease, options)).toEqual([
    { complete: { ...lease, providerConfig: OWN } },
  ]);
  expect(await forwarded("workerFail", { ...lease, errorMessage: "x" }, options)).toEqual([
    { fail: { ...lease, errorMessage: "x", providerConfig: OWN } },
  ]);
});

test("seedDefaultAgent configures the agent of 3.x", async () => {
  expect(await forwarded("seedDefaultAgent", {})).toEqual([
    {
      configureAgent: {
        agentKey: "default",
        version: "1.0.0",
        secretsRef: ["telegram.botToken"],
        enabled: true,
        botIdentity: "telegram-bot-default",
      },
    },
  ]);
});
