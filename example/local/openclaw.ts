/** `npm run test:openclaw [-- --verbose] [-- --only <words>]`: the engine against the real OpenClaw. */
import { parseArgs } from "node:util";
import { installOpenClaw } from "./openclaw/install.js";
import { SCENES } from "./openclaw/scenes.js";
import { openStage } from "./openclaw/stage.js";
import { NODE_VERSION, OPENCLAW_VERSION } from "./openclaw/versions.js";

const print = (line: string) => process.stdout.write(`${line}\n`);
const { values } = parseArgs({
  options: { verbose: { type: "boolean", default: false }, only: { type: "string" } },
});

const installation = await installOpenClaw(print);
print(`OpenClaw ${OPENCLAW_VERSION} on Node ${NODE_VERSION}, ${new Date().toISOString()}\n`);
print("| scene | result | took |\n| --- | --- | --- |");
const stage = await openStage(installation, (line) => {
  if (values.verbose) process.stderr.write(`${line}\n`);
});
let failures = 0;
try {
  for (const { name, run } of SCENES) {
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
