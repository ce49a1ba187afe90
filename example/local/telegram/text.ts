import { z } from "zod";
import { badRequest } from "./errors.js";
import { parseHtml, type Formatted } from "./html.js";
import { parseMarkdownV2 } from "./markdown.js";
import type { Parameters } from "./parameters.js";

const MAX_RAW_BYTES = 32_768;
export const MAX_TEXT = 4096;
export const MAX_CAPTION = 1024;

const PARSE_MODES = ["html", "markdown", "markdownv2"];
const vEntities = z.array(
  z.looseObject({
    type: z.string(),
    offset: z.int(),
    length: z.int(),
    url: z.string().exactOptional(),
  }),
);

export interface TextFields {
  text: string;
  entities: string;
  max: number;
  empty: string;
  tooLong: string;
}

export const MESSAGE_TEXT: TextFields = {
  text: "text",
  entities: "entities",
  max: MAX_TEXT,
  empty: "message text is empty",
  tooLong: "message is too long",
};

export const CAPTION: TextFields = {
  text: "caption",
  entities: "caption_entities",
  max: MAX_CAPTION,
  empty: "",
  tooLong: "message caption is too long",
};

/** Text as it will be shown. The old Markdown is taken as it is: its mistakes are not looked for. */
export function readText(parameters: Parameters, fields: TextFields): Formatted {
  const raw = parameters.text(fields.text) ?? "";
  const mode = parameters.text("parse_mode")?.toLowerCase() ?? "";
  if (new TextEncoder().encode(raw).length > MAX_RAW_BYTES) throw badRequest("text is too long");
  if (/\p{Surrogate}/u.test(raw)) throw badRequest("strings must be encoded in UTF-8");
  if (mode !== "" && !PARSE_MODES.includes(mode)) throw badRequest("unsupported parse_mode");

  const parse = { html: parseHtml, markdownv2: parseMarkdownV2 }[mode];
  const formatted = parse ? parse(raw) : { text: raw, entities: given() };
  const shown = tidy(formatted);
  // The limit is in code points, not in UTF-16 units.
  if ([...shown.text].length > fields.max) throw badRequest(fields.tooLong);
  if (shown.text === "" && fields.empty !== "") throw badRequest(fields.empty);
  return shown;

  function given() {
    const entities = parameters.json(fields.entities);
    if (entities === undefined || mode !== "") return [];
    const parsed = vEntities.safeParse(entities);
    if (!parsed.success)
      throw badRequest("can't parse entities: expected an Array of MessageEntity");
    return parsed.data;
  }
}

/** Control characters become spaces, and the white space around is dropped. */
function tidy({ text, entities }: Formatted): Formatted {
  // Same length, so that the entities stay where they are.
  const spaced = [...text]
    .map((char) => (char < " " && char !== "\n" ? " ".repeat(char.length) : char))
    .join("");
  const start = spaced.length - spaced.trimStart().length;
  const shown = spaced.trim();
  const moved = entities.flatMap((entity) => {
    const from = Math.max(0, entity.offset - start);
    const to = Math.min(shown.length, entity.offset - start + entity.length);
    return to > from ? [{ ...entity, offset: from, length: to - from }] : [];
  });
  return { text: shown, entities: moved };
}
