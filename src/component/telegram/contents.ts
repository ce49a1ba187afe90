/** Messages that are neither text nor file, told in words: a place, a contact, a poll. Pure. */
import { UNREADABLE, type WireMessage } from "./schemas.js";
import { wellFormed } from "./text.js";

/** What people type is at most 4,096 characters; nothing told here may be longer. */
const MAX_TOLD_LENGTH = 4_096;
const MAX_RICH_DEPTH = 32;

/** The words for it, or "" when there is nothing of the kind. */
export function tell(message: WireMessage): string {
  return wellFormed(wordsFor(message)).trim().slice(0, MAX_TOLD_LENGTH);
}

function wordsFor(message: WireMessage): string {
  const { venue, location, contact, poll, checklist, dice, rich_message: rich } = message;
  if (rich !== undefined) return richText(rich.blocks, 0).join("\n");
  // A venue comes with its location beside it.
  if (venue !== undefined) {
    const address = venue.address === undefined ? "" : `, ${venue.address}`;
    const place = venue.location ?? location;
    return `[venue] ${venue.title}${address}${place === undefined ? "" : ` (${coordinates(place)})`}`;
  }
  if (location !== undefined) return `[location] ${coordinates(location)}`;
  if (contact !== undefined) {
    const name = [contact.first_name, contact.last_name ?? ""].join(" ").trim();
    return `[contact] ${name}, ${contact.phone_number}`;
  }
  if (poll !== undefined) return `[poll] ${poll.question}${lines(poll.options)}`;
  if (checklist !== undefined) return `[checklist] ${checklist.title}${lines(checklist.tasks)}`;
  return dice === undefined ? "" : `[dice] ${dice.emoji} ${dice.value}`;
}

/** Latitude first, as people and maps write it. */
function coordinates({ latitude, longitude }: { latitude: number; longitude: number }): string {
  return `${latitude}, ${longitude}`;
}

function lines(items: readonly { text: string }[] | undefined): string {
  return (items ?? []).map(({ text }) => `\n- ${text}`).join("");
}

/** Where blocks of formatted text keep text or further blocks. */
const RICH_FIELDS = ["text", "summary", "expression", "blocks", "items", "cells", "caption"];

/** The texts of nested blocks in their order, one per block. */
function richText(value: unknown, depth: number): string[] {
  if (typeof value === "string") return value.trim() === "" ? [] : [value];
  if (typeof value !== "object" || value === null || depth > MAX_RICH_DEPTH) return [];
  if (Array.isArray(value)) {
    const parts = value.map((item) => richText(item, depth + 1));
    // A run of formatted words is one line; a list of blocks has one line each.
    const isRun = value.some((item) => typeof item === "string");
    return isRun ? [parts.flat().join("")] : parts.flat();
  }
  const block = value as Record<string, unknown>;
  return RICH_FIELDS.flatMap((field) => richText(block[field], depth + 1));
}

/** The name of a content that cannot be passed on, for a person to read; null when there is none. */
export function unreadableKind(message: WireMessage): string | null {
  const kind = UNREADABLE.find((name) => message[name] !== undefined);
  return kind === undefined ? null : kind.replaceAll("_", " ");
}
