/** A worker's process: its calls, its sleep, its end, and everything that can hit it. */
import type { GatewayFunctionName } from "../../src/component/gateway/protocol.js";
import type { MachineProcess, ProcessMachine, ProcessSignal } from "../local/fly/types.js";
import { DAY_MS } from "../../src/shared/time.js";
import { never } from "./deployment.js";
import { perform, Refused, type Performed } from "./gateway.js";
import { keepSecret } from "./promises.js";
import type { World } from "./world.js";

/** No answer came, however often it was asked. */
export class Unreachable extends Error {}

const CALL_ATTEMPTS = 4;
export const RETRY_PAUSE_MS = 1_000;
export const EXIT = { done: 0, failed: 1, refused: 4, killed: 137 } as const;

export class WorkerProcess implements MachineProcess {
  readonly exited: Promise<number>;
  readonly workerId: string;
  /** One life of one machine: what the seed draws its fate by. */
  readonly life: string;
  readonly token: string;
  readonly restoreKey: { workspaceId: string; agentKey: string; conversationId: string };
  /** How wrong its clock is; nothing may come of it. */
  readonly skewMs: number;
  stopRequested = false;
  calls = 0;
  #end: (code: number) => void = () => undefined;
  #alive = true;

  constructor(
    readonly world: World,
    machine: ProcessMachine,
    life: number,
  ) {
    const { env } = machine;
    this.workerId = machine.name;
    this.life = `worker ${world.numberOf(machine.name)}/${life}`;
    this.token = env["AGENT_FACTORY_WORKER_TOKEN"] ?? "";
    this.restoreKey = {
      workspaceId: env["WORKSPACE_ID"] ?? "default",
      agentKey: env["OPENCLAW_AGENT_KEY"] ?? "",
      conversationId: env["OPENCLAW_CONVERSATION_ID"] ?? "",
    };
    keepSecret(world, this.token);
    this.skewMs = world.strike("skew", this.life)
      ? world.between(-DAY_MS, DAY_MS, `skewBy/${this.life}`)
      : 0;
    this.exited = new Promise((resolve) => (this.#end = resolve));
  }

  kill(signal: ProcessSignal): void {
    if (signal === "SIGKILL") this.#exit(EXIT.killed);
    else this.stopRequested = true;
  }

  #exit(code: number): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.world.trace(`${this.workerId} exits with ${code}`);
    this.#end(code);
  }

  /** Nothing after it happens in a process that has ended. */
  async sleep(ms: number): Promise<void> {
    await this.world.clock.sleep(ms);
    if (!this.#alive) await never();
  }

  async leave(code: number): Promise<never> {
    this.#exit(code);
    return await never();
  }

  /** A place where a process may die or fall silent. */
  async danger(place: string): Promise<void> {
    const key = `${this.life}:${place}:${this.calls}`;
    if (this.world.strike("crash", key)) await this.leave(EXIT.failed);
    if (this.world.strike("hang", key)) await never();
  }

  async call(
    name: GatewayFunctionName,
    given: object | (() => object),
    beforeRetry: () => Promise<unknown> = () => Promise.resolve(),
    carriedOut: (done: Performed) => void = () => undefined,
  ): Promise<unknown> {
    const { world } = this;
    for (let attempt = 0; attempt < CALL_ATTEMPTS; attempt++) {
      const key = `${this.life}:${++this.calls}:${name}`;
      if (attempt > 0) await beforeRetry();
      const args: object = typeof given === "function" ? (given() as object) : given;
      await this.sleep(world.between(5, 80, `way/${key}`));
      if (world.strike("lateCall", key))
        await this.sleep(world.between(2_000, 60_000, `late/${key}`));
      if (world.strike("lostRequest", key)) {
        await this.sleep(RETRY_PAUSE_MS);
        continue;
      }
      const done = await perform(world, this.workerId, this.token, name, args);
      const { value, code } = done;
      carriedOut(done);
      if (world.strike("duplicateCall", key))
        world.clock.schedule(
          world.between(1, 20_000, `again/${key}`),
          () => void perform(world, `${this.workerId} (again)`, this.token, name, args),
        );
      if (!this.#alive) await never();
      if (world.strike("lostAnswer", key)) {
        await this.sleep(RETRY_PAUSE_MS);
        continue;
      }
      if (code === "TOKEN_INVALID") await this.leave(EXIT.refused);
      if (code !== null) throw new Refused(code);
      return value;
    }
    throw new Unreachable(name);
  }
}
