import { convexTest, type TestConvex } from "convex-test";
import { anyApi, type ApiFromModules } from "convex/server";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEFAULT_CONFIG, type ProviderConfig } from "../config.js";
import schema from "../schema.js";
import {
  extendPolicy,
  loadPolicy,
  loadProviderConfig,
  saveProviderConfig,
  seedProviderConfig,
} from "./ops.js";

const modules = import.meta.glob(["/src/component/**/*.ts", "!/src/component/**/*.test.ts"]);
type Modules = { "settings/operator": typeof import("./operator.public.js") };
const operator = (
  anyApi as unknown as Record<string, ApiFromModules<Modules>["settings"]["operator"]>
)["settings/operator.public"]!;

const CONFIG: ProviderConfig = {
  kind: "fly",
  appName: "agent-workers",
  organizationSlug: "personal",
  image: "registry.fly.io/agent-workers:v1",
  region: "iad",
  volumeName: "openclaw_data",
  volumePath: "/data",
  volumeSizeGb: 10,
};
const NOW = 1_700_000_000_000;

let t: TestConvex<typeof schema>;
beforeEach(() => {
  // A change asks the scheduler for a pass; here nobody runs it.
  vi.useFakeTimers();
  t = convexTest(schema, modules);
});
afterEach(() => {
  vi.useRealTimers();
});
const rows = async () => await t.run(async (ctx) => await ctx.db.query("runtimeConfig").take(10));

describe("provider config", () => {
  it("is null until it is set, then what was set", async () => {
    expect(await t.query(operator.providerRuntimeConfig, {})).toBeNull();
    expect(
      await t.mutation(operator.setProviderRuntimeConfig, { providerConfig: CONFIG, nowMs: NOW }),
    ).toBeNull();
    expect(await t.query(operator.providerRuntimeConfig, {})).toEqual(CONFIG);
    expect(await rows()).toMatchObject([{ key: "provider", updatedAt: NOW }]);
  });

  it("reads the row of a 3.x deployment and replaces it in place", async () => {
    await t.run(async (ctx) => {
      await ctx.db.insert("runtimeConfig", {
        key: "provider",
        providerConfig: { ...CONFIG, image: "" },
        updatedAt: 1,
      });
    });
    expect(await t.query(operator.providerRuntimeConfig, {})).toMatchObject({ image: "" });
    await t.mutation(operator.setProviderRuntimeConfig, { providerConfig: CONFIG, nowMs: NOW });
    expect(await rows()).toMatchObject([{ providerConfig: CONFIG, updatedAt: NOW }]);
  });

  it("an unsupported or incomplete config is refused when set, and nothing is stored", async () => {
    await expect(
      t.mutation(operator.setProviderRuntimeConfig, {
        providerConfig: { ...CONFIG, kind: "runpod" },
      }),
    ).rejects.toMatchObject({
      data: { code: "PROVIDER_UNSUPPORTED", message: "Unsupported provider 'runpod'" },
    });
    await expect(
      t.mutation(operator.setProviderRuntimeConfig, {
        providerConfig: { ...CONFIG, appName: " " },
      }),
    ).rejects.toMatchObject({
      data: {
        code: "CONFIG_INCOMPLETE",
        message:
          "Missing providerConfig.appName. Pass providerConfig explicitly when starting/reconciling workers.",
      },
    });
    expect(await rows()).toEqual([]);
  });

  it("saving tells whether it changed and what was there before", async () => {
    const next = { ...CONFIG, appName: "other-app" };
    const results = await t.run(async (ctx) => [
      await saveProviderConfig(ctx, CONFIG, 1),
      await saveProviderConfig(ctx, { ...CONFIG }, 2),
      await saveProviderConfig(ctx, next, 3),
    ]);
    expect(results).toEqual([
      { changed: true, previous: null },
      { changed: false, previous: CONFIG },
      { changed: true, previous: CONFIG },
    ]);
    expect(await rows()).toMatchObject([{ providerConfig: next, updatedAt: 3 }]);
  });

  it("dropping an optional field is a change, and the field is gone", async () => {
    const results = await t.run(async (ctx) => [
      await saveProviderConfig(ctx, { ...CONFIG, stopTimeoutSeconds: 60 }, 1),
      await saveProviderConfig(ctx, CONFIG, 2),
    ]);
    expect(results[1]?.changed).toBe(true);
    expect(await t.query(operator.providerRuntimeConfig, {})).toEqual(CONFIG);
  });

  it("the app's options are stored and replaced, until an operator sets a config", async () => {
    const other = { ...CONFIG, appName: "other-app" };
    const changes = await t.run(async (ctx) => [
      await seedProviderConfig(ctx, CONFIG, 1),
      await seedProviderConfig(ctx, CONFIG, 2),
      await seedProviderConfig(ctx, other, 3),
      await saveProviderConfig(ctx, CONFIG, 4),
      await seedProviderConfig(ctx, other, 5),
    ]);
    expect(changes.map(({ changed }) => changed)).toEqual([true, false, true, true, false]);
    expect(await t.run(async (ctx) => await loadProviderConfig(ctx))).toEqual(CONFIG);
  });

  it("options that cannot work stop nothing: they are logged and not stored", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const result = await t.run(
      async (ctx) => await seedProviderConfig(ctx, { ...CONFIG, image: "" }, 1),
    );
    expect(result).toEqual({ changed: false });
    expect(await rows()).toEqual([]);
    expect(warn.mock.calls).toEqual([[expect.stringContaining('"field":"image"')]]);
    warn.mockRestore();
  });
});

