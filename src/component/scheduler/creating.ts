/** One attempt to create a worker's machine, with a token of its own. */
import { errorMessage } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import type { ActionCtx } from "../kit/functions.js";
import { randomBase64Url, sha256Hex } from "../kit/random.js";
import { ProviderError } from "../providers/ops.js";
import { MACHINE_TAGS, MANAGED_BY } from "../providers/validators.js";
import type { PassContext } from "./effects.js";
import { machineEnvironment } from "./environment.js";

/** The token exists in plaintext only here and in the machine's environment. */
export async function createWorkerMachine(
  ctx: ActionCtx,
  workerId: string,
  pass: PassContext,
): Promise<void> {
  const token = `afw_${randomBase64Url(32)}`;
  const order = await ctx.runMutation(internal.scheduler.records.openCreate, {
    workerId,
    tokenHash: await sha256Hex(token),
  });
  if (order === null) return;
  const bridge =
    order.agentKey === null
      ? {}
      : await ctx.runQuery(internal.scheduler.setup.bridgeEnvironment, {
          agentKey: order.agentKey,
        });
  const { provider: shape } = order;
  try {
    const machine = await pass.provider(order.appName).createMachine({
      name: workerId,
      region: shape.region,
      image: shape.image,
      guest: shape.guest,
      stopTimeoutSeconds: shape.stopTimeoutSeconds,
      fallbackRegions: shape.fallbackRegions,
      autoDestroy: shape.autoDestroy,
      restart: shape.restart,
      volume: { name: order.volumeName, path: shape.volumePath, sizeGb: shape.volumeSizeGb },
      tags: {
        [MACHINE_TAGS.managedBy]: MANAGED_BY,
        [MACHINE_TAGS.deployment]: order.deploymentId,
        [MACHINE_TAGS.worker]: workerId,
      },
      env: machineEnvironment({
        convexUrl: pass.convexUrl,
        transport: order.transport,
        pathPrefix: order.pathPrefix,
        workerId,
        workspaceId: pass.workspaceId,
        idleTimeoutMs: order.idleTimeoutMs,
        stopTimeoutSeconds: shape.stopTimeoutSeconds,
        conversationId: order.conversationId,
        agentKey: order.agentKey,
        token,
        bridge,
        extra: order.env,
      }),
    });
    await ctx.runMutation(internal.scheduler.records.created, {
      workerId,
      machineId: machine.machineId,
      region: machine.region,
      volumeIds: machine.volumeIds,
      createdAt: machine.createdAt,
    });
  } catch (error) {
    const refused = error instanceof ProviderError && error.details.ambiguous !== true;
    const kind = error instanceof ProviderError ? error.kind : "transient";
    await ctx.runMutation(internal.scheduler.records.createFailed, {
      workerId,
      errorKind: kind,
      message: errorMessage(error),
      unsureCreateAt: refused ? order.unsureBefore : Date.now(),
    });
    throw error;
  }
}
