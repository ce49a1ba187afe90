/**
 * A worker as the protocol wants it (docs/WORKER_PROTOCOL.md), played by a few lines: it restores, polls, thinks,
 * stores, delivers part by part, completes, snapshots and leaves; and it is struck by everything that can hit a process.
 */
import type { MachineProcess, ProcessMachine } from "../local/fly/types.js";
import { deliver, type Answer, type Lease } from "./delivery.js";
import { Refused } from "./gateway.js";
import { checkMemory, saveMemory } from "./memory.js";
import { EXIT, RETRY_PAUSE_MS, Unreachable, WorkerProcess } from "./process.js";
import type { World } from "./world.js";

type Job = {
  messageId: string;
  conversationId: string;
  leaseId: string;
  payload: { messageText: string };
};

export function startWorker(world: World, machine: ProcessMachine, life: number): MachineProcess {
  const worker = new SimWorker(world, machine, life);
  void worker.live();
  return worker;
}

class SimWorker extends WorkerProcess {
  #answered = 0;

  async live(): Promise<void> {
    const { world } = this;
    if (world.strike("bootFail", this.life)) return;
    await this.sleep(world.between(...world.setting.bootMs, `boot/${this.life}`));
    try {
      const latest = (await this.call("workerLatestSnapshotForRestore", this.restoreKey)) as {
        snapshotId: string;
      } | null;
      checkMemory(this, latest?.snapshotId ?? null);
      await this.danger("restored");
      await this.call("workerReady", {
        restoredSnapshotId: latest?.snapshotId ?? null,
        engine: "sim",
      });
    } catch {
      return await this.leave(EXIT.failed);
    }
    for (;;) {
      try {
        await this.#turn();
      } catch (error) {
        if (!(error instanceof Refused) && !(error instanceof Unreachable)) throw error;
        await this.sleep(RETRY_PAUSE_MS);
      }
    }
  }

  async #turn(): Promise<void> {
    const { world } = this;
    if (this.stopRequested) return await this.#drain("signal");
    const answer = (await this.call("workerPoll", {})) as {
      kind: "job" | "idle" | "stop";
      job: Job;
      retryAfterMs: number;
    };
    if (answer.kind === "stop") return await this.#drain("drain");
    if (answer.kind === "job") return await this.#serve(answer.job);
    await this.danger("idle");
    const lazy = world.between(1, 1 + world.setting.laziness, `lazy/${this.life}:${this.calls}`);
    await this.sleep(answer.retryAfterMs * lazy);
  }

  async #serve({ messageId, leaseId, payload, conversationId }: Job): Promise<void> {
    const { world } = this;
    const lease = { messageId, leaseId };
    world.model.leases.push({ token: this.token, workerId: this.workerId, ...lease });
    if (conversationId !== this.restoreKey.conversationId)
      world.violate(
        "a worker serves its own conversation",
        `${this.workerId} got ${conversationId}`,
      );
    const bundle = (await this.call("workerHydrationBundle", {
      messageId,
      workspaceId: this.restoreKey.workspaceId,
    })) as { answer: Answer | null; telegramBotToken: string | null } | null;
    if (bundle === null) return;
    const to = { chat: conversationId, token: bundle.telegramBotToken };
    let { answer } = bundle;
    if (answer === null) {
      if (!(await this.#think(lease))) return;
      const parts = this.#compose(payload.messageText);
      const stored = (await this.call("workerStoreAnswer", {
        ...lease,
        text: parts.join(" "),
        parts,
      })) as { stored: boolean; answer?: Answer };
      if (!stored.stored || stored.answer === undefined) return;
      answer = stored.answer;
    }
    await this.danger("stored");
    if (!(await deliver(this, lease, to, answer))) return;
    await this.danger("delivered");
    await this.call("workerComplete", lease);
    this.#answered += 1;
    if (this.#answered % 3 === 0) await saveMemory(this, "manual");
  }

  #compose(question: string): string[] {
    const count = this.world.between(1, 4, `parts/${question}`);
    return Array.from({ length: count }, (_, i) => `${this.workerId} says ${i} to ${question}`);
  }

  /** False: the lease is lost, or the message was failed. */
  async #think(lease: Lease): Promise<boolean> {
    const { world } = this;
    const key = `${this.life}:think:${this.calls}`;
    const { heartbeatMs, leaseMs } = world.setting;
    if (world.strike("stall", key))
      await this.sleep(leaseMs * (1 + world.draws.at(`stallFor/${key}`)));
    let left = world.between(...world.setting.thoughtMs, `thought/${key}`);
    for (; left > heartbeatMs; left -= heartbeatMs) {
      await this.sleep(heartbeatMs);
      await this.danger("thinking");
      // The machine goes away: somebody else shall answer.
      if (this.stopRequested) {
        await this.call("workerHandBack", { ...lease, reason: "the machine stops" });
        return false;
      }
      if ((await this.call("workerHeartbeat", { workerId: this.workerId, ...lease })) !== true)
        return false;
    }
    await this.sleep(left);
    if (!world.strike("engineError", key)) return true;
    const retryable = world.draws.at(`retryable/${key}`) < 0.85;
    await this.call("workerFail", {
      ...lease,
      errorMessage: "the model is overloaded",
      retryable,
    });
    return false;
  }

  async #drain(reason: "drain" | "signal"): Promise<void> {
    await this.danger("draining");
    try {
      if (this.#answered > 0) await saveMemory(this, reason);
    } catch {
      // The machine goes away with or without it.
    }
    await this.leave(EXIT.done);
  }
}
