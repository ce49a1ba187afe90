/**
 * `npm run test:openclaw [-- --verbose] [-- --only <words>] [-- --old-image]`: the engine against the real OpenClaw.
 * `--old-image` also installs the OpenClaw of 3.x (1.4 GB) and takes an archive of it over.
 */
import { parseArgs } from "node:util";
import { installOpenClaw } from "./openclaw/install.js";
import { OLD_IMAGE_SCENE, SCENES } from "./openclaw/scenes.js";
import { openStage } from "./openclaw/stage.js";
import { NODE_VERSION, OPENCLAW_VERSION } from "./openclaw/versions.js";

const print = (line: string) => process.stdout.write(`${line}\n`);
const { values } = parseArgs({
  options: {
    verbose: { type: "boolean", default: false },
    only: { type: "string" },
    "old-image": { type: "boolean", default: false },
  },
});

const installation = await installOpenClaw(print);
print(`OpenClaw ${OPENCLAW_VERSION} on Node ${NODE_VERSION}, ${new Date().toISOString()}\n`);
print("| scene | result | took |\n| --- | --- | --- |");
const stage = await openStage(installation, (line) => {
  if (values.verbose) process.stderr.write(`${line}\n`);
});
let failures = 0;
try {
  const scenes = values["old-image"] ? [...SCENES, OLD_IMAGE_SCENE] : SCENES;
  for (const { name, run } of scenes) {
    if (values.only !== undefined && !name.includes(values.only)) continue;
    const begunAt = Date.now();
    let result: string;
    try {
      result = await run(stage);
    } catch (error) {
      failures++;
      result = `**failed**: ${error instanceof Error ? error.message : String(error)}`;
      stage.endWorkers();
    }
    const took = ((Date.now() - begunAt) / 1000).toFixed(1);
    print(`| ${name} | ${result.replaceAll("\n", " ").replaceAll("|", "¦")} | ${took} s |`);
  }
} finally {
  await stage.close();
}
process.exit(failures === 0 ? 0 : 1);
