import { refuse } from "../../shared/errors.js";
import { MAX_PUSH_TEXT_BYTES } from "./validators.js";

/** @throws PAYLOAD_TOO_LARGE a text that could not be enqueued later anyway */
export function checkTexts({ title, text }: { title: string; text: string }): void {
  const bytes = new TextEncoder().encode(title + text).length;
  if (bytes > MAX_PUSH_TEXT_BYTES)
    refuse(
      "PAYLOAD_TOO_LARGE",
      `Title and text have ${bytes} bytes, at most ${MAX_PUSH_TEXT_BYTES} fit. Shorten them.`,
      { bytes, maxBytes: MAX_PUSH_TEXT_BYTES },
    );
}
