import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { placesIn } from "./config.js";
import { endStrays, installedVersion } from "./process.js";

const sleeper = (configFile: string) => {
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"], {
    env: { OPENCLAW_CONFIG_PATH: configFile },
  });
  const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
  return { child, ended };
};

test.skipIf(process.platform !== "linux")(
  "ends what an OpenClaw of this machine left behind, and nobody else's",
  async () => {
    const dir = await mkdtemp(join(tmpdir(), "afw-strays-"));
    const places = placesIn(dir);
    const ours = sleeper(places.configFile);
    const other = sleeper(`${places.configFile}.other`);
    await new Promise((resolve) => ours.child.once("spawn", resolve));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await endStrays(places);
    expect(await ours.ended).toBe("SIGKILL");
    expect(other.child.exitCode ?? other.child.signalCode).toBeNull();
    other.child.kill("SIGKILL");
    await other.ended;
    await rm(dir, { recursive: true, force: true });
  },
);

test("a missing installation is named", async () => {
  await expect(installedVersion("/nowhere")).rejects.toThrow(
    "OpenClaw is not installed at /nowhere: set AGENT_FACTORY_OPENCLAW_DIR",
  );
});