describe("message config", () => {
  const set = async (messageConfig: {
    systemPrompt?: string;
    telegramAttachmentRetentionMs?: number;
  }) => {
    await t.mutation(operator.setMessageRuntimeConfig, { messageConfig, nowMs: NOW });
    return await t.query(operator.messageRuntimeConfig, {});
  };

  it("trims the prompt, floors the retention, replaces the whole", async () => {
    expect(
      await set({ systemPrompt: "  Be kind. ", telegramAttachmentRetentionMs: 1_000.9 }),
    ).toEqual({ systemPrompt: "Be kind.", telegramAttachmentRetentionMs: 1_000 });
    expect(await set({ telegramAttachmentRetentionMs: 5 })).toEqual({
      telegramAttachmentRetentionMs: 5,
    });
  });

  it.each([0, -1, 0.5, NaN, Infinity])("a retention of %s is absent", async (retention) => {
    expect(await set({ systemPrompt: "x", telegramAttachmentRetentionMs: retention })).toEqual({
      systemPrompt: "x",
    });
  });

  it("with nothing left the row is deleted", async () => {
    await set({ systemPrompt: "x" });
    expect(await set({ systemPrompt: "   ", telegramAttachmentRetentionMs: 0 })).toBeNull();
    expect(await rows()).toEqual([]);
  });

  it("takes a prompt of 64 KiB and refuses one byte more", async () => {
    expect(await set({ systemPrompt: "é".repeat(32 * 1024) })).not.toBeNull();
    await expect(set({ systemPrompt: `${"é".repeat(32 * 1024)}x` })).rejects.toMatchObject({
      data: { code: "PAYLOAD_TOO_LARGE" },
    });
  });
});

