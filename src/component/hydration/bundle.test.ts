import { describe, expect, it, test } from "vitest";
import { bridgeSources, telegramTokenRefs, withSystemPrompt } from "./bundle.js";

describe("withSystemPrompt", () => {
  it.each([
    ["hi", undefined, "hi"],
    ["hi  ", undefined, "hi  "],
    ["hi", "Be brief.", "hi\n\nBe brief."],
    ["  hi \n", "Be brief.", "  hi\n\nBe brief."],
    ["", "Be brief.", "Be brief."],
    ["  \n ", "Be brief.", "Be brief."],
  ])("%j with %j: %j", (text, prompt, result) => {
    expect(withSystemPrompt(text, prompt)).toBe(result);
  });
});

test("telegramTokenRefs keeps the profile's order and nothing else", () => {
  expect(
    telegramTokenRefs([
      "convex.url",
      "telegram.botToken.b",
      "telegram.botToken",
      "telegram.botTokens",
      "xtelegram.botToken",
    ]),
  ).toEqual(["telegram.botToken.b", "telegram.botToken"]);
});

describe("bridgeSources", () => {
  it("looks for the agent's own secret before the shared one", () => {
    const sources = bridgeSources("a", { enabled: true, baseUrl: "https://own" });
    expect(sources.baseUrl).toEqual({
      own: "https://own",
      refs: ["agent-bridge.baseUrl.a", "agent-bridge.baseUrl"],
    });
    expect(sources.serviceKey.refs).toEqual([
      "agent-bridge.serviceKey.a",
      "agent-bridge.serviceKey",
    ]);
  });

  it("looks for a named reference first; a blank one names nothing", () => {
    const named = bridgeSources("a", {
      enabled: true,
      serviceKeySecretRef: " my.key ",
      appBaseUrlMapJsonSecretRef: "  ",
    });
    expect(named.serviceKey.refs[0]).toBe("my.key");
    expect(named.appBaseUrlMapJson.refs).toEqual([
      "agent-bridge.baseUrlMapJson.a",
      "agent-bridge.baseUrlMapJson",
    ]);
  });
});
