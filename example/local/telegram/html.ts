import { badRequest } from "./errors.js";

/** Offsets and lengths count UTF-16 units, as those of JavaScript strings do. */
export interface Entity {
  type: string;
  offset: number;
  length: number;
  url?: string;
  language?: string;
}

export interface Formatted {
  text: string;
  entities: Entity[];
}

const TYPES: Record<string, string> = {
  b: "bold",
  strong: "bold",
  i: "italic",
  em: "italic",
  u: "underline",
  ins: "underline",
  s: "strikethrough",
  strike: "strikethrough",
  del: "strikethrough",
  "tg-spoiler": "spoiler",
  span: "spoiler",
  a: "text_link",
  code: "code",
  pre: "pre",
  blockquote: "blockquote",
  "tg-emoji": "custom_emoji",
};
const NAMED: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"' };

interface OpenTag {
  name: string;
  offset: number;
  attributes: string;
}

/** The HTML of `parse_mode`, with the error texts of the real parser. */
export function parseHtml(source: string): Formatted {
  const open: OpenTag[] = [];
  const entities: Entity[] = [];
  let text = "";
  let position = 0;

  while (position < source.length) {
    const char = source.charAt(position);
    if (char === "&") {
      const [whole, decoded] = decodeReference(source.slice(position));
      text += decoded;
      position += whole.length;
    } else if (char !== "<") {
      text += char;
      position++;
    } else {
      const end = source.indexOf(">", position);
      const at = byteOffset(source, position);
      const isEnd = source.charAt(position + 1) === "/";
      if (end < 0)
        throw cannotParse(`Unclosed ${isEnd ? "end" : "start"} tag at byte offset ${at}`);
      const inside = source.slice(position + (isEnd ? 2 : 1), end);
      if (isEnd) {
        const entity = closeTag(open.pop(), inside.trim().toLowerCase(), text.length, at);
        if (entity.length > 0) entities.push(entity);
      } else {
        open.push(openTag(inside, text.length, at));
      }
      position = end + 1;
    }
  }
  const unclosed = open.at(-1);
  if (unclosed) {
    throw cannotParse(`Can't find end tag corresponding to start tag "${unclosed.name}"`);
  }
  entities.sort((left, right) => left.offset - right.offset || right.length - left.length);
  return { text, entities };
}

function openTag(inside: string, offset: number, at: number): OpenTag {
  const [, rawName = "", attributes = ""] = /^(\S*)\s*([^]*)$/.exec(inside) ?? [];
  const name = rawName.toLowerCase();
  if (TYPES[name] === undefined) {
    throw cannotParse(`Unsupported start tag "${name}" at byte offset ${at}`);
  }
  if (name === "span" && !/class\s*=\s*["']?tg-spoiler\b/.test(attributes)) {
    throw cannotParse(`Tag "span" must have class "tg-spoiler" at byte offset ${at}`);
  }
  return { name, offset, attributes };
}

function closeTag(tag: OpenTag | undefined, found: string, end: number, at: number): Entity {
  if (!tag) throw cannotParse(`Unexpected end tag at byte offset ${at}`);
  if (found !== "" && found !== tag.name) {
    const names = `expected "</${tag.name}>", found "</${found}>"`;
    throw cannotParse(`Unmatched end tag at byte offset ${at}, ${names}`);
  }
  const entity: Entity = {
    type: TYPES[tag.name] ?? tag.name,
    offset: tag.offset,
    length: end - tag.offset,
  };
  const url = /href\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+))/.exec(tag.attributes);
  if (tag.name === "a" && url) entity.url = url[1] ?? url[2] ?? url[3] ?? "";
  if (tag.name === "blockquote" && /\bexpandable\b/.test(tag.attributes)) {
    entity.type = "expandable_blockquote";
  }
  return entity;
}

function decodeReference(rest: string): [whole: string, decoded: string] {
  const numeric = /^&#(?:x([0-9a-f]{1,6})|(\d{1,7}));?/i.exec(rest);
  if (numeric) {
    const code = numeric[1] ? parseInt(numeric[1], 16) : Number(numeric[2]);
    if (code > 0 && code <= 0x10ffff) return [numeric[0], String.fromCodePoint(code)];
  }
  const named = /^&(lt|gt|amp|quot);?/.exec(rest);
  if (named) return [named[0], NAMED[named[1] ?? ""] ?? "&"];
  return ["&", "&"];
}

function byteOffset(source: string, position: number): number {
  return new TextEncoder().encode(source.slice(0, position)).length;
}

function cannotParse(reason: string) {
  return badRequest(`can't parse entities: ${reason}`);
}
