/** What a profile becomes when it is configured again, without losing what onboarding added to it. */
import { refuse } from "../../shared/errors.js";
import {
  BASE_SECRET_REFS,
  isTelegramTokenRef,
  MAX_AGENT_SECRET_REFS,
  MAX_AGENT_TEXT_LENGTH,
  type BridgeConfig,
  type ConfigureAgent,
} from "./validators.js";

/** The fields of a profile that configuring decides about; undefined means absent. */
export type AgentSettings = {
  version: string;
  secretsRef: string[];
  botIdentity: string | undefined;
  bridgeConfig: BridgeConfig | undefined;
  enabled: boolean;
  companyId: string | undefined;
};
type StoredSettings = {
  secretsRef: readonly string[];
  botIdentity?: string;
  bridgeConfig?: BridgeConfig;
  companyId?: string;
};

/** @throws INVALID_ARGUMENT naming the field. */
export function assertConfigureAgent(args: ConfigureAgent): void {
  if (args.agentKey.trim() === "") refuse("INVALID_ARGUMENT", "agentKey is required.");
  const texts = [args.agentKey, args.version, args.botIdentity ?? "", args.companyId ?? ""];
  if ([...texts, ...args.secretsRef].some((text) => text.length > MAX_AGENT_TEXT_LENGTH)) {
    refuse(
      "INVALID_ARGUMENT",
      `Texts of agent '${args.agentKey.slice(0, 80)}' may have ${MAX_AGENT_TEXT_LENGTH} characters.`,
    );
  }
  if (args.secretsRef.length > MAX_AGENT_SECRET_REFS) {
    refuse(
      "INVALID_ARGUMENT",
      `secretsRef has ${args.secretsRef.length} entries; at most ${MAX_AGENT_SECRET_REFS} are stored.`,
    );
  }
  if (args.clearBotIdentity === true && (args.botIdentity?.trim() ?? "") !== "") {
    refuse("INVALID_ARGUMENT", "Pass either botIdentity or clearBotIdentity, not both.");
  }
  if (args.clearBridgeConfig === true && args.bridgeConfig !== undefined) {
    refuse("INVALID_ARGUMENT", "Pass either bridgeConfig or clearBridgeConfig, not both.");
  }
}

/**
 * The settings after `args`:
 * - omitted optional fields keep their stored value; "" and the clear flags remove it;
 * - a botIdentity that is not a number (3.x seeded "telegram-bot-default") does not replace one that is;
 * - Telegram tokens stay linked unless the bot is cleared. They stay in front while the bot is the same, because the
 *   first one with a value is the one that answers.
 */
export function configureSettings(
  stored: StoredSettings | null,
  args: ConfigureAgent,
): AgentSettings {
  const botIdentity = nextBotIdentity(stored?.botIdentity, args);
  const bridgeConfig =
    args.clearBridgeConfig === true ? undefined : (args.bridgeConfig ?? stored?.bridgeConfig);
  const linked = isBotCleared(args) ? [] : (stored?.secretsRef ?? []).filter(isTelegramTokenRef);
  const isSameBot = stored?.botIdentity !== undefined && stored.botIdentity === botIdentity;
  return {
    version: args.version,
    secretsRef: unique([
      ...(isSameBot ? linked : []),
      ...args.secretsRef,
      ...BASE_SECRET_REFS,
      ...bridgeSecretRefs(args.agentKey, bridgeConfig),
      ...linked,
    ]),
    botIdentity,
    bridgeConfig,
    enabled: args.enabled,
    companyId: (args.companyId ?? stored?.companyId) || undefined,
  };
}

function nextBotIdentity(stored: string | undefined, args: ConfigureAgent): string | undefined {
  if (isBotCleared(args)) return undefined;
  const given = args.botIdentity?.trim();
  if (given === undefined) return stored;
  if (stored !== undefined && isRealBot(stored) && !isRealBot(given)) return stored;
  return given;
}

function isBotCleared(args: ConfigureAgent): boolean {
  return args.clearBotIdentity === true || args.botIdentity?.trim() === "";
}

/** Telegram's bots have numbers; 3.x seeded "telegram-bot-default". */
export function isRealBot(botIdentity: string): boolean {
  return /^\d+$/.test(botIdentity);
}

/** The secrets that an enabled bridge reads: the named ones, or those scoped to the agent. */
export function bridgeSecretRefs(agentKey: string, bridge: BridgeConfig | undefined): string[] {
  if (bridge?.enabled !== true) return [];
  return [
    bridge.serviceKeySecretRef ?? `agent-bridge.serviceKey.${agentKey}`,
    bridge.appBaseUrlMapJsonSecretRef ?? `agent-bridge.baseUrlMapJson.${agentKey}`,
  ];
}

function unique(refs: string[]): string[] {
  return [...new Set(refs.filter((ref) => ref !== ""))];
}

/** Messages of an agent are processed only while it is enabled and nobody holds it. */
export function isRunnable(profile: { enabled: boolean; pausedAt?: number } | null): boolean {
  return profile !== null && profile.enabled && profile.pausedAt === undefined;
}
