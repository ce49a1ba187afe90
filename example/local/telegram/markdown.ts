import { badRequest } from "./errors.js";
import type { Entity, Formatted } from "./html.js";

interface Open {
  /** As the error names it. */
  name: keyof typeof TYPES;
  offset: number;
  /** In the source, for the error. */
  at: number;
  language?: string;
}

const TYPES = {
  Bold: "bold",
  Italic: "italic",
  Underline: "underline",
  Strikethrough: "strikethrough",
  Spoiler: "spoiler",
  Code: "code",
  Pre: "pre",
  TextUrl: "text_link",
  CustomEmoji: "custom_emoji",
  BlockQuote: "blockquote",
} as const;

const RESERVED = "_*[]()~`>#+-=|{}.!\n";
/** Longer marks first: "__" is no pair of "_". */
const MARKS: readonly [mark: string, name: Open["name"]][] = [
  ["```", "Pre"],
  ["`", "Code"],
  ["__", "Underline"],
  ["_", "Italic"],
  ["*", "Bold"],
  ["~", "Strikethrough"],
  ["||", "Spoiler"],
  ["![", "CustomEmoji"],
  ["[", "TextUrl"],
];
const ENDS: Record<Open["name"], string> = {
  ...{ Bold: "*", Italic: "_", Underline: "__", Strikethrough: "~", Spoiler: "||", Code: "`" },
  ...{ Pre: "```", TextUrl: "]", CustomEmoji: "]", BlockQuote: "\n" },
};

/** The MarkdownV2 of `parse_mode`, with the error texts of the real parser. */
export function parseMarkdownV2(source: string): Formatted {
  const open: Open[] = [];
  const entities: Entity[] = [];
  let text = "";
  let position = 0;

  while (position < source.length) {
    const char = source.charAt(position);
    const inside = open.at(-1);
    const verbatim = inside?.name === "Code" || inside?.name === "Pre";
    if (char === "\\" && isEscapable(source.charCodeAt(position + 1))) {
      text += source.charAt(position + 1);
      position += 2;
    } else if (!(verbatim ? "`" : RESERVED).includes(char)) {
      text += char;
      position++;
    } else if (inside && ends(inside)) {
      position += ENDS[inside.name].length;
      if (inside.name === "BlockQuote") endQuotedLine(inside);
      else close(inside);
    } else if (verbatim || char === "\n") {
      text += char;
      position++;
    } else {
      begin(char);
    }
  }
  const last = open.at(-1);
  if (last?.name === "BlockQuote") close(last);
  else if (last) {
    throw cannotParse(
      `Can't find end of ${last.name} entity at byte offset ${byteOffset(last.at)}`,
    );
  }
  entities.sort((left, right) => left.offset - right.offset || right.length - left.length);
  return { text, entities };

  function ends({ name }: Open): boolean {
    if (!source.startsWith(ENDS[name], position)) return false;
    return name !== "Italic" || source.charAt(position + 1) !== "_";
  }

  function begin(char: string): void {
    const atLineStart = text === "" || text.endsWith("\n");
    if (char === ">" && atLineStart) {
      open.push({ name: "BlockQuote", offset: text.length, at: position });
      position++;
      return;
    }
    const [mark, name] = MARKS.find(([known]) => source.startsWith(known, position)) ?? [];
    if (mark === undefined || name === undefined) {
      throw cannotParse(
        `Character '${char}' is reserved and must be escaped with the preceding '\\'`,
      );
    }
    const opened: Open = { name, offset: text.length, at: position };
    position += mark.length;
    if (name === "Pre") {
      const language = /^([^\s`]+)\n/.exec(source.slice(position));
      if (language?.[1] !== undefined) opened.language = language[1];
      position += language?.[0].length ?? (source.charAt(position) === "\n" ? 1 : 0);
    }
    open.push(opened);
  }

  function close({ name, offset, language }: Open): void {
    open.pop();
    const entity: Entity = { type: TYPES[name], offset, length: text.length - offset };
    if (language !== undefined) entity.language = language;
    if (name === "TextUrl" || name === "CustomEmoji") {
      const url = readUrl() ?? text.slice(offset);
      if (name === "TextUrl") entity.url = url;
    }
    if (entity.length > 0) entities.push(entity);
  }

  /** A quote goes on while the lines begin with ">". */
  function endQuotedLine(quote: Open): void {
    const goesOn = source.charAt(position) === ">";
    if (goesOn) position++;
    else close(quote);
    text += "\n";
  }

  function readUrl(): string | null {
    if (source.charAt(position) !== "(") return null;
    const start = position;
    let url = "";
    for (position++; source.charAt(position) !== ")"; position++) {
      if (position >= source.length) {
        throw cannotParse(`Can't find end of a URL at byte offset ${byteOffset(start)}`);
      }
      if (source.charAt(position) === "\\") position++;
      url += source.charAt(position);
    }
    position++;
    return url;
  }

  function byteOffset(index: number): number {
    return new TextEncoder().encode(source.slice(0, index)).length;
  }
}

/** Any character of ASCII can be escaped. */
function isEscapable(code: number): boolean {
  return code > 0 && code < 127;
}

function cannotParse(reason: string) {
  return badRequest(`can't parse entities: ${reason}`);
}
