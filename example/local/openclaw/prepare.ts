/** What the demo needs to run its machines with OpenClaw: the installation, a model, and the machines' environment. */
import { installOpenClaw } from "./install.js";
import { startLocalModel } from "./model.js";

const WORKER_BIN = new URL("../../../dist/worker/bin.js", import.meta.url).pathname;

export async function prepareOpenClaw(print: (line: string) => void) {
  const { node, packageDir } = await installOpenClaw(print);
  const model = await startLocalModel();
  print(`A local model answers at ${model.url}`);
  return {
    world: {
      workerCommand: [node, WORKER_BIN] as const,
      workerEnv: {
        AGENT_FACTORY_ENGINE: "openclaw",
        AGENT_FACTORY_OPENCLAW_DIR: packageDir,
        AGENT_FACTORY_OPENCLAW_READY_TIMEOUT_MS: "300000",
        OPENCLAW_AGENT_MODEL: "local/local-1",
        AGENT_FACTORY_MODEL_BASE_URL: model.url,
        AGENT_FACTORY_MODEL_API_KEY: "local",
      },
    },
    close: () => model.close(),
  };
}
