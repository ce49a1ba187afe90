/** Those who are not workers: users of the app, people in chats, operators, and callers with stolen or stale papers. */
import { api } from "../../src/component/_generated/api.js";
import type { Id } from "../../src/component/kit/functions.js";
import type { GatewayFunctionName } from "../../src/component/gateway/protocol.js";
import { AGENT, ask } from "./asking.js";
import { perform } from "./gateway.js";
import { BOT } from "./telegram.js";
import type { World } from "./world.js";

type Act = (world: World, key: string) => Promise<void>;

const enqueue: Act = async (world, key) => {
  const { conversations } = world.setting;
  const conversationId = conversations[world.between(0, conversations.length, `to/${key}`)] ?? "";
  const text = `app ${key}`;
  const draw = (what: string) => world.draws.at(`${what}/${key}`);
  const send = async () =>
    await ask(world, "app", "enqueue", async () =>
      world.t.mutation(api.lib.enqueue, {
        conversationId,
        agentKey: AGENT,
        payload: { provider: "system_push", providerUserId: "user-1", messageText: text },
        idempotencyKey: `key ${key}`,
        ...(draw("prioritized") < 0.2
          ? { priority: world.between(0, 100, `priority/${key}`) }
          : {}),
        ...(draw("scheduled") < 0.15
          ? { scheduledFor: world.clock.now() + world.between(1_000, 120_000, `for/${key}`) }
          : {}),
      }),
    );
  const messageId = await send();
  // Nothing is wrong with it: who sends once must be heard.
  if (messageId === null) return world.violate("one input, one message", `"${text}" was refused`);
  world.model.accept(text, conversationId, messageId);
  if (draw("repeated") > 0.2) return;
  const again = await send();
  if (again !== messageId)
    world.violate("one key, one message", `the key of "${text}" gave ${messageId} and ${again}`);
};

const say: Act = (world, key) => {
  const { chats } = world.setting;
  const id = chats[world.between(0, chats.length, `chat/${key}`)] ?? 0;
  world.telegram.control.say(Number(BOT), { id }, `telegram ${key}`);
  return Promise.resolve();
};

const anyMessage = (world: World, key: string): Id<"messageQueue"> | null => {
  const rows = world.database.rows("messageQueue");
  const row = rows[world.between(0, rows.length, `message/${key}`)];
  return row === undefined ? null : (row._id as Id<"messageQueue">);
};

const OPERATIONS: readonly Act[] = [
  async (world, key) => {
    const rows = world.database.rows<{
      _id: string;
      _creationTime: number;
      conversationId: string;
    }>("conversations");
    const conversationId = rows[world.between(0, rows.length, `row/${key}`)]?.conversationId;
    if (conversationId === undefined) return;
    await ask(world, "operator", "pauseConversation", async () =>
      world.t.mutation(api.lib.pauseConversation, { conversationId }),
    );
    world.clock.schedule(world.between(1_000, 60_000, `pause/${key}`), () => {
      void ask(world, "operator", "resumeConversation", async () =>
        world.t.mutation(api.lib.resumeConversation, { conversationId }),
      );
    });
  },
  async (world, key) => {
    const messageId = anyMessage(world, key);
    if (messageId === null) return;
    await ask(world, "operator", "skipMessage", async () =>
      world.t.mutation(api.lib.skipMessage, { messageId }),
    );
  },
  async (world) => {
    await ask(world, "operator", "redriveDeadLetters", async () =>
      world.t.mutation(api.lib.redriveDeadLetters, { limit: 5 }),
    );
  },
  async (world, key) => {
    const rows = world.database.rows<{ _id: string; _creationTime: number; workerId: string }>(
      "workers",
    );
    const workerId = rows[world.between(0, rows.length, `worker/${key}`)]?.workerId;
    if (workerId === undefined) return;
    await ask(world, "operator", "drainWorker", async () =>
      world.t.mutation(api.lib.drainWorker, { workerId }),
    );
  },
  async (world) => {
    await ask(world, "operator", "releaseStuckJobs", async () =>
      world.t.mutation(api.lib.releaseStuckJobs, {}),
    );
  },
  (world) => {
    // It runs while other things happen, as an action does.
    void ask(world, "cron", "reconcileWorkers", async () =>
      world.t.action(api.lib.reconcileWorkers, {}),
    );
    return Promise.resolve();
  },
];

