/** Pure parts of a hydration bundle. */
import { TELEGRAM_TOKEN_REF, isTelegramTokenRef, type BridgeConfig } from "../agents/validators.js";

/** The user's text with the system prompt after a blank line; the prompt alone when there is no text. */
export function withSystemPrompt(text: string, systemPrompt: string | undefined): string {
  if (systemPrompt === undefined) return text;
  const trimmed = text.trimEnd();
  return trimmed === "" ? systemPrompt : `${trimmed}\n\n${systemPrompt}`;
}

/** The profile's Telegram token references, in its order. */
export function telegramTokenRefs(secretsRef: readonly string[]): string[] {
  return secretsRef.filter(isTelegramTokenRef);
}

/** Tokens begin with the number of their bot, which is what Telegram calls it by. */
export function isTokenOfBot(token: string, botIdentity: string): boolean {
  return token.startsWith(`${botIdentity}:`);
}

export { TELEGRAM_TOKEN_REF };

/** Where each value of the bridge may come from: the profile's own value first, then these refs in order. */
export function bridgeSources(agentKey: string, bridge: BridgeConfig) {
  const scoped = (name: string) => [`agent-bridge.${name}.${agentKey}`, `agent-bridge.${name}`];
  const overridden = (ref: string | undefined, name: string) =>
    ref === undefined || ref.trim() === "" ? scoped(name) : [ref.trim(), ...scoped(name)];
  return {
    baseUrl: { own: bridge.baseUrl, refs: scoped("baseUrl") },
    serviceId: { own: bridge.serviceId, refs: scoped("serviceId") },
    appKey: { own: bridge.appKey, refs: scoped("appKey") },
    serviceKey: { own: undefined, refs: overridden(bridge.serviceKeySecretRef, "serviceKey") },
    appBaseUrlMapJson: {
      own: undefined,
      refs: overridden(bridge.appBaseUrlMapJsonSecretRef, "baseUrlMapJson"),
    },
  };
}
