import { describe, expect, test } from "vitest";
import { parseEnv } from "./env.js";

const minimal = {
  AGENT_FACTORY_GATEWAY_URL: "https://x.convex.site/agent-factory/worker",
  AGENT_FACTORY_WORKER_TOKEN: "afw_token-token-token-token",
  WORKER_ID: "w1",
};

describe("the environment", () => {
  test("defaults", () => {
    expect(parseEnv(minimal)).toMatchObject({
      gatewayUrl: minimal.AGENT_FACTORY_GATEWAY_URL,
      token: minimal.AGENT_FACTORY_WORKER_TOKEN,
      workspaceId: "default",
      conversation: null,
      dataDir: "/data",
      stopGraceMs: 110_000,
      snapshotIntervalMs: 300_000,
      snapshotIdleMs: 5_000,
      httpTimeoutMs: 20_000,
      namespace: "agentFactory",
      telegramBaseUrl: "https://api.telegram.org",
    });
  });

  test("CONVEX_URL holds its token in the path", () => {
    const CONVEX_URL = "https://x.convex.site/agent-factory/worker/afw_t";
    expect(parseEnv({ WORKER_ID: "w1", CONVEX_URL })).toMatchObject({
      gatewayUrl: CONVEX_URL,
      token: undefined,
    });
    // The header is preferred.
    expect(parseEnv({ ...minimal, CONVEX_URL }).gatewayUrl).toBe(minimal.AGENT_FACTORY_GATEWAY_URL);
  });

  test("a reserved conversation", () => {
    const OPENCLAW_CONVERSATION_ID = "c1";
    expect(parseEnv({ ...minimal, OPENCLAW_CONVERSATION_ID }).conversation).toEqual({
      conversationId: "c1",
      agentKey: "default",
    });
  });

  test("empty is unset", () => {
    const env = parseEnv({ ...minimal, WORKSPACE_ID: " ", OPENCLAW_CONVERSATION_ID: "" });
    expect(env).toMatchObject({ workspaceId: "default", conversation: null });
  });

  test.each([
    ["WORKER_ID", { WORKER_ID: undefined }],
    ["AGENT_FACTORY_GATEWAY_URL", { AGENT_FACTORY_GATEWAY_URL: undefined }],
    ["AGENT_FACTORY_GATEWAY_URL", { AGENT_FACTORY_GATEWAY_URL: "secret-but-no-url" }],
    ["AGENT_FACTORY_WORKER_TOKEN", { AGENT_FACTORY_WORKER_TOKEN: "" }],
    ["WORKER_IDLE_TIMEOUT_MS", { WORKER_IDLE_TIMEOUT_MS: "5m-secret" }],
    ["AGENT_FACTORY_STOP_GRACE_MS", { AGENT_FACTORY_STOP_GRACE_MS: "-1" }],
    ["TELEGRAM_API_BASE_URL", { TELEGRAM_API_BASE_URL: "ftp://secret" }],
  ])("%s wrong: one line that names it and repeats no value", (name, change) => {
    const attempt = () => parseEnv({ ...minimal, ...change });
    expect(attempt).toThrow(new RegExp(`^${name}: `));
    expect(attempt).not.toThrow(/secret|\n/);
  });
});