const operate: Act = async (world, key) =>
  await OPERATIONS[world.between(0, OPERATIONS.length, `operation/${key}`)]?.(world, key);

const STALE_CALLS = [
  "workerHeartbeat",
  "workerStoreAnswer",
  "workerRecordDelivery",
  "workerComplete",
  "workerFail",
  "workerHandBack",
] as const satisfies readonly GatewayFunctionName[];

/** Old papers, papers of somebody else, or none: whatever is tried, nothing changes. */
const intrude: Act = async (world, key) => {
  const { leases } = world.model;
  const live = leases.filter(
    ({ messageId }) => world.database.get(messageId)?.["status"] === "processing",
  );
  // Papers about what is being worked on right now are the dangerous ones.
  const known = live.length > 0 && world.draws.at(`live/${key}`) < 0.8 ? live : leases;
  const lease = known[world.between(0, known.length, `lease/${key}`)];
  const holders = world.draws.at(`own/${key}`) < 0.5 ? known : leases.slice(-6);
  const other = holders[world.between(0, holders.length, `token/${key}`)];
  if (lease === undefined || other === undefined) return;
  const { messageId, leaseId } = lease;
  const forged = world.draws.at(`forged/${key}`);
  const token = forged < 0.2 ? `afw_${"x".repeat(43)}` : other.token;
  const held = world.database.get<{
    _id: string;
    _creationTime: number;
    leaseId?: string;
    status: string;
  }>(messageId);
  // The holder of the live lease is neither stale nor foreign, with whichever of its tokens: each creation gave it one.
  const isHolder = token === other.token && other.workerId === lease.workerId;
  if (isHolder && held?.leaseId === leaseId) return;
  const name = STALE_CALLS[world.between(0, STALE_CALLS.length, `call/${key}`)] ?? "workerComplete";
  const more: Record<(typeof STALE_CALLS)[number], object> = {
    workerHeartbeat: {},
    workerStoreAnswer: { text: "stale", parts: ["stale"] },
    workerRecordDelivery: { part: 0, state: "sent" },
    workerComplete: {},
    workerFail: { errorMessage: "stale" },
    workerHandBack: { reason: "stale" },
  };
  const done = await perform(world, "intruder", token, name, { messageId, leaseId, ...more[name] });
  if (done.writes.length > 0)
    world.violate(
      "a stale or foreign worker changes nothing",
      `${name} with lease ${leaseId} wrote ${done.writes.map(({ table }) => table).join(", ")}`,
    );
};

const ACTS: readonly (readonly [share: number, name: string, act: Act])[] = [
  [0.36, "enqueue", enqueue],
  [0.68, "say", say],
  [0.9, "intrude", intrude],
  [1, "operate", operate],
];

/** Share of the steps after which nothing new begins. */
const LAST_ACT = 0.85;

/** Something that happens from outside in this step, if anything does. */
export async function act(world: World): Promise<boolean> {
  const key = String(world.stepNumber);
  const isBusy = world.draws.at(`times/${Math.floor(world.stepNumber / 150)}`) < 0.5;
  const { busy, quiet } = world.setting;
  const pressed = world.clock.pending === 0;
  // The last part of a run is for what is under way.
  const { only, steps } = world.options;
  if (!pressed && only === undefined && world.stepNumber > LAST_ACT * steps) return false;
  if (!pressed && world.draws.at(`act/${key}`) >= (isBusy ? busy : quiet)) return false;
  const kind = world.draws.at(`kind/${key}`);
  const chosen = ACTS.find(([share]) => kind < share);
  if (chosen === undefined || !world.happens(`${chosen[1]}/${key}`)) return false;
  await chosen[2](world, key);
  return true;
}
