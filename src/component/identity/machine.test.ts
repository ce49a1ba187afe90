import { describe, expect, test } from "vitest";
import { clampTtlMs, decideConsume, statusAt } from "./machine.js";
import { deepLinkFor, nextOnboardingAction, userAgentView } from "./policy.js";

const NOW = 1_000_000;
const SENDER = { botIdentity: "42", telegramUserId: "1", telegramChatId: "1" };
const CODE = { status: "pending" as const, expiresAt: NOW + 1, botIdentity: "42" };
const USED = { ...CODE, status: "used" as const, telegramUserId: "1", telegramChatId: "1" };

describe("a code that arrives", () => {
  test.each([
    ["pending", CODE, SENDER, { kind: "bind" }],
    [
      "pending, of 3.0 without a bot",
      { ...CODE, botIdentity: undefined },
      SENDER,
      { kind: "bind" },
    ],
    ["used by the same sender", USED, SENDER, { kind: "again" }],
    [
      "used by somebody else",
      USED,
      { ...SENDER, telegramUserId: "2" },
      { error: "Pairing code already used or expired", reason: "used" },
    ],
    ["used in another chat", USED, { ...SENDER, telegramChatId: "2" }, { reason: "used" }],
    ["unknown", null, SENDER, { error: "Pairing code not found", reason: "unknown" }],
    ["past its time", { ...CODE, expiresAt: NOW }, SENDER, { error: "Pairing code expired" }],
    [
      "marked expired",
      { ...CODE, status: "expired" as const },
      SENDER,
      { error: "Pairing code already used or expired" },
    ],
    [
      "of another bot",
      CODE,
      { ...SENDER, botIdentity: "43" },
      { error: "Pairing code belongs to a different Telegram bot" },
    ],
    [
      "of no bot, to no bot",
      { ...CODE, botIdentity: undefined },
      { ...SENDER, botIdentity: undefined },
      { error: "Missing bot identity for Telegram pairing" },
    ],
  ])("%s", (_what, code, sender, expected) => {
    const { botIdentity, ...rest } = code ?? {};
    const given =
      code === null ? null : { ...(rest as typeof CODE), ...(botIdentity ? { botIdentity } : {}) };
    expect(decideConsume(given, sender, NOW)).toMatchObject(expected);
  });

  test.each([
    [undefined, 900_000],
    [Number.NaN, 900_000],
    [1, 60_000],
    [120_000, 120_000],
    [9e9, 86_400_000],
  ])("a lifetime of %s is %s", (given, wanted) => expect(clampTtlMs(given)).toBe(wanted));

  test("time alone expires only what is pending", () => {
    expect(statusAt({ status: "pending", expiresAt: NOW }, NOW)).toBe("expired");
    expect(statusAt({ status: "used", expiresAt: 0 }, NOW)).toBe("used");
  });
});

describe("what a user is shown", () => {
  const facts = {
    consumerUserId: "ada",
    agentKey: "a",
    profile: { version: "1", enabled: true },
    binding: null,
    openPairing: null,
    botUsername: "bot",
    userHasActiveBinding: false,
  };
  const active = { status: "active" as const, conversationId: "c" };
  const revoked = { status: "revoked" as const, conversationId: "c" };
  test.each([
    ["draft", {}],
    ["pairing", { openPairing: "pending" as const }],
    ["draft", { openPairing: "expired" as const }],
    ["active", { binding: active, openPairing: "pending" as const }],
    ["failed", { binding: active, profile: { version: "1", enabled: false } }],
    ["pairing", { binding: revoked, openPairing: "pending" as const }],
    ["disabled", { binding: revoked }],
    ["disabled", { profile: { version: "1", enabled: false } }],
  ])("%s", (status, more) => {
    const view = userAgentView({ ...facts, ...more });
    expect(view.status).toBe(status);
    expect([view.canChat, view.canDisable, view.canManagePushJobs]).toEqual(
      Array(3).fill(status === "active"),
    );
  });

  test("the link names the bot, or there is none", () => {
    expect(deepLinkFor("my_bot", "AB12")).toBe("https://t.me/my_bot?start=AB12");
    expect(deepLinkFor(null, "AB12")).toBeNull();
  });

  const ready = {
    tokenImported: true,
    botIdentity: "42",
    webhookReady: true,
    linked: true,
    pairingStatus: "used" as const,
  };
  test.each([
    ["import_token", { tokenImported: false }],
    ["import_token", { botIdentity: null }],
    ["configure_webhook", { webhookReady: false }],
    ["create_pairing", { linked: false, pairingStatus: null }],
    ["create_pairing", { linked: false, pairingStatus: "expired" as const }],
    ["create_pairing", { linked: false, pairingStatus: "used" as const }],
    ["complete_pairing", { linked: false, pairingStatus: "pending" as const }],
    ["ready", {}],
  ])("next: %s", (action, more) =>
    expect(nextOnboardingAction({ ...ready, ...more })).toBe(action),
  );
});
