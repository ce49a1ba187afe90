import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api } from "../_generated/api.js";
import { initTest, newAgent, PROVIDER } from "../setup.test.js";
import { toChecks, type Facts } from "./policy.js";

const KEY = btoa("0123456789abcdef0123456789abcdef");
const healthy: Facts = {
  key: { keyConfigured: true, keyId: "k", previousKeyId: null, staleRows: 0, problem: null },
  provider: { appName: "app", problem: null },
  secrets: { providerToken: true, convexUrl: true },
  transport: "gateway",
  gateway: { kind: "ok", url: "https://x.convex.site/agent-factory/health", message: "" },
  access: { error: null },
  agents: [
    {
      ...{ agentKey: "a", missingSecrets: [], hasTelegramToken: true, webhookError: null },
      webhook: { ready: true, currentUrl: "https://x", lastError: null },
    },
  ],
  moreAgents: false,
};
const agent = (more: Partial<Facts["agents"][number]>): Partial<Facts> => ({
  agents: [{ ...healthy.agents[0]!, ...more }],
});

describe("the checks", () => {
  test("of a healthy deployment are all ok and ask for nothing", () => {
    const checks = toChecks(healthy);
    expect(checks.map(({ name, status, fix }) => [name, status, fix])).toEqual([
      ["secrets_key", "ok", null],
      ["provider_config", "ok", null],
      ["secret", "ok", null],
      ["secret", "ok", null],
      ["gateway", "ok", null],
      ["provider", "ok", null],
      ["agent", "ok", null],
      ["webhook", "ok", null],
    ]);
  });

  test.each<[string, Partial<Facts>, string, RegExp, RegExp]>([
    [
      "no key",
      { key: { ...healthy.key, keyConfigured: false } },
      "secrets_key",
      /not set/,
      /openssl rand/,
    ],
    [
      "a bad key",
      { key: { ...healthy.key, problem: "SECRETS_KEY is not 32 bytes in base64." } },
      "secrets_key",
      /32 bytes/,
      /env set/,
    ],
    [
      "no provider",
      { provider: null, access: null },
      "provider_config",
      /No provider/,
      /setProviderRuntimeConfig/,
    ],
    [
      "a broken config",
      { provider: { appName: "app", problem: "no region" } },
      "provider_config",
      /no region/,
      /region/,
    ],
    [
      "no token",
      { secrets: { providerToken: false, convexUrl: true } },
      "secret",
      /fly\.apiToken/,
      /importSecret/,
    ],
    [
      "no address",
      { secrets: { providerToken: true, convexUrl: false } },
      "secret",
      /convex\.url/,
      /importSecret/,
    ],
    [
      "a lost key",
      { secrets: { error: "cannot be opened" } },
      "secret",
      /cannot be opened/,
      /SECRETS_KEY_PREVIOUS/,
    ],
    [
      "no route",
      { gateway: { kind: "missing", url: "u", message: "404" } },
      "gateway",
      /404/,
      /registerRoutes/,
    ],
    [
      "a wrong address",
      { gateway: { kind: "silent", url: "u", message: "no answer" } },
      "gateway",
      /no answer/,
      /convex\.url/,
    ],
    ["a refused token", { access: { error: "401" } }, "provider", /401/, /fly tokens create/],
    [
      "an agent without its secret",
      agent({ missingSecrets: ["s"] }),
      "agent",
      /'s'/,
      /importSecret.*"s"/,
    ],
    [
      "a webhook elsewhere",
      agent({ webhook: { ready: false, currentUrl: null, lastError: null } }),
      "webhook",
      /nowhere/,
      /configureTelegramWebhook/,
    ],
    [
      "Telegram out of reach",
      agent({ webhook: null, webhookError: "no" }),
      "webhook",
      /no/,
      /configureTelegramWebhook/,
    ],
  ])("%s is a problem with a way out", (_name, change, name, message, fix) => {
    const problems = toChecks({ ...healthy, ...change }).filter((c) => c.status === "problem");
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ name, message: expect.stringMatching(message) as string });
    expect(problems[0]?.fix).toMatch(fix);
  });

  test.each<[string, Partial<Facts>]>([
    ["values of an older key", { key: { ...healthy.key, staleRows: 2 } }],
    ["workers that call directly", { transport: "direct", gateway: null }],
    ["no agent", { agents: [] }],
    ["more agents than were looked at", { moreAgents: true }],
    [
      "a delivery that failed",
      agent({ webhook: { ready: true, currentUrl: "u", lastError: "500" } }),
    ],
  ])("%s is a warning", (_name, change) => {
    const checks = toChecks({ ...healthy, ...change });
    expect(checks.filter((c) => c.status === "warning")).toHaveLength(1);
    expect(checks.filter((c) => c.status === "problem")).toEqual([]);
  });
});

describe("diagnose", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });
  const statuses = (diagnosis: {
    checks: { name: string; subject: string | null; status: string }[];
  }) => diagnosis.checks.map(({ name, subject, status }) => `${name} ${subject ?? "-"} ${status}`);

  test("names all that a fresh deployment lacks, and asks nobody", async () => {
    vi.stubEnv("SECRETS_KEY", "");
    const fetch = vi.fn();
    vi.stubGlobal("fetch", fetch);
    const diagnosis = await initTest().action(api.lib.diagnose, {});
    expect(diagnosis.ok).toBe(false);
    expect(statuses(diagnosis)).toEqual([
      "secrets_key - problem",
      "provider_config - problem",
      "secret fly.apiToken problem",
      "secret convex.url problem",
      "agent - warning",
    ]);
    expect(fetch).not.toHaveBeenCalled();
  });

  test("asks gateway and provider once each, and never shows the token", async () => {
    vi.stubEnv("SECRETS_KEY", KEY);
    const asked: string[] = [];
    vi.stubGlobal("fetch", (url: string | URL | Request) => {
      const text = url instanceof Request ? url.url : String(url);
      asked.push(new URL(text).pathname);
      return Promise.resolve(
        text.includes("/health")
          ? new Response("", { status: 404 })
          : new Response("{}", { status: 401 }),
      );
    });
    const t = initTest();
    await newAgent(t);
    await t.mutation(api.lib.setProviderRuntimeConfig, { providerConfig: PROVIDER });
    for (const [secretRef, plaintextValue] of [
      ["fly.apiToken", "FlyV1 not-for-eyes"],
      ["convex.url", "https://x.convex.site"],
    ] as const)
      await t.mutation(api.lib.importSecret, { secretRef, plaintextValue });
    const diagnosis = await t.action(api.lib.diagnose, {});
    expect(statuses(diagnosis)).toEqual([
      "secrets_key - ok",
      `provider_config ${PROVIDER.appName} ok`,
      "secret fly.apiToken ok",
      "secret convex.url ok",
      "gateway https://x.convex.site/agent-factory/health problem",
      `provider ${PROVIDER.appName} problem`,
      "agent default ok",
    ]);
    expect(asked).toHaveLength(2);
    expect(JSON.stringify(diagnosis)).not.toContain("not-for-eyes");
  });

  test("says so when the stored secrets cannot be opened", async () => {
    vi.stubEnv("SECRETS_KEY", KEY);
    const t = initTest();
    await t.mutation(api.lib.importSecret, { secretRef: "fly.apiToken", plaintextValue: "x" });
    vi.stubEnv("SECRETS_KEY", btoa("another-key-another-key-another-"));
    const { checks } = await t.action(api.lib.diagnose, {});
    expect(checks.find((check) => check.name === "secret")).toMatchObject({ status: "problem" });
  });
});
