/** Deletes one volume with a token given by the caller, in the words that 3.x used. */
import { agentFactoryError, errorMessage, refuse } from "../../../shared/errors.js";
import { redact } from "../../../shared/redact.js";
import { SECOND_MS } from "../../../shared/time.js";
import { ProviderError } from "../provider.js";
import { authorizationHeader, normalizeBaseUrl, withoutSecrets } from "./auth.js";
import type { CallOutcome } from "./admission.js";
import type { Governor } from "./governor.js";
import { exchange, type FetchLike } from "./http.js";
import { checkedId } from "./naming.js";

export type DeleteFlyVolumeArgs = { appName: string; volumeId: string; flyApiToken: string };
export type DeleteFlyVolumeDeps = {
  fetch?: FetchLike;
  baseUrl?: string;
  timeoutMs?: number;
  /** The one of this app; without it the call is made at once. */
  governor?: (appName: string) => Governor;
};

/** Of Fly's answer in our message. */
const MAX_MESSAGE = 2_000;

/**
 * Asks Fly to delete a volume; `message` is Fly's answer, or a sentence when that is empty.
 * @throws ConvexError `INVALID_ARGUMENT` (blank or malformed names), `SECRET_MISSING` (no token),
 * `PROVIDER_FAILED` (Fly refused, a 404 included, or did not answer; or it was not asked, because it is down or wants a pause)
 */
export async function deleteFlyVolume(
  args: DeleteFlyVolumeArgs,
  deps: DeleteFlyVolumeDeps = {},
): Promise<{ ok: true; status: number; message: string }> {
  const appName = args.appName.trim();
  const volumeId = args.volumeId.trim();
  const token = args.flyApiToken.trim();
  if (!appName || !volumeId) {
    refuse("INVALID_ARGUMENT", "appName e volumeId sono obbligatori.");
  }
  if (!token) refuse("SECRET_MISSING", "flyApiToken mancante: passalo come argomento.");
  const { url, authorization } = address(appName, volumeId, token, deps.baseUrl);
  const governor = deps.governor?.(appName);
  await governor
    ?.admit("volumeDestroy")
    .catch((error: unknown) => refuse("PROVIDER_FAILED", errorMessage(error)));
  const result = await exchange(
    deps.fetch ?? ((target, init) => fetch(target, init)),
    {
      url,
      method: "DELETE",
      headers: { Authorization: authorization, Accept: "application/json" },
    },
    { timeoutMs: deps.timeoutMs ?? 20 * SECOND_MS, maxBytes: 64 * 1024 },
  );
  await governor?.settle("volumeDestroy", toOutcome(result));
  if (result.type === "noAnswer") {
    refuse("PROVIDER_FAILED", `Fly did not answer the delete of ${volumeId}: ${result.reason}`);
  }
  const secrets = [token, ...authorization.split(/[ ,]+/).slice(1)];
  const body = redact(withoutSecrets(result.body, secrets).trim(), MAX_MESSAGE);
  if (result.status < 200 || result.status > 299) {
    const said = body || "errore sconosciuto";
    refuse("PROVIDER_FAILED", `Delete volume fallita (${result.status}): ${said}`, {
      status: result.status,
    });
  }
  return { ok: true, status: result.status, message: body || "Volume eliminato." };
}

/** What the gate of the app learns of it. */
function toOutcome(result: Awaited<ReturnType<typeof exchange>>): CallOutcome {
  if (result.type === "noAnswer") return { kind: "failed", reason: result.reason };
  if (result.status === 429) return { kind: "limited" };
  return result.status >= 500
    ? { kind: "failed", reason: `status ${result.status}` }
    : { kind: "answered" };
}

function address(appName: string, volumeId: string, token: string, baseUrl: string | undefined) {
  try {
    const app = checkedId("app name", appName);
    const volume = checkedId("volume id", volumeId);
    return {
      url: `${normalizeBaseUrl(baseUrl)}/apps/${app}/volumes/${volume}`,
      authorization: authorizationHeader(token),
    };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    throw agentFactoryError("INVALID_ARGUMENT", error.message);
  }
}
