import { httpActionGeneric, type HttpRouter } from "convex/server";
import type { ComponentApi } from "../component/_generated/component.js";
import { DEFAULT_PATH_PREFIX, isPathPrefix, PATH_PREFIX_RULE } from "../component/config.js";
import { webhookPath } from "../component/telegram/protocol.js";
import { json } from "./routes/respond.js";
import { telegramWebhook } from "./routes/telegramWebhook.js";
import { workerGateway } from "./routes/workerGateway.js";
import type { RegisterRoutesOptions } from "./types.js";

/**
 * Mounts the component's HTTP routes in the app's `convex/http.ts`:
 *
 * - `POST <prefix>/worker/…`: the gateway that machines call, each with a token of its own;
 * - `POST <prefix>/telegram/webhook`: Telegram's updates, see `configureTelegramWebhook`;
 * - `GET <prefix>/health`: 200 as soon as the routes are deployed. The scheduler looks there before it creates
 *   machines.
 *
 * ```ts
 * const http = httpRouter();
 * registerRoutes(http, components.agentFactory);
 * export default http;
 * ```
 *
 * @throws Error when `pathPrefix` is not a path like "/agent-factory"
 */
export function registerRoutes(
  http: HttpRouter,
  component: ComponentApi,
  options: RegisterRoutesOptions = {},
): void {
  const prefix = options.pathPrefix ?? DEFAULT_PATH_PREFIX;
  if (!isPathPrefix(prefix))
    throw new Error(`registerRoutes: pathPrefix ${PATH_PREFIX_RULE}, got '${prefix}'.`);

  const worker = `${prefix}/worker`;
  const handler = workerGateway(component, worker);
  for (const kind of ["query", "mutation", "action"])
    http.route({ path: `${worker}/api/${kind}`, method: "POST", handler });
  // For images that cannot set a header: the token is a part of the path.
  http.route({ pathPrefix: `${worker}/`, method: "POST", handler });

  http.route({
    path: webhookPath(prefix),
    method: "POST",
    handler: telegramWebhook(component, options),
  });

  http.route({
    path: `${prefix}/health`,
    method: "GET",
    handler: httpActionGeneric(() =>
      Promise.resolve(json(200, { ok: true, component: "agent-factory" })),
    ),
  });
}
