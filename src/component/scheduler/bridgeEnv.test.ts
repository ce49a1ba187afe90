/** Bridge credentials reach only the machine of the agent they belong to. */
import { afterEach, expect, test } from "vitest";
import { api } from "../_generated/api.js";
import { send } from "../setup.test.js";
import { openStage, type Stage } from "./pass.fixture.js";

let stage: Stage;
afterEach(async () => await stage.close());

test("each machine gets the bridge of the agent it is spawned for, and one without a bridge gets none", async () => {
  stage = await openStage({ policy: { scaling: { maxWorkers: 3, spawnStep: 3 } } });
  const { t } = stage;
  const secret = async (secretRef: string, plaintextValue: string) =>
    await t.mutation(api.lib.importSecret, { secretRef, plaintextValue });
  await secret("agent-bridge.serviceId", "shared-id");
  await secret("agent-bridge.serviceKey", "shared-key");
  await secret("agent-bridge.serviceKey.sales", "sales-key");
  await secret("agent-bridge.linkingSharedSecret", "linking");
  for (const agentKey of ["sales", "support", "plain"])
    await t.mutation(api.lib.configureAgent, {
      ...{ agentKey, version: "1.0.0", secretsRef: [], enabled: true },
      ...(agentKey === "plain" ? {} : { bridgeConfig: { enabled: true } }),
    });
  for (const agentKey of ["sales", "support", "plain"])
    await send(t, `of-${agentKey}`, "hello", { agentKey });
  await stage.pass(4_000);

  const workers = await stage.live();
  const bridgeOf = (agentKey: string) => {
    const worker = workers.find(({ assignment }) => assignment?.agentKey === agentKey);
    return Object.fromEntries(
      Object.entries(stage.environment(worker?.workerId ?? "")).filter(([name]) =>
        /^OPENCLAW_(SERVICE|LINKING)/.test(name),
      ),
    );
  };
  expect(workers).toHaveLength(3);
  const shared = { OPENCLAW_SERVICE_ID: "shared-id", OPENCLAW_LINKING_SHARED_SECRET: "linking" };
  expect(bridgeOf("sales")).toEqual({ ...shared, OPENCLAW_SERVICE_KEY: "sales-key" });
  expect(bridgeOf("support")).toEqual({ ...shared, OPENCLAW_SERVICE_KEY: "shared-key" });
  expect(bridgeOf("plain")).toEqual({});
});
