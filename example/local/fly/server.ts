import { randomBytes } from "node:crypto";
import type { LocalFlyControl } from "./control.js";
import { handleControl } from "./controlRoutes.js";
import { createLocalFlyCore } from "./core.js";
import { listen } from "./listen.js";
import type { LocalFlyOptions } from "./world.js";

export interface LocalFly {
  /** The base URL, without `/v1`. */
  url: string;
  control: LocalFlyControl;
  /** The value of `x-fake-control` that opens `/_fake/…`. */
  controlSecret: string;
  /** Ends processes, timers and the port; throws when a rule was broken. */
  close(): Promise<void>;
}

export interface LocalFlyServerOptions extends LocalFlyOptions {
  port?: number;
  controlSecret?: string;
}

/** A Fly Machines API on the loopback interface. */
export async function startLocalFly(options: LocalFlyServerOptions = {}): Promise<LocalFly> {
  const core = createLocalFlyCore(options);
  const controlSecret = options.controlSecret ?? randomBytes(18).toString("base64url");
  const listener = await listen((request) => {
    // The header keeps a client with a wrong base URL from hitting the control by accident.
    const isControl = new URL(request.url).pathname.startsWith("/_fake/");
    const mayControl = request.headers["x-fake-control"] === controlSecret;
    return isControl && mayControl ? handleControl(core.control, request) : core.handle(request);
  }, options.port);
  return {
    url: listener.url,
    control: core.control,
    controlSecret,
    async close() {
      const closing = core.close();
      await Promise.all([closing, listener.close()]);
    },
  };
}
