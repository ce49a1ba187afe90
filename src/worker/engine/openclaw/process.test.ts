import { spawn } from "node:child_process";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { placesIn } from "./config.js";
import { endStrays, installedVersion, writeConfig } from "./process.js";
import { parseOpenClawSettings } from "./settings.js";

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

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
    await endStrays(places, QUIET);
    expect(await ours.ended).toBe("SIGKILL");
    expect(other.child.exitCode ?? other.child.signalCode).toBeNull();
    other.child.kill("SIGKILL");
    await other.ended;
    await rm(dir, { recursive: true, force: true });
  },
);

test("the config takes the place of a link that the agent put there, and what it led to stays", async () => {
  const dir = await mkdtemp(join(tmpdir(), "afw-config-"));
  const places = placesIn(dir);
  await mkdir(places.privateDir, { recursive: true });
  const other = join(dir, "other.txt");
  await writeFile(other, "untouched");
  await symlink(other, places.configFile);
  const settings = parseOpenClawSettings({
    OPENCLAW_AGENT_MODEL: "openai/gpt-test",
    OPENAI_API_KEY: "sk-real-key-0123456789",
  });
  await writeConfig(settings, places, { a: 1 });
  expect(await readFile(other, "utf8")).toBe("untouched");
  expect(await readFile(places.configFile, "utf8")).toBe('{"a":1}');
  const stat = await lstat(places.configFile);
  expect([stat.isFile(), stat.mode & 0o777]).toEqual([true, 0o600]);
  expect(await readdir(places.privateDir)).toHaveLength(1);
  await rm(dir, { recursive: true, force: true });
});

test("a missing installation is named", async () => {
  await expect(installedVersion("/nowhere")).rejects.toThrow(
    "OpenClaw is not installed at /nowhere: set AGENT_FACTORY_OPENCLAW_DIR",
  );
});
