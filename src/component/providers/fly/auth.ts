/** How the token and the base URL that people paste become what we send. */
import { ProviderError } from "../provider.js";

export const DEFAULT_FLY_API = "https://api.machines.dev";

/**
 * The value of the `Authorization` header. Fly's command line prints tokens with the scheme in front and may
 * join several macaroons by commas; people paste all of it. Macaroons go as `FlyV1`, other tokens as `Bearer`.
 * @throws ProviderError `auth` when the token is empty or cannot be sent in a header
 */
export function authorizationHeader(token: string): string {
  const trimmed = token.trim();
  if (!/^[\x20-\x7e]*$/.test(trimmed)) {
    throw new ProviderError("auth", "The Fly API token holds characters that no header can carry.");
  }
  const bare = trimmed.replace(/^(?:bearer|flyv1)(?:\s+|$|(?=fm(?:1[ar]|2)_))/i, "");
  const parts = bare
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
  if (parts.length === 0) throw new ProviderError("auth", "The Fly API token is empty.");
  const scheme = parts.some((part) => /^fm(?:1[ar]|2)_/.test(part)) ? "FlyV1" : "Bearer";
  return `${scheme} ${parts.join(",")}`;
}

/**
 * The base URL ending in `/v1`; accepts it with or without a trailing slash or `/v1`. Plain HTTP would show
 * the token to the network, so it is only for this machine and Fly's private network.
 * @throws ProviderError `invalid`
 */
export function normalizeBaseUrl(baseUrl: string = DEFAULT_FLY_API): string {
  let url: URL;
  try {
    url = new URL(baseUrl.trim());
  } catch {
    throw new ProviderError("invalid", "The Fly API base URL is not a URL.");
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new ProviderError(
      "invalid",
      "The Fly API base URL must not hold credentials, a query or a hash.",
    );
  }
  const local = /^(?:localhost|127\.0\.0\.1|\[::1\]|.*\.internal)$/.test(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && local)) {
    throw new ProviderError("invalid", "The Fly API base URL must start with https://.");
  }
  const path = url.pathname.replace(/\/+$/, "").replace(/\/v1$/, "").replace(/\/+$/, "");
  return `${url.origin}${path}/v1`;
}

/** Takes the given secrets out of `text`, longest first, so that no part of one stays. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const longestFirst = [...secrets].sort((a, b) => b.length - a.length);
  return longestFirst.reduce((clean, secret) => clean.replaceAll(secret, "[redacted]"), text);
}
