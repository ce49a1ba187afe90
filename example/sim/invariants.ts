/** Promises about the world as a whole: the cheap ones after every step, all of them now and then and at the end. */
import { findViolations, type QueueRows } from "../../src/component/queue/invariants.js";
import { NEXT_PASS_BOUND_MS, STRAY_BOUND_MS } from "./bounds.js";
import { checkLedger, checkSpending } from "./budget.js";
import type { Row } from "./database.js";
import { BOT } from "./telegram.js";
import type { World } from "./world.js";

type Worker = Row & {
  workerId: string;
  status: string;
  load: number;
  machineRef?: { machineId: string };
  assignment?: { conversationId: string };
};
type Conversation = Row & { conversationId: string; state?: string; ownerWorkerId?: string };

type Job = { name: string; state: { kind: string }; scheduledTime: number };

const FULL_CHECK_EVERY = 20;

export function checkStep(world: World): void {
  checkFleet(world);
  checkReplies(world);
  checkSpending(world);
  if (world.stepNumber % FULL_CHECK_EVERY === 0) checkEverything(world);
}

export function checkEverything(world: World): void {
  world.model.checks += 1;
  checkFleet(world);
  checkQueue(world);
  checkInputs(world);
  checkWake(world);
}

function checkQueue(world: World): void {
  const { database, model, clock } = world;
  const rows = {
    messages: database.rows("messageQueue"),
    conversations: database.rows("conversations"),
    workers: database.rows("workers"),
    answers: database.rows("messageAnswers"),
  } as unknown as QueueRows;
  const wrong = findViolations(rows, { now: clock.now(), enqueued: model.inserted.size });
  if (wrong[0] !== undefined) world.violate("the queue's rows agree", wrong.join("; "));
}

/** Machines as Fly has them, against the rows. */
function checkFleet(world: World): void {
  const { database, model, clock, setting } = world;
  const machines = world.fly.control.machines().filter(({ state }) => state !== "destroyed");
  if (machines.length > setting.maxWorkers)
    world.violate(
      "maxWorkers is never exceeded",
      `${machines.length} machines: ${machines.map((m) => m.name).join(", ")}`,
    );
  const workers = database.rows<Worker>("workers");
  const alive = workers.filter(({ status }) => status !== "stopped");
  const known = new Set(
    alive.flatMap(({ workerId, machineRef }) => [workerId, machineRef?.machineId ?? workerId]),
  );
  for (const id of model.strays.keys())
    if (!machines.some((machine) => machine.id === id)) model.strays.delete(id);
  for (const machine of machines) {
    if (known.has(machine.name) || known.has(machine.id)) {
      model.strays.delete(machine.id);
      continue;
    }
    const since = model.strays.get(machine.id) ?? clock.now();
    model.strays.set(machine.id, since);
    if (clock.now() - since > STRAY_BOUND_MS)
      world.violate(
        "no machine outlives its row",
        `${machine.id} (${machine.name}) since ${clock.now() - since} ms`,
      );
  }
  const owners = new Map<string, string>();
  const conversations = new Map(
    database.rows<Conversation>("conversations").map((row) => [row.conversationId, row]),
  );
  for (const { workerId, status, assignment } of workers) {
    if (status !== "active" || assignment === undefined) continue;
    const { conversationId } = assignment;
    const other = owners.get(conversationId);
    owners.set(conversationId, workerId);
    if (other !== undefined)
      world.violate(
        "one worker per conversation",
        `${conversationId} has ${other} and ${workerId}`,
      );
    const owner = conversations.get(conversationId)?.ownerWorkerId;
    if (owner !== workerId)
      world.violate(
        "one worker per conversation",
        `${conversationId} of ${workerId} is owned by ${owner ?? "nobody"}`,
      );
  }
  for (const { conversationId, ownerWorkerId } of conversations.values()) {
    const owner = workers.find(({ workerId }) => workerId === ownerWorkerId);
    if (owner?.status === "stopped" || owner?.status === "stopping")
      world.violate(
        "a worker that is gone owns nothing",
        `${conversationId} is owned by ${owner.workerId} (${owner.status})`,
      );
  }
}

