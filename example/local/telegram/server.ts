import { listen } from "../fly/listen.js";
import type { LocalTelegramControl } from "./control.js";
import { createLocalTelegramCore } from "./core.js";
import type { LocalTelegramOptions } from "./world.js";

export interface LocalTelegram {
  /** Stands in for `https://api.telegram.org`. */
  url: string;
  control: LocalTelegramControl;
  close(): Promise<void>;
}

/** A Telegram Bot API on the loopback interface. */
export async function startLocalTelegram(
  options: LocalTelegramOptions & { port?: number } = {},
): Promise<LocalTelegram> {
  const core = createLocalTelegramCore(options);
  const listener = await listen(core.handle, options.port);
  return {
    url: listener.url,
    control: core.control,
    async close() {
      core.close();
      await listener.close();
    },
  };
}
