/** Why a message is not answered: a decision over facts, first match wins. Every queued message gets a real answer. */
import type { MessageStatus } from "../queue/validators.js";
import type { SpawnOutlook } from "../scheduler/ops.js";
import type { WorkerStatus } from "../workers/validators.js";
import type { WaitKind } from "./validators.js";

export type MessageFacts = {
  now: number;
  message: {
    id: string;
    status: MessageStatus;
    enqueuedAt: number;
    scheduledFor: number;
    nextRetryAt: number | null;
    attempts: number;
    /** Leases given for it. */
    deliveries: number;
    maxAttempts: number;
    leasedAt: number | null;
    leaseExpiresAt: number | null;
    endedAt: number | null;
    lastError: string | null;
    lastEventAt: number | null;
  };
  answer: { createdAt: number; delivered: boolean } | null;
  conversation: { pausedAt: number | null; pauseReason: string | null } | null;
  agent: { enabled: boolean; pausedAt: number | null } | null;
  /** What is before it in its conversation. */
  before: { messageId: string; leased: boolean } | null;
  worker: {
    workerId: string;
    status: WorkerStatus;
    hasMachine: boolean;
    firstSeenAt: number | null;
    reservedAt: number;
    machineCreatedAt: number | null;
    nextCreateAt: number | null;
    drainingSince: number | null;
    drainDeadlineAt: number | null;
    lastProviderError: string | null;
  } | null;
  /** Secrets without which no machine can be created. */
  missingSecrets: readonly string[];
  spawn: SpawnOutlook;
};

export type Reason = {
  waitsFor: WaitKind;
  detail: string;
  since: number;
  until: number | null;
  behindMessageId: string | null;
  workerId: string | null;
};

export function explain(facts: MessageFacts): Reason {
  switch (facts.message.status) {
    case "done":
      return explainDone(facts);
    case "failed":
      return reason("nothing", "An operator skipped it.", endOf(facts));
    case "dead_letter":
      return reason(
        "operator",
        `Given up after ${facts.message.attempts} attempts: ${facts.message.lastError ?? "no error was recorded"}. Redrive or skip it.`,
        endOf(facts),
      );
    case "processing":
      return explainLeased(facts);
    case "queued":
      return explainQueued(facts);
  }
}

function explainDone(facts: MessageFacts): Reason {
  const unsent = facts.answer !== null && !facts.answer.delivered;
  return reason(
    "nothing",
    unsent ? "It is done; its answer is not known to have reached the user." : "It was answered.",
    endOf(facts),
  );
}

function explainLeased({ message, answer, worker, now }: MessageFacts): Reason {
  const since = message.leasedAt ?? message.lastEventAt ?? message.enqueuedAt;
  const more = { until: message.leaseExpiresAt, workerId: worker?.workerId ?? null };
  if (message.leaseExpiresAt === null || message.leaseExpiresAt <= now)
    return reason("lease", "Its worker fell silent; it is handed to another one.", since, {
      ...more,
      until: null,
    });
  if (answer !== null && !answer.delivered)
    return reason("delivery", "It is answered; the answer is being sent.", answer.createdAt, more);
  return reason("answer", "A worker has it and is working on the answer.", since, more);
}

function explainQueued(facts: MessageFacts): Reason {
  const { message, conversation, agent, before, now } = facts;
  const waiting =
    message.scheduledFor > now
      ? message.enqueuedAt
      : Math.max(message.enqueuedAt, message.scheduledFor);
  if (conversation !== null && conversation.pausedAt !== null)
    return reason(
      "pause",
      `An operator paused the conversation${conversation.pauseReason === null ? "" : `: ${conversation.pauseReason}`}.`,
      conversation.pausedAt,
    );
  if (agent === null) return reason("agent", "Its agent does not exist any more.", waiting);
  if (!agent.enabled) return reason("agent", "Its agent is disabled.", waiting);
  if (agent.pausedAt !== null)
    return reason("agent", "An operator paused its agent.", agent.pausedAt);
  if (message.scheduledFor > now)
    return reason("schedule", "It is scheduled for later.", message.enqueuedAt, {
      until: message.scheduledFor,
    });
  if (before !== null)
    return reason(
      "order",
      before.leased
        ? "The message before it is being answered."
        : "An earlier message of its conversation comes first.",
      waiting,
      { behindMessageId: before.messageId },
    );
  if (message.nextRetryAt !== null && message.nextRetryAt > now && isUntouched(message))
    return reason(
      "attachment",
      "Its files are being fetched, or the rest of it is awaited.",
      message.enqueuedAt,
      { until: message.nextRetryAt },
    );
  if (message.nextRetryAt !== null && message.nextRetryAt > now)
    return reason(
      "retry",
      `Attempt ${message.attempts} of ${message.maxAttempts} failed: ${message.lastError ?? "no error was recorded"}.`,
      message.lastEventAt ?? waiting,
      { until: message.nextRetryAt },
    );
  return facts.worker === null
    ? explainWithoutWorker(facts, Math.max(waiting, message.nextRetryAt ?? 0))
    : explainWithWorker(facts.worker, facts);
}

