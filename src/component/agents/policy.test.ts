import { describe, expect, it } from "vitest";
import { assertConfigureAgent, bridgeSecretRefs, configureSettings, isRunnable } from "./policy.js";
import type { BridgeConfig, ConfigureAgent } from "./validators.js";

const ARGS: ConfigureAgent = { agentKey: "a", version: "1", secretsRef: [], enabled: true };
const BASE = ["convex.url", "fly.apiToken"];
const BRIDGE: BridgeConfig = { enabled: true };
const refsOf = (
  stored: Parameters<typeof configureSettings>[0],
  changes: Partial<ConfigureAgent>,
) => configureSettings(stored, { ...ARGS, ...changes }).secretsRef;

describe("secretsRef", () => {
  it("is given, then base, then bridge refs, each once", () => {
    expect(
      refsOf(null, {
        secretsRef: ["x", "fly.apiToken", "x", "telegram.botToken", ""],
        bridgeConfig: { ...BRIDGE, serviceKeySecretRef: "my.key" },
      }),
    ).toEqual([
      "x",
      "fly.apiToken",
      "telegram.botToken",
      "convex.url",
      "my.key",
      "agent-bridge.baseUrlMapJson.a",
    ]);
  });

  it("a disabled bridge needs none", () => {
    expect(bridgeSecretRefs("a", { ...BRIDGE, enabled: false })).toEqual([]);
    expect(refsOf(null, { bridgeConfig: { enabled: false } })).toEqual(BASE);
  });

  it("refs of a bridge that an update keeps are kept", () => {
    expect(refsOf({ secretsRef: [], bridgeConfig: BRIDGE }, {})).toEqual([
      ...BASE,
      "agent-bridge.serviceKey.a",
      "agent-bridge.baseUrlMapJson.a",
    ]);
  });

  it("is replaced on update, except for Telegram tokens", () => {
    const stored = { secretsRef: ["old", ...BASE, "telegram.botToken.a"] };
    expect(refsOf(stored, { secretsRef: ["new"] })).toEqual([
      "new",
      ...BASE,
      "telegram.botToken.a",
    ]);
  });

  it("the token of the bot that stays is the one that answers", () => {
    const stored = { secretsRef: ["telegram.botToken.a"], botIdentity: "42" };
    expect(refsOf(stored, { secretsRef: ["telegram.botToken"] })[0]).toBe("telegram.botToken.a");
    expect(refsOf(stored, { secretsRef: ["telegram.botToken"], botIdentity: "43" })[0]).toBe(
      "telegram.botToken",
    );
  });

  it("clearing the bot drops the tokens that are not named", () => {
    const stored = { secretsRef: ["telegram.botToken.a", "telegram.botToken"], botIdentity: "42" };
    expect(refsOf(stored, { clearBotIdentity: true, secretsRef: ["telegram.botToken"] })).toEqual([
      "telegram.botToken",
      ...BASE,
    ]);
  });
});

describe("optional fields", () => {
  const stored = {
    secretsRef: [],
    botIdentity: "42",
    bridgeConfig: BRIDGE,
    companyId: "c1",
  };

  it.each<[string, Partial<ConfigureAgent>, object]>([
    ["omitted: kept", {}, { botIdentity: "42", bridgeConfig: BRIDGE, companyId: "c1" }],
    [
      "given: replaced",
      { botIdentity: " 43 ", companyId: "c2" },
      { botIdentity: "43", companyId: "c2" },
    ],
    ["the bot cleared by ''", { botIdentity: "" }, { botIdentity: undefined }],
    ["the bot cleared by flag", { clearBotIdentity: true }, { botIdentity: undefined }],
    ["the bridge cleared", { clearBridgeConfig: true }, { bridgeConfig: undefined }],
    ["the company cleared", { companyId: "" }, { companyId: undefined }],
    [
      "a made-up bot over a real one: kept",
      { botIdentity: "telegram-bot-default" },
      { botIdentity: "42" },
    ],
  ])("%s", (_name, changes, expected) => {
    expect(configureSettings(stored, { ...ARGS, ...changes })).toMatchObject(expected);
  });

  it("a made-up bot is stored where there is none, and a real one replaces it", () => {
    expect(
      configureSettings(null, { ...ARGS, botIdentity: "telegram-bot-default" }).botIdentity,
    ).toBe("telegram-bot-default");
    expect(
      configureSettings(
        { secretsRef: [], botIdentity: "telegram-bot-default" },
        { ...ARGS, botIdentity: "42" },
      ).botIdentity,
    ).toBe("42");
  });
});

describe("assertConfigureAgent", () => {
  it.each<[string, Partial<ConfigureAgent>]>([
    ["agentKey is required.", { agentKey: " " }],
    ["secretsRef has 101 entries", { secretsRef: Array.from({ length: 101 }, (_, i) => `r${i}`) }],
    ["may have 512 characters", { version: "v".repeat(513) }],
    ["either botIdentity or clearBotIdentity", { botIdentity: "1", clearBotIdentity: true }],
    ["either bridgeConfig or clearBridgeConfig", { bridgeConfig: BRIDGE, clearBridgeConfig: true }],
  ])("refuses: %s", (message, changes) => {
    expect(() => assertConfigureAgent({ ...ARGS, ...changes })).toThrow(message);
  });

  it("takes the limits", () => {
    assertConfigureAgent({
      ...ARGS,
      version: "v".repeat(512),
      secretsRef: Array.from({ length: 100 }, (_, i) => `r${i}`),
    });
  });
});

it.each([
  [null, false],
  [{ enabled: true }, true],
  [{ enabled: false }, false],
  [{ enabled: true, pausedAt: 0 }, false],
])("isRunnable(%j) is %s", (profile, expected) => {
  expect(isRunnable(profile)).toBe(expected);
});
