/**
 * A worker as the protocol wants it (docs/WORKER_PROTOCOL.md), played by a few lines: it restores, polls, thinks,
 * stores, delivers part by part, completes, snapshots and leaves; and it is struck by everything that can hit a process.
 */
import type { GatewayFunctionName } from "../../src/component/gateway/protocol.js";
import type { MachineProcess, ProcessMachine, ProcessSignal } from "../local/fly/types.js";
import type { Row, Write } from "./database.js";
import { never } from "./deployment.js";
import { perform, Refused, type Performed } from "./gateway.js";
import { storeArchive } from "./archive.js";
import { keepSecret } from "./promises.js";
import type { World } from "./world.js";

type Part = {
  text: string;
  state: "pending" | "sending" | "sent" | "unknown";
  sequence?: number;
};
type Answer = { text: string; parts: Part[] };
type Job = {
  messageId: string;
  conversationId: string;
  leaseId: string;
  payload: { messageText: string };
};
type Conversation = Row & { conversationId: string; ownerWorkerId?: string };
/** No answer came, however often it was asked. */
class Unreachable extends Error {}

const CALL_ATTEMPTS = 4;
const RETRY_PAUSE_MS = 1_000;
const EXIT = { done: 0, failed: 1, refused: 4, killed: 137 } as const;

export function startWorker(world: World, machine: ProcessMachine, life: number): MachineProcess {
  const worker = new SimWorker(world, machine, life);
  void worker.live();
  return worker;
}

class SimWorker implements MachineProcess {
  readonly exited: Promise<number>;
  readonly #id: string;
  readonly #key: string;
  readonly #token: string;
  readonly #restoreKey: { workspaceId: string; agentKey: string; conversationId: string };
  readonly #skewMs: number;
  #end: (code: number) => void = () => undefined;
  #alive = true;
  #stopRequested = false;
  #calls = 0;
  #answered = 0;

  constructor(
    readonly world: World,
    machine: ProcessMachine,
    life: number,
  ) {
    const { env } = machine;
    this.#id = machine.name;
    this.#key = `${machine.name}/${life}`;
    this.#token = env["AGENT_FACTORY_WORKER_TOKEN"] ?? "";
    this.#restoreKey = {
      workspaceId: env["WORKSPACE_ID"] ?? "default",
      agentKey: env["OPENCLAW_AGENT_KEY"] ?? "",
      conversationId: env["OPENCLAW_CONVERSATION_ID"] ?? "",
    };
    keepSecret(world, this.#token);
    this.#skewMs = world.strike("skew", this.#key)
      ? world.between(-86_400_000, 86_400_000, `skewBy/${this.#key}`)
      : 0;
    this.exited = new Promise((resolve) => (this.#end = resolve));
  }

  kill(signal: ProcessSignal): void {
    if (signal === "SIGKILL") this.#exit(EXIT.killed);
    else this.#stopRequested = true;
  }

  #exit(code: number): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.world.trace(`${this.#id} exits with ${code}`);
    this.#end(code);
  }

  /** Nothing after it happens in a process that has ended. */
  async #sleep(ms: number): Promise<void> {
    await this.world.clock.sleep(ms);
    if (!this.#alive) await never();
  }

  async #leave(code: number): Promise<never> {
    this.#exit(code);
    return await never();
  }

