import { describe, expect, test } from "vitest";
import { DEFAULT_WORKER_RUNTIME_ENV } from "../config.js";
import {
  cloudUrlOf,
  gatewayUrlOf,
  healthUrlOf,
  machineEnvironment,
  siteUrlOf,
  type EnvironmentInput,
} from "./environment.js";

const INPUT: EnvironmentInput = {
  convexUrl: "https://happy-animal-123.convex.cloud",
  transport: "gateway",
  pathPrefix: "/agent-factory",
  workerId: "afw-1",
  workspaceId: "default",
  idleTimeoutMs: 60_000,
  stopTimeoutSeconds: 120,
  conversationId: "c1",
  agentKey: "support",
  token: "afw_token",
  bridge: {},
  extra: {},
};
const env = (more: Partial<EnvironmentInput> = {}) => machineEnvironment({ ...INPUT, ...more });

describe("addresses", () => {
  test.each([
    [
      "https://happy-animal-123.convex.cloud",
      "https://happy-animal-123.convex.site",
      "https://happy-animal-123.convex.cloud",
    ],
    [
      "https://happy-animal-123.convex.site",
      "https://happy-animal-123.convex.site",
      "https://happy-animal-123.convex.cloud",
    ],
    [
      "https://happy.eu-west-1.convex.cloud/",
      "https://happy.eu-west-1.convex.site",
      "https://happy.eu-west-1.convex.cloud",
    ],
    [" https://x.convex.site/// ", "https://x.convex.site", "https://x.convex.cloud"],
    ["http://127.0.0.1:3210", "http://127.0.0.1:3210", "http://127.0.0.1:3210"],
    [
      "https://convex.example.org/http/",
      "https://convex.example.org/http",
      "https://convex.example.org/http",
    ],
    [
      "https://convex.cloud.example.org",
      "https://convex.cloud.example.org",
      "https://convex.cloud.example.org",
    ],
  ])("of %s", (given, site, cloud) => {
    expect(siteUrlOf(given)).toBe(site);
    expect(cloudUrlOf(given)).toBe(cloud);
    expect(gatewayUrlOf(given, "/agent-factory")).toBe(`${site}/agent-factory/worker`);
    expect(healthUrlOf(given, "/x/y")).toBe(`${site}/x/y/health`);
  });

  test.each(["", "happy-animal-123", "ftp://x.convex.cloud", "javascript:alert(1)"])(
    "'%s' is refused with the name of the secret",
    (given) => {
      expect(() => siteUrlOf(given)).toThrow(/convex\.url/);
      expect(() => cloudUrlOf(given)).toThrow(/convex\.url/);
    },
  );
});

describe("the environment of a machine", () => {
  test("through the gateway carries the token in the path and beside it", () => {
    const gateway = "https://happy-animal-123.convex.site/agent-factory/worker";
    expect(env()).toEqual({
      ...DEFAULT_WORKER_RUNTIME_ENV,
      AGENT_FACTORY_GATEWAY_URL: gateway,
      AGENT_FACTORY_WORKER_TOKEN: "afw_token",
      CONVEX_URL: `${gateway}/afw_token`,
      AGENT_FACTORY_STOP_GRACE_MS: "110000",
      AGENT_FACTORY_WORKER_ID: "afw-1",
      WORKER_ID: "afw-1",
      WORKSPACE_ID: "default",
      WORKER_IDLE_TIMEOUT_MS: "60000",
      OPENCLAW_AGENT_KEY: "support",
      OPENCLAW_CONVERSATION_ID: "c1",
    });
  });

  test("directly carries the API address and no token", () => {
    const direct = env({ transport: "direct", convexUrl: "https://x.convex.site" });
    expect(direct["CONVEX_URL"]).toBe("https://x.convex.cloud");
    expect(JSON.stringify(direct)).not.toContain("afw_token");
    expect(direct).not.toHaveProperty("AGENT_FACTORY_GATEWAY_URL");
  });

  test("a worker that is for no conversation gets none, instead of a blank one", () => {
    const free = env({ conversationId: null, agentKey: null });
    expect(free).not.toHaveProperty("OPENCLAW_CONVERSATION_ID");
    expect(free).not.toHaveProperty("OPENCLAW_AGENT_KEY");
  });

  test("bridge values are there when they are not blank", () => {
    const bridge = { serviceId: "s", serviceKey: " ", linkingSharedSecret: "l" };
    expect(env({ bridge })).toMatchObject({
      OPENCLAW_SERVICE_ID: "s",
      OPENCLAW_LINKING_SHARED_SECRET: "l",
    });
    expect(env({ bridge })).not.toHaveProperty("OPENCLAW_SERVICE_KEY");
  });

  test("the operator's values go over the defaults and stand in for a missing bridge; a blank one removes a default", () => {
    const extra = {
      OPENCLAW_GATEWAY_PORT: "1",
      OPENCLAW_SERVICE_ID: "own",
      MODEL: "m",
      NODE_ENV: "",
    };
    expect(env({ extra })).toMatchObject({
      OPENCLAW_GATEWAY_PORT: "1",
      OPENCLAW_SERVICE_ID: "own",
      MODEL: "m",
    });
    expect(env({ extra })).not.toHaveProperty("NODE_ENV");
    expect(env({ extra, bridge: { serviceId: "bridge" } })["OPENCLAW_SERVICE_ID"]).toBe("bridge");
  });

  test.each<[string, Partial<EnvironmentInput>]>([
    ["gateway", {}],
    ["direct", { transport: "direct" }],
    ["gateway, for nobody", { conversationId: null, agentKey: null }],
  ])(
    "nothing of the operator's can change who the machine is or whom it calls (%s)",
    (_name, more) => {
      const names = [
        "CONVEX_URL",
        "WORKSPACE_ID",
        "WORKER_ID",
        "WORKER_IDLE_TIMEOUT_MS",
        "AGENT_FACTORY_WORKER_ID",
        "AGENT_FACTORY_GATEWAY_URL",
        "AGENT_FACTORY_WORKER_TOKEN",
        "AGENT_FACTORY_STOP_GRACE_MS",
        "OPENCLAW_AGENT_KEY",
        "OPENCLAW_CONVERSATION_ID",
      ];
      const extra = Object.fromEntries(names.map((name) => [name, "https://evil.example"]));
      expect(env({ ...more, extra })).toEqual(env(more));
    },
  );

  test("the grace to stop leaves a margin of the provider's, and is never zero", () => {
    expect(env({ stopTimeoutSeconds: 300 })["AGENT_FACTORY_STOP_GRACE_MS"]).toBe("290000");
    expect(env({ stopTimeoutSeconds: 5 })["AGENT_FACTORY_STOP_GRACE_MS"]).toBe("1000");
  });
});
