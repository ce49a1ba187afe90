/** The webhook's secret and addresses, as both sides of the door know them. */

/** Telegram sends at most 512 KiB. */
export const MAX_UPDATE_BYTES = 1024 * 1024;
export const SECRET_HEADER = "x-telegram-bot-api-secret-token";
/** What we ask Telegram for; everything else would only be ignored. */
export const ALLOWED_UPDATES = [
  "message",
  "edited_message",
  "callback_query",
  "my_chat_member",
] as const;
export const MAX_CONNECTIONS = 40;

/** `af_v2_<bot id>_<random>`: the id finds the bot's row, the whole is compared by hash. */
const OWN = /^af_v2_(\d{1,20})_[A-Za-z0-9_-]{32,128}$/;
/** What 3.1 used: anybody can write it down who knows the bot. */
const LEGACY = /^af(?:_v1_|:v1:)([A-Za-z0-9_-]{1,64})$/;

export type ParsedSecret = { kind: "own" | "legacy"; botIdentity: string };

/** What the header says about the bot; null when it cannot be one of ours. Proves nothing by itself. */
export function parseSecret(header: string | null): ParsedSecret | null {
  const own = OWN.exec(header ?? "")?.[1];
  if (own !== undefined) return { kind: "own", botIdentity: own };
  const legacy = LEGACY.exec(header ?? "")?.[1];
  return legacy === undefined ? null : { kind: "legacy", botIdentity: legacy };
}

export function formatSecret(botIdentity: string, random: string): string {
  return `af_v2_${botIdentity}_${random}`;
}

/** Equal texts of equal length take the same time whatever differs. */
export function isSameDigest(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < Math.max(a.length, b.length); i++)
    difference |= (a.charCodeAt(i) || 0) ^ (b.charCodeAt(i) || 0);
  return difference === 0;
}

export function webhookPath(pathPrefix: string): string {
  return `${pathPrefix}/telegram/webhook`;
}
