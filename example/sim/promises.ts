/** Promises that a single transaction can break: checked on what it wrote, at once. */
import type { Row, Write } from "./database.js";
import { operations, type World } from "./world.js";

type Message = Row & {
  status: "queued" | "processing" | "done" | "dead_letter";
  attempts: number;
  deliveries: number;
  maxAttempts: number;
  leaseId?: string;
  claimedBy?: string;
  conversationId: string;
  payload: { messageText: string };
};
type Worker = Row & {
  workerId: string;
  status: string;
  drainReason?: string;
  drainDeadlineAt?: number;
};
type Part = { text: string; state: string; at?: number; sequence?: number };
type Answer = Row & { messageId: string; text: string; parts: Part[] };

/** Said here once more, so that a wrong table in the component is noticed. */
const LIFE = ["active", "draining", "stopping", "stopped"];
/** A message that only ever comes back must end some day. */
const HAND_BACKS_PER_ATTEMPT = 3;
const OPERATOR_CALLS = new Set(["skipMessage", "redriveDeadLetters"]);

export function checkWrites(world: World, writes: readonly Write[]): void {
  const operation = operations.getStore();
  operation?.writes.push(...writes);
  for (const write of writes) {
    checkSecrets(world, write);
    switch (write.table) {
      case "messageQueue":
        checkMessage(world, write, operation?.name ?? "component");
        break;
      case "workers":
        checkWorker(world, write);
        break;
      case "workerHeartbeats":
        checkHeartbeat(world, write, operation?.actor);
        break;
      case "messageAnswers":
        checkAnswer(world, write);
        break;
    }
  }
}

function checkSecrets(world: World, { table, after }: Write): void {
  if (after === null) return;
  const text = JSON.stringify(after);
  for (const secret of world.model.secrets)
    if (text.includes(secret))
      world.violate("no plaintext secret in any row", `in ${table} ${after._id}`);
}

/** From now on no row may have it; none may have it already. */
export function keepSecret(world: World, secret: string): void {
  world.model.secrets.add(secret);
  for (const row of world.database.all())
    if (JSON.stringify(row).includes(secret))
      world.violate("no plaintext secret in any row", `in ${row._id}`);
}

function checkMessage(world: World, write: Write, name: string): void {
  const before = write.before as Message | null;
  const after = write.after as Message | null;
  const say = (invariant: string, detail: string) =>
    world.violate(invariant, `message ${write.id}: ${detail}`);
  if (after === null) return say("a message never disappears", "it was deleted");
  if (before === null) {
    const { messageText } = after.payload;
    const first = world.model.inserted.get(messageText);
    if (first !== undefined) say("one input, one message", `"${messageText}" is ${first} already`);
    world.model.inserted.set(messageText, write.id);
    return;
  }
  const move = `${before.status} → ${after.status}`;
  if (before.status !== after.status) world.trace(`  ${after.payload.messageText}: ${move}`);
  if (before.status === "done" && after.status !== "done") say("done is done", move);
  if (before.status === "dead_letter" && after.status !== "dead_letter")
    if (!OPERATOR_CALLS.has(name)) say("dead letters rest", move);
  const leased = before.status === "queued" && after.status === "processing";
  if (leased !== (after.deliveries === before.deliveries + 1) && !OPERATOR_CALLS.has(name))
    say(
      "every lease is a delivery",
      `${move}, deliveries ${before.deliveries} → ${after.deliveries}`,
    );
  if (before.status === "processing" && after.status === "processing")
    if (before.leaseId !== after.leaseId || before.claimedBy !== after.claimedBy)
      say("one lease at a time", "the lease changed hands while it was live");
  if (before.status !== "processing") return;
  if (after.status !== "queued" && after.status !== "dead_letter") return;
  if (OPERATOR_CALLS.has(name)) return;
  if (name === "workerHandBack" && after.attempts > before.attempts)
    if (before.deliveries < HAND_BACKS_PER_ATTEMPT * before.maxAttempts)
      say("a hand-back is no failure", `${move}, attempts ${before.attempts} → ${after.attempts}`);
  if (after.attempts === before.attempts + 1) return;
  const holder = world.database
    .rows<Worker>("workers")
    .find((worker) => worker.workerId === before.claimedBy);
  const isOurDoing = holder?.drainReason === "operator" || holder?.drainReason === "budget";
  const isLate = (holder?.drainDeadlineAt ?? Infinity) <= world.clock.now();
  if (name === "workerHandBack" || (isOurDoing && isLate)) return;
  say("every lost delivery counts", `${move}, attempts ${before.attempts} → ${after.attempts}`);
}

function checkWorker(world: World, write: Write): void {
  const before = write.before as Worker | null;
  const after = write.after as Worker | null;
  if (after === null) return;
  if (before === null) {
    world.trace(`  worker ${after.workerId}: ${after.status}`);
    return;
  }
  if (before.status === after.status) return;
  world.trace(
    `  worker ${after.workerId}: ${before.status} → ${after.status} ${after.drainReason ?? ""}`,
  );
  // A machine that died has nothing to drain: both moves in one transaction.
  const buried = before.status === "active" && after.status === "stopping";
  if (!buried && LIFE.indexOf(after.status) !== LIFE.indexOf(before.status) + 1)
    world.violate(
      "workers only grow older",
      `${after.workerId}: ${before.status} → ${after.status}`,
    );
}

/** Only the worker itself may make it look alive. */
function checkHeartbeat(world: World, { after }: Write, actor: string | undefined): void {
  const row = after as (Row & { workerId: string }) | null;
  if (row === null || actor === row.workerId || actor === `${row.workerId} (again)`) return;
  world.violate(
    "only a worker gives its sign of life",
    `${actor ?? "the component"} did for ${row.workerId}`,
  );
}

function checkAnswer(world: World, write: Write): void {
  const before = write.before as Answer | null;
  const after = write.after as Answer | null;
  if (after === null || before === null) return;
  const texts = (answer: Answer) => JSON.stringify([answer.text, answer.parts.map((p) => p.text)]);
  if (texts(before) !== texts(after))
    world.violate("one answer per message", `the answer of ${after.messageId} was replaced`);
  for (const [i, part] of after.parts.entries()) {
    const was = before.parts[i]?.state;
    const settled = was === "sent" || was === "unknown";
    if (settled && part.state !== was)
      world.violate(
        "what was delivered stays delivered",
        `part ${i} of ${after.messageId}: ${was} → ${part.state}`,
      );
    if (part.state === "unknown" && was !== "unknown") countUnknown(world, after.messageId, i);
    if (part.state === "unknown" && (was === "pending" || was === "failed"))
      world.violate(
        "only what may have been sent is unknown",
        `part ${i} of ${after.messageId}: ${was} → unknown`,
      );
    // Under the policy `duplicate` the part stays `sending`; being asked for again is all that shows.
    const again = was === "sending" && part.state === "sending";
    if (again && JSON.stringify(part) !== JSON.stringify(before.parts[i]))
      countUnknown(world, after.messageId, i);
  }
}

function countUnknown(world: World, messageId: string, part: number): void {
  const key = `${messageId}/${part}`;
  world.model.unknownParts.set(key, (world.model.unknownParts.get(key) ?? 0) + 1);
}
