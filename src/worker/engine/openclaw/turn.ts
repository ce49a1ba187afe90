/** One message through the gateway: at most one run that counts, whatever crashes in between. */
import { aborted, deadline, type Clock } from "../../clock.js";
import { describe } from "../../errors.js";
import { EngineError, type Turn } from "../engine.js";
import { findTurn, historySchema, isActive, runKey, type History, type Text } from "./history.js";
import { failureOf, isKeySetAside, isSpentRun, judgeRun, type RunEnd } from "./outcome.js";
import { CallRefused, ConnectionLost, type GatewayClient } from "./socket.js";

const HISTORY_ROWS = 200;
const HISTORY_POLL_MS = 500;
/** A gateway that starts after a crash takes up the interrupted turn within this time, or never. */
const RESUME_MS = 20_000;
/** How long an aborted run may take to end. */
const ABORT_MS = 5_000;
const MAX_CONNECTIONS = 5;
const MAX_REFUSALS = 20;

export type Session = { client: GatewayClient; readyAt: number };

export type TurnDeps = {
  /** A connection to a ready gateway; null when the signal aborted first. */
  connect: (signal: AbortSignal) => Promise<Session | null>;
  sessionKey: string;
  thinking: string | undefined;
  clock: Clock;
  /** Runs by message that failed without a trace in the transcript: their keys are used up too. */
  failedRuns: Map<string, number>;
};

/**
 * Asks the transcript first: a message that was answered is not run again, one that the gateway is still working on
 * (it resumes turns by itself after a crash) is waited for. Only then a run begins, under a key of its own.
 */
export async function runTurn(deps: TurnDeps, turn: Turn, message: string): Promise<RunEnd> {
  let problem: unknown = null;
  let refusals = 0;
  for (let connections = 0; connections < MAX_CONNECTIONS;) {
    const session = await deps.connect(turn.signal);
    if (session === null || turn.signal.aborted) throw abortedError();
    let run = 0;
    try {
      const known = await settled(deps, session, turn);
      if (known.kind === "answered") return known;
      run = known.runs;
      const end = await begin(deps, session, turn, message, known.runs);
      if (end.kind !== "in_flight") return end;
    } catch (error) {
      if (turn.signal.aborted) throw abortedError();
      problem = error;
      if (error instanceof ConnectionLost) {
        connections++;
        session.client.close();
      } else if (error instanceof CallRefused && isKeySetAside(error.message)) {
        deps.failedRuns.set(turn.messageId, run + 1);
        throw failureOf(error.message, null);
      } else if (error instanceof CallRefused && isSpentRun(error.message)) {
        deps.failedRuns.set(turn.messageId, run + 1);
        if (++refusals > MAX_REFUSALS) break;
      } else if (error instanceof CallRefused && error.code === "UNAVAILABLE") {
        if (++refusals > MAX_REFUSALS) break;
        await deps.clock.sleep(error.retryAfterMs ?? 1_000, turn.signal);
      } else throw error;
    }
  }
  throw new EngineError(`OpenClaw could not be asked: ${describe(problem)}`, { retryable: true });
}

/** Waits until nothing runs in the session that belongs to this message; says what came out of it. */
async function settled(
  deps: TurnDeps,
  { client, readyAt }: Session,
  turn: Turn,
): Promise<({ kind: "answered" } & Text) | { kind: "none"; runs: number }> {
  for (;;) {
    const history = await readHistory(client, deps.sessionKey);
    const state = findTurn(history, turn.messageId);
    const active = isActive(history);
    if (!active && state.kind === "answered") return state;
    const { clock, failedRuns } = deps;
    const resuming = state.kind === "interrupted" && clock.now() < readyAt + RESUME_MS;
    if (!active && !resuming) {
      return { kind: "none", runs: Math.max(state.runs, failedRuns.get(turn.messageId) ?? 0) };
    }
    await clock.sleep(HISTORY_POLL_MS, turn.signal);
    if (turn.signal.aborted) {
      await abortRun(deps, client, null);
      throw abortedError();
    }
  }
}

async function readHistory(client: GatewayClient, sessionKey: string): Promise<History> {
  return historySchema.parse(
    await client.call("chat.history", { sessionKey, limit: HISTORY_ROWS }),
  );
}

async function begin(
  deps: TurnDeps,
  { client }: Session,
  turn: Turn,
  message: string,
  run: number,
): Promise<RunEnd> {
  const { clock, sessionKey, thinking } = deps;
  const idempotencyKey = runKey(turn.messageId, run);
  // The gateway ends the run itself; the limit here is for a gateway that does not.
  const limit = deadline(turn.timeoutMs + 2 * ABORT_MS, clock, turn.signal);
  const answer = client
    .call(
      "agent",
      {
        ...{ message, agentId: "main", sessionKey, idempotencyKey, deliver: false },
        timeout: Math.max(1, Math.floor(turn.timeoutMs / 1_000)),
        ...(thinking === undefined ? {} : { thinking }),
        ...(turn.systemPrompt === null ? {} : { extraSystemPrompt: turn.systemPrompt }),
      },
      turn.timeoutMs + 4 * ABORT_MS,
    )
    .then(judgeRun);
  answer.catch(() => undefined);
  try {
    const end = await Promise.race([answer, aborted(limit.signal).then((): null => null)]);
    if (end === null) {
      await abortRun(deps, client, idempotencyKey);
      deps.failedRuns.set(turn.messageId, run + 1);
      const late = await Promise.race([answer, clock.sleep(ABORT_MS).then((): null => null)]);
      // It may have ended in the moment of the abort; the caller decides whether it still wants it.
      if (late?.kind === "answered") return late;
      if (turn.signal.aborted) throw abortedError();
      throw new ConnectionLost("The run did not end in time.");
    }
    if (end.kind === "failed") deps.failedRuns.set(turn.messageId, run + 1);
    return end;
  } finally {
    limit.cancel();
  }
}

/** Best effort: a gateway that does not hear it ends the run at its own timeout. */
async function abortRun(
  { sessionKey }: TurnDeps,
  client: GatewayClient,
  runId: string | null,
): Promise<void> {
  const params = { sessionKey, ...(runId === null ? {} : { runId }) };
  await client.call("chat.abort", params, ABORT_MS).catch(() => undefined);
}

function abortedError(): EngineError {
  return new EngineError("Aborted.", { retryable: true });
}
