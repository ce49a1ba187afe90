/** What a turn is made of, and the text that the agent gets. Pure. */
import type { Doc } from "../kit/functions.js";
import { mediaText } from "./files.js";
import type { IncomingMessage } from "./update.js";
import { FILES_DEADLINE_MS, MAX_FILE_BYTES, TOO_LARGE_ERROR, type FileRef } from "./validators.js";

export type Turn = Doc<"telegramTurns">;
export type TurnFile = Turn["files"][number];

/** The message is let go by its turn; should that fail, time lets it go this much later. */
export const HOLD_SLACK_MS = 30_000;

/** True when the message cannot simply be queued as it is. */
export function needsTurn(message: IncomingMessage): boolean {
  return message.files.length > 0 || message.mediaGroupId !== null;
}

/** Until when a new message with this content is held. */
export function holdUntil(now: number): number {
  return now + FILES_DEADLINE_MS + HOLD_SLACK_MS;
}

export function toTurnFile(file: FileRef): TurnFile {
  return (file.sizeBytes ?? 0) > MAX_FILE_BYTES
    ? { ...file, state: "failed", error: TOO_LARGE_ERROR }
    : { ...file, state: "pending" };
}

/** The text that the agent gets: what was written, else what was sent, and what could not be fetched. */
export function turnText(turn: Pick<Turn, "texts" | "files">): string {
  const written = [...turn.texts]
    .sort((a, b) => a.telegramMessageId - b.telegramMessageId)
    .map(({ text }) => text)
    .filter((text) => text !== "");
  const failures = turn.files
    .filter((file) => file.state === "failed")
    .map(
      (file) =>
        `[attachment unavailable: ${file.note ?? file.kind}${file.fileName === undefined ? "" : ` "${file.fileName}"`}, ${file.error ?? "failed"}]`,
    );
  return [...(written.length === 0 ? [mediaText(turn.files)] : written), ...failures].join("\n\n");
}
