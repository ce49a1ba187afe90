/** Part by part to the chat, each announced before and reported after it. */
import type { WorkerProcess } from "./process.js";

type Part = {
  text: string;
  state: "pending" | "sending" | "sent" | "unknown";
  sequence?: number;
};
export type Answer = { text: string; parts: Part[] };
export type Lease = { messageId: string; leaseId: string };

/** True when every part is with the user, or nobody can know. */
export async function deliver(
  process: WorkerProcess,
  lease: Lease,
  { chat, token }: { chat: string; token: string | null },
  answer: Answer,
): Promise<boolean> {
  const { world } = process;
  // Workers of former versions do not number their reports.
  const numbered = world.draws.at(`numbered/${process.life}`) < 0.7;
  for (const [part, { state, text, sequence = 0 }] of answer.parts.entries()) {
    if (state === "sent" || state === "unknown") continue;
    let reports = sequence;
    const record = async (report: "sending" | "sent" | "failed", retry?: () => Promise<unknown>) =>
      (await process.call(
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
    const sent = await world.chats.send(
      { chat, messageId: lease.messageId, part, text },
      token,
      `${process.life}:${process.calls}`,
    );
    await process.danger("sent");
    if (sent === "limited") {
      await record("failed");
      await process.call("workerFail", {
        ...lease,
        errorMessage: "Too Many Requests",
        retryAfterMs: 2_000,
      });
      return false;
    }
    if (sent === "lost") {
      await process.call("workerFail", { ...lease, errorMessage: "no answer from Telegram" });
      return false;
    }
    if ((await record("sent")).answer === null) return false;
  }
  return true;
}