describe("worker runtime config", () => {
  it("has defaults until it is set, and for what is not set", async () => {
    expect(await t.query(operator.workerRuntimeConfig, {})).toEqual({
      transport: "gateway",
      pathPrefix: "/agent-factory",
      env: {},
    });
    await t.mutation(operator.setWorkerRuntimeConfig, {
      workerConfig: { transport: "direct", env: { OPENCLAW_AGENT_MODEL: "m" } },
    });
    expect(await t.query(operator.workerRuntimeConfig, {})).toEqual({
      transport: "direct",
      pathPrefix: "/agent-factory",
      env: { OPENCLAW_AGENT_MODEL: "m" },
    });
  });

  it.each(["/agents", "/a/b-c", "/v1.0/~x"])("takes the prefix %s", async (pathPrefix) => {
    await t.mutation(operator.setWorkerRuntimeConfig, { workerConfig: { pathPrefix } });
    expect(await t.query(operator.workerRuntimeConfig, {})).toMatchObject({ pathPrefix });
  });

  it.each([
    "",
    "/",
    "agents",
    "/agents/",
    "//a",
    "/a//b",
    "/..",
    "/a/../b",
    "/a b",
    "/a?b",
    "/a#b",
  ])("refuses the prefix '%s'", async (pathPrefix) => {
    await expect(
      t.mutation(operator.setWorkerRuntimeConfig, { workerConfig: { pathPrefix } }),
    ).rejects.toMatchObject({
      data: { code: "INVALID_ARGUMENT", message: expect.stringContaining("pathPrefix") },
    });
  });

  it.each([
    "lower",
    "1A",
    "A-B",
    "CONVEX_URL",
    "WORKER_ID",
    "WORKER_IDLE_TIMEOUT_MS",
    "WORKSPACE_ID",
    "AGENT_FACTORY_WORKER_ID",
    "OPENCLAW_AGENT_KEY",
    "OPENCLAW_CONVERSATION_ID",
  ])("refuses the variable '%s'", async (name) => {
    await expect(
      t.mutation(operator.setWorkerRuntimeConfig, { workerConfig: { env: { [name]: "x" } } }),
    ).rejects.toMatchObject({
      data: { code: "INVALID_ARGUMENT", message: expect.stringContaining(`'${name}'`) },
    });
    expect(await rows()).toEqual([]);
  });
});

describe("policies", () => {
  const { provider: _provider, ...defaults } = DEFAULT_CONFIG;

  it("are the defaults until set, then the overrides over the defaults", async () => {
    expect(await t.query(operator.policyConfig, {})).toEqual(defaults);
    await t.mutation(operator.setPolicyConfig, {
      policy: { scaling: { maxWorkers: 7 }, delivery: { onUnknown: "duplicate" } },
    });
    expect(await t.query(operator.policyConfig, {})).toEqual({
      ...defaults,
      scaling: { ...defaults.scaling, maxWorkers: 7 },
      delivery: { onUnknown: "duplicate" },
    });
  });

  it("setting replaces all overrides; extending keeps what it does not name", async () => {
    await t.mutation(operator.setPolicyConfig, { policy: { scaling: { maxWorkers: 7 } } });
    await t.run(async (ctx) => await extendPolicy(ctx, { scaling: { spawnStep: 2 } }, NOW));
    expect((await t.run(async (ctx) => await loadPolicy(ctx))).scaling).toMatchObject({
      maxWorkers: 7,
      spawnStep: 2,
    });
    await t.mutation(operator.setPolicyConfig, { policy: { retry: { maxAttempts: 2 } } });
    expect(await t.run(async (ctx) => await loadPolicy(ctx))).toMatchObject({
      scaling: { maxWorkers: 1, spawnStep: 1 },
      retry: { maxAttempts: 2 },
    });
  });

  it("an invalid one is refused with the field's name, and the stored one stays", async () => {
    await t.mutation(operator.setPolicyConfig, { policy: { scaling: { maxWorkers: 7 } } });
    await expect(
      t.mutation(operator.setPolicyConfig, { policy: { scaling: { maxWorkers: NaN } } }),
    ).rejects.toMatchObject({
      data: {
        code: "INVALID_ARGUMENT",
        message: "policy.scaling.maxWorkers must be a finite number, got NaN.",
      },
    });
    expect((await t.run(async (ctx) => await loadPolicy(ctx))).scaling.maxWorkers).toBe(7);
  });

  it("loading costs one document", async () => {
    await t.mutation(operator.setPolicyConfig, { policy: { scaling: { maxWorkers: 7 } } });
    await t.mutation(operator.setProviderRuntimeConfig, { providerConfig: CONFIG });
    const read = await t.mutation(async (ctx) => {
      await loadPolicy(ctx);
      return (await ctx.meta.getTransactionMetrics()).documentsRead.used;
    });
    expect(read).toBe(1);
  });
});