function explainWithWorker(
  worker: NonNullable<MessageFacts["worker"]>,
  { now, spawn }: MessageFacts,
): Reason {
  const { workerId } = worker;
  if (worker.status !== "active")
    return reason(
      "hand_over",
      `Its last worker is ${worker.status} and still saves the conversation's memory.`,
      worker.drainingSince ?? worker.reservedAt,
      { workerId, until: worker.drainDeadlineAt },
    );
  if (!worker.hasMachine && worker.firstSeenAt === null && spawn.block !== null) {
    const { message, since, until } = spawn.block;
    return reason("provider", message, since, { workerId, until });
  }
  if (!worker.hasMachine && worker.lastProviderError !== null)
    return reason(
      "provider",
      `The provider did not create its machine: ${worker.lastProviderError}`,
      worker.reservedAt,
      { workerId, until: later(worker.nextCreateAt, now) },
    );
  if (!worker.hasMachine && worker.firstSeenAt === null)
    return reason("machine", "Its machine is being created.", worker.reservedAt, { workerId });
  if (worker.firstSeenAt === null)
    return reason(
      "machine",
      "Its machine boots and has not called yet.",
      worker.machineCreatedAt ?? worker.reservedAt,
      { workerId },
    );
  return reason("machine", "Its worker is up and claims it next.", worker.firstSeenAt, {
    workerId,
  });
}

function explainWithoutWorker({ spawn, missingSecrets, now }: MessageFacts, since: number): Reason {
  if (!spawn.configured)
    return reason(
      "config",
      "No complete provider config is stored: call setProviderRuntimeConfig.",
      since,
    );
  if (missingSecrets.length > 0)
    return reason(
      "secret",
      `No machine can be created without ${missingSecrets.join(" and ")}.`,
      since,
    );
  if (spawn.budget)
    return reason("budget", asSentence(spawn.budget.message), since, {
      until: spawn.budget.resetsAt,
    });
  if (spawn.block !== null)
    return reason("provider", spawn.block.message, spawn.block.since, { until: spawn.block.until });
  if (spawn.full)
    return reason(
      "budget",
      spawn.decision?.reason ?? "All machines that maxWorkers allows are live.",
      since,
    );
  if (spawn.passRunning)
    return reason("pass", "The scheduler is looking for a machine right now.", since);
  return reason(
    "pass",
    spawn.nextPassAt === null
      ? "The scheduler looks at it when it is woken: call startWorkers, or keep its cron."
      : "The scheduler's next pass finds it a machine.",
    since,
    { until: later(spawn.nextPassAt, now) },
  );
}

/** No worker ever had it: what holds it is its own content, see `heldUntil` of the queue's intake. */
function isUntouched({ attempts, deliveries }: MessageFacts["message"]): boolean {
  return attempts === 0 && deliveries === 0;
}

function asSentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function endOf({ message }: Pick<MessageFacts, "message">): number {
  return message.endedAt ?? message.lastEventAt ?? message.enqueuedAt;
}

function later(at: number | null, now: number): number | null {
  return at !== null && at > now ? at : null;
}

function reason(
  waitsFor: WaitKind,
  detail: string,
  since: number,
  more: Partial<Pick<Reason, "until" | "behindMessageId" | "workerId">> = {},
): Reason {
  return {
    waitsFor,
    detail,
    since,
    until: more.until ?? null,
    behindMessageId: more.behindMessageId ?? null,
    workerId: more.workerId ?? null,
  };
}