/** Nobody hears anything twice, except where the policy prefers that to silence. */
function checkReplies(world: World): void {
  const { model, chats, setting } = world;
  const { replies } = chats;
  for (const { messageId, part } of replies.slice(model.repliesChecked)) {
    const count = chats.countOf(messageId, part);
    const unknown = model.unknownParts.get(`${messageId}/${part}`) ?? 0;
    const allowed = setting.onUnknown === "silence" ? 1 : 1 + unknown;
    if (count > allowed)
      world.violate(
        "sent once, heard once",
        `part ${part} of ${messageId} was heard ${count} times`,
      );
  }
  if (model.repliesChecked < replies.length) chats.checkShown(BOT);
  model.repliesChecked = replies.length;
}

function checkInputs(world: World): void {
  for (const { text, messageId } of world.model.inputs.values()) {
    const row = world.model.inserted.get(text);
    if (row === undefined) world.violate("every accepted input is a message", `"${text}" is lost`);
    if (messageId !== null && row !== messageId)
      world.violate("every accepted input is a message", `"${text}" is ${row}, not ${messageId}`);
  }
}

/** While anything is under way, somebody will come by. What is in progress does not count: it may have died. */
function checkWake(world: World): void {
  const { database } = world;
  const busy =
    database.rows<Worker>("workers").some(({ status }) => status !== "stopped") ||
    database
      .rows<Conversation>("conversations")
      .some(({ state }) => state === "ready" || state === "waiting" || state === "leased");
  if (!busy) return;
  const passes = database
    .rows<Row & Job>("_scheduled_functions")
    .filter(({ name, state }) => name.startsWith("scheduler/loop:") && state.kind === "pending");
  const next = Math.min(...passes.map(({ scheduledTime }) => scheduledTime)) - world.clock.now();
  // Work that has no money left waits for the next day.
  const bound = world.setting.budget === null ? NEXT_PASS_BOUND_MS : Infinity;
  if (passes.length === 0)
    world.violate("somebody comes by", "work is under way and no pass is scheduled");
  else if (next > bound) world.violate("somebody comes by", `in ${next} ms only`);
}

/** When users and faults have been at rest for long: all is answered or dead, and nothing costs anything. */
export function checkRest(world: World): void {
  checkEverything(world);
  const { database } = world;
  const open = database
    .rows<Row & { status: string; payload: { messageText: string } }>("messageQueue")
    .filter(({ status }) => ["queued", "processing"].includes(status));
  if (open.length > 0)
    world.violate(
      "everything ends",
      open.map((m) => `${m.payload.messageText} is ${m.status}`).join(", "),
    );
  const alive = database.rows<Worker>("workers").filter(({ status }) => status !== "stopped");
  if (alive.length > 0)
    world.violate("everything ends", alive.map((w) => `${w.workerId} is ${w.status}`).join(", "));
  try {
    world.fly.control.expectNoCost();
  } catch (error) {
    world.violate("it costs nothing while you sleep", String(error));
  }
  for (const broken of world.fly.control.violations())
    world.violate("Fly's rules are kept", broken);
  for (const table of ["workerTokens", "workerHeartbeats"])
    if (database.rows(table).length > 0)
      world.violate(
        "nothing is left of a stopped worker",
        `${database.rows(table).length} rows in ${table}`,
      );
  checkAnswered(world);
  checkLedger(world);
}

/** What is done was answered, and the user has every part of which we say so. */
function checkAnswered(world: World): void {
  const answers = new Map(
    world.database
      .rows<Row & { messageId: string; parts: { text: string; state: string }[] }>("messageAnswers")
      .map((answer) => [answer.messageId, answer]),
  );
  for (const { _id, status, payload } of world.database.rows<
    Row & { status: string; payload: { messageText: string } }
  >("messageQueue")) {
    if (status !== "done") continue;
    const parts = answers.get(_id)?.parts ?? [];
    if (parts.length === 0)
      world.violate("done is answered", `"${payload.messageText}" has no answer`);
    for (const [i, { state }] of parts.entries()) {
      if (state !== "sent" && state !== "unknown")
        world.violate("done is answered", `part ${i} of "${payload.messageText}" is ${state}`);
      if (state === "unknown" && !world.model.granted.has(`${_id}/${i}`))
        world.violate(
          "done is answered",
          `nobody was told to send part ${i} of "${payload.messageText}"`,
        );
      if (state === "sent" && world.chats.countOf(_id, i) === 0)
        world.violate("done is answered", `nobody heard part ${i} of "${payload.messageText}"`);
    }
  }
}
