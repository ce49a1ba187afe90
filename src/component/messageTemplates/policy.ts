/** What a template's texts become before they are stored. */
import { refuse } from "../../shared/errors.js";
import { MAX_TEMPLATE_TAGS, MAX_TEMPLATE_TEXT_BYTES } from "./validators.js";

export type TemplateTexts = { title: string; text: string; tags: string[] };

/** Trimmed texts and tidy tags. @throws INVALID_ARGUMENT, PAYLOAD_TOO_LARGE */
export function checkTemplate({ title, text, tags }: TemplateTexts): TemplateTexts {
  const checked = { title: title.trim(), text: text.trim(), tags: tidyTags(tags) };
  if (checked.title === "") refuse("INVALID_ARGUMENT", "Template title is required");
  if (checked.text === "") refuse("INVALID_ARGUMENT", "Template text is required");
  if (checked.tags.length > MAX_TEMPLATE_TAGS)
    refuse("INVALID_ARGUMENT", `At most ${MAX_TEMPLATE_TAGS} tags per template.`);
  const bytes = new TextEncoder().encode(checked.title + checked.text + checked.tags.join()).length;
  if (bytes > MAX_TEMPLATE_TEXT_BYTES)
    refuse(
      "PAYLOAD_TOO_LARGE",
      `The template has ${bytes} bytes, at most ${MAX_TEMPLATE_TEXT_BYTES} fit. Shorten it.`,
      { bytes, maxBytes: MAX_TEMPLATE_TEXT_BYTES },
    );
  return checked;
}

/** Trimmed, lower-cased, each once, sorted. */
export function tidyTags(tags: readonly string[]): string[] {
  const tidy = tags.map((tag) => tag.trim().toLowerCase()).filter((tag) => tag !== "");
  return [...new Set(tidy)].sort();
}

/** The title as a key: runs of [a-z0-9] joined by "-". */
export function slugOf(title: string): string {
  const runs = title.toLowerCase().match(/[a-z0-9]+/g);
  return runs?.join("-").slice(0, 200) ?? "message-template";
}