  /** A place where a process may die or fall silent. */
  async #danger(place: string): Promise<void> {
    const key = `${this.#key}:${place}:${this.#calls}`;
    if (this.world.strike("crash", key)) await this.#leave(EXIT.failed);
    if (this.world.strike("hang", key)) await never();
  }

  async #call(
    name: GatewayFunctionName,
    given: object | (() => object),
    beforeRetry: () => Promise<unknown> = () => Promise.resolve(),
    carriedOut: (done: Performed) => void = () => undefined,
  ): Promise<unknown> {
    const { world } = this;
    for (let attempt = 0; attempt < CALL_ATTEMPTS; attempt++) {
      const key = `${this.#key}:${++this.#calls}:${name}`;
      if (attempt > 0) await beforeRetry();
      const args: object = typeof given === "function" ? (given() as object) : given;
      await this.#sleep(world.between(5, 80, `way/${key}`));
      if (world.strike("lateCall", key))
        await this.#sleep(world.between(2_000, 60_000, `late/${key}`));
      if (world.strike("lostRequest", key)) {
        await this.#sleep(RETRY_PAUSE_MS);
        continue;
      }
      const done = await perform(world, this.#id, this.#token, name, args);
      const { value, code } = done;
      carriedOut(done);
      if (world.strike("duplicateCall", key))
        world.clock.schedule(
          world.between(1, 20_000, `again/${key}`),
          () => void perform(world, `${this.#id} (again)`, this.#token, name, args),
        );
      if (!this.#alive) await never();
      if (world.strike("lostAnswer", key)) {
        await this.#sleep(RETRY_PAUSE_MS);
        continue;
      }
      if (code === "TOKEN_INVALID") await this.#leave(EXIT.refused);
      if (code !== null) throw new Refused(code);
      return value;
    }
    throw new Unreachable(name);
  }

  async live(): Promise<void> {
    const { world } = this;
    if (world.strike("bootFail", this.#key)) return;
    await this.#sleep(world.between(...world.setting.bootMs, `boot/${this.#key}`));
    try {
      const latest = (await this.#call("workerLatestSnapshotForRestore", this.#restoreKey)) as {
        snapshotId: string;
      } | null;
      this.#checkMemory(latest?.snapshotId ?? null);
      await this.#danger("restored");
      await this.#call("workerReady", {
        restoredSnapshotId: latest?.snapshotId ?? null,
        engine: "sim",
      });
    } catch {
      return await this.#leave(EXIT.failed);
    }
    for (;;) {
      try {
        await this.#turn();
      } catch (error) {
        if (!(error instanceof Refused) && !(error instanceof Unreachable)) throw error;
        await this.#sleep(RETRY_PAUSE_MS);
      }
    }
  }

  async #turn(): Promise<void> {
    const { world } = this;
    if (this.#stopRequested) return await this.#drain("signal");
    const answer = (await this.#call("workerPoll", {})) as {
      kind: "job" | "idle" | "stop";
      job: Job;
      retryAfterMs: number;
    };
    if (answer.kind === "stop") return await this.#drain("drain");
    if (answer.kind === "job") return await this.#serve(answer.job);
    await this.#danger("idle");
    const lazy = world.between(1, 1 + world.setting.laziness, `lazy/${this.#key}:${this.#calls}`);
    await this.#sleep(answer.retryAfterMs * lazy);
  }

  async #serve({ messageId, leaseId, payload, conversationId }: Job): Promise<void> {
    const { world } = this;
    const lease = { messageId, leaseId };
    world.model.leases.push({ token: this.#token, workerId: this.#id, ...lease });
    if (conversationId !== this.#restoreKey.conversationId)
      world.violate("a worker serves its own conversation", `${this.#id} got ${conversationId}`);
    const bundle = (await this.#call("workerHydrationBundle", {
      messageId,
      workspaceId: this.#restoreKey.workspaceId,
    })) as { answer: Answer | null } | null;
    if (bundle === null) return;
    let { answer } = bundle;
    if (answer === null) {
      if (!(await this.#think(lease))) return;
      const parts = this.#compose(payload.messageText);
      const stored = (await this.#call("workerStoreAnswer", {
        ...lease,
        text: parts.join(" "),
        parts,
      })) as { stored: boolean; answer?: Answer };
      if (!stored.stored || stored.answer === undefined) return;
      answer = stored.answer;
    }
    await this.#danger("stored");
    if (!(await this.#deliver(lease, conversationId, answer))) return;
    await this.#danger("delivered");
    await this.#call("workerComplete", lease);
    this.#answered += 1;
    if (this.#answered % 3 === 0) await this.#snapshot("manual");
  }

  #compose(question: string): string[] {
    const count = this.world.between(1, 4, `parts/${question}`);
    return Array.from({ length: count }, (_, i) => `${this.#id} says ${i} to ${question}`);
  }

  /** False: the lease is lost, or the message was failed. */
  async #think(lease: { messageId: string; leaseId: string }): Promise<boolean> {
    const { world } = this;
    const key = `${this.#key}:think:${this.#calls}`;
    const { heartbeatMs, leaseMs } = world.setting;
    if (world.strike("stall", key))
      await this.#sleep(leaseMs * (1 + world.draws.at(`stallFor/${key}`)));
    let left = world.between(...world.setting.thoughtMs, `thought/${key}`);
    for (; left > heartbeatMs; left -= heartbeatMs) {
      await this.#sleep(heartbeatMs);
      await this.#danger("thinking");
      // The machine goes away: somebody else shall answer.
      if (this.#stopRequested) {
        await this.#call("workerHandBack", { ...lease, reason: "the machine stops" });
        return false;
      }
      if ((await this.#call("workerHeartbeat", { workerId: this.#id, ...lease })) !== true)
        return false;
    }
    await this.#sleep(left);
    if (!world.strike("engineError", key)) return true;
    const retryable = world.draws.at(`retryable/${key}`) < 0.85;
    await this.#call("workerFail", {
      ...lease,
      errorMessage: "the model is overloaded",
      retryable,
    });
    return false;
  }

  /** True when every part is with the user, or nobody can know. */
  async #deliver(
    lease: { messageId: string; leaseId: string },
    chat: string,
    answer: Answer,
  ): Promise<boolean> {
    const { world } = this;
    // Workers of former versions do not number their reports.
    const numbered = world.draws.at(`numbered/${this.#key}`) < 0.7;
    for (const [part, { state, text, sequence = 0 }] of answer.parts.entries()) {
      if (state === "sent" || state === "unknown") continue;
      let reports = sequence;
      const record = async (
        report: "sending" | "sent" | "failed",
        retry?: () => Promise<unknown>,
      ) =>
        (await this.#call(
          "workerRecordDelivery",
          () => ({
            ...{ ...lease, part, state: report },
            ...(numbered ? { sequence: ++reports } : {}),
          }),
          retry,
        )) as {
          proceed: boolean;
          answer: Answer | null;
        };
      // The answer to our own `sending` was lost and nothing was sent: that is said before it is asked again. A part
      // that was found in `sending` may have been sent by somebody else.
      const takeBack = state === "pending" ? async () => await record("failed") : undefined;
      const begun = await record("sending", takeBack);
      if (begun.answer === null) return false;
      if (!begun.proceed) continue;
      const sent = world.chats.send(
        { chat, messageId: lease.messageId, part, text },
        `${this.#key}:${this.#calls}`,
      );
      await this.#danger("sent");
      if (sent === "limited") {
        await record("failed");
        await this.#call("workerFail", {
          ...lease,
          errorMessage: "Too Many Requests",
          retryAfterMs: 2_000,
        });
        return false;
      }
      if (sent === "lost") {
        await this.#call("workerFail", { ...lease, errorMessage: "no answer from Telegram" });
        return false;
      }
      if ((await record("sent")).answer === null) return false;
    }
    return true;
  }

  async #drain(reason: "drain" | "signal"): Promise<void> {
    await this.#danger("draining");
    try {
      if (this.#answered > 0) await this.#snapshot(reason);
    } catch {
      // The machine goes away with or without it.
    }
    await this.#leave(EXIT.done);
  }

  async #snapshot(reason: "drain" | "signal" | "manual"): Promise<void> {
    const { world } = this;
    const { conversationId } = this.#restoreKey;
    const { snapshotId } = (await this.#call("workerPrepareSnapshotUpload", {
      ...this.#restoreKey,
      reason,
    })) as { snapshotId: string };
    const archive = await storeArchive(world, `memory of ${this.#id}, ${snapshotId}`);
    await this.#danger("uploaded");
    const at = world.clock.now() + this.#skewMs;
    world.trace(`${this.#id} uploaded ${snapshotId}, its clock says ${at - world.startedAt}`);
    await this.#call(
      "workerFinalizeSnapshotUpload",
      { snapshotId, ...archive },
      undefined,
      (done) => {
        if (done.value === true && this.#ownedBefore(done.writes))
          world.model.memory.set(conversationId, snapshotId);
      },
    );
  }

  /** Its final snapshot takes its conversation from a worker in the same transaction: what counts is who had it then. */
  #ownedBefore(writes: readonly Write[]): boolean {
    const { conversationId } = this.#restoreKey;
    const isOurs = (row: object | null | undefined) =>
      (row as Conversation | null | undefined)?.conversationId === conversationId;
    const written = writes.find(({ table, before }) => table === "conversations" && isOurs(before));
    const before =
      written === undefined
        ? this.world.database.rows<Conversation>("conversations").find(isOurs)
        : (written.before as Conversation | null);
    return before?.ownerWorkerId === this.#id;
  }

  /** What the last owner stored while it was the owner is what its successor gets. */
  #checkMemory(restored: string | null): void {
    const { world } = this;
    const expected = world.model.memory.get(this.#restoreKey.conversationId);
    if (expected === undefined) return;
    const at = (id: string | null) =>
      id === null ? -1 : (world.database.get(id)?._creationTime ?? -1);
    if (at(restored) < at(expected))
      world.violate(
        "memory survives the hand-over",
        `${this.#id} restored ${restored}, not ${expected}`,
      );
  }
}
