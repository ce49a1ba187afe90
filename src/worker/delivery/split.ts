/** Cutting texts without harm. Pure. */

/** Where to cut, best first. Every pattern matches up to and including the border. */
const BORDERS: readonly RegExp[] = [
  /\n[ \t]*\n/gu, // between paragraphs
  /\n/gu, // between lines
  /[.!?…][)"'”’]?\s/gu, // between sentences
  /\s/gu, // between words
];

/** A border in the first part of the window makes a needlessly short part. */
const EARLIEST_SHARE = 0.5;

const BLANK = /^[\s\p{Cc}\p{Cf}]*$/u;

/**
 * Cuts `text` into parts of at most `limit` code points, at the best border near the end of each part: a
 * paragraph, a line, a sentence, a word; outside of open markup if there is such a place. Whitespace at the
 * cuts is dropped, blank parts too; nothing else is lost. Lone surrogates become U+FFFD: no channel takes them.
 */
export function splitText(text: string, limit: number): string[] {
  const parts: string[] = [];
  let rest = wellFormed(text).trim();
  while (rest.length > 0) {
    const end = endOfCodePoints(rest, limit);
    const cut = end === rest.length ? end : bestCut(rest, end);
    const part = rest.slice(0, cut).trim();
    if (!BLANK.test(part)) parts.push(part);
    rest = rest.slice(cut).trim();
  }
  return parts;
}

/** At most `max` parts; what is beyond is dropped and said so in the last one. */
export function boundParts(parts: string[], max: number, limit: number): string[] {
  if (parts.length <= max) return parts;
  const notice = "\n\n[…]";
  const last = parts[max - 1] ?? "";
  const kept = last.slice(0, endOfCodePoints(last, limit - notice.length));
  return [...parts.slice(0, max - 1), `${kept}${notice}`];
}

/** `text` cut to at most `maxBytes` bytes of UTF-8, never inside a code point. */
export function truncateBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(wellFormed(text), "utf8");
  if (bytes.length <= maxBytes) return bytes.toString("utf8");
  let end = maxBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end).toString("utf8");
}

/** `text` with lone surrogates replaced. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** The index after at most `count` code points. */
function endOfCodePoints(text: string, count: number): number {
  if (text.length <= count) return text.length;
  let index = 0;
  for (let seen = 0; seen < count && index < text.length; seen++) {
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  }
  return index;
}

function bestCut(text: string, end: number): number {
  const window = text.slice(0, end);
  const earliest = window.length * EARLIEST_SHARE;
  const open = markupDepth(window);
  const candidates = BORDERS.map((border) =>
    [...window.matchAll(border)]
      .map((match) => match.index + match[0].length)
      .filter((index) => index >= earliest),
  );
  for (const borders of candidates) {
    const closed = borders.findLast((index) => open[index] === 0);
    if (closed !== undefined) return closed;
  }
  for (const borders of candidates) {
    const outside = borders.findLast((index) => (open[index] ?? 0) < INSIDE_TOKEN);
    if (outside !== undefined) return outside;
  }
  return hardCut(text, end, open);
}

/** No border at all: cut at the end, but not inside a tag, an entity, or what people see as one character. */
function hardCut(text: string, limit: number, open: Uint16Array): number {
  const tail = Math.max(1, limit - 256);
  let end = limit;
  while (end > tail && (open[end] ?? 0) >= INSIDE_TOKEN) end--;
  if ((open[end] ?? 0) >= INSIDE_TOKEN) end = limit;
  // The character at the border may go on beyond it.
  const from = lowSurrogate(text, tail) ? tail + 1 : tail;
  let cut = end;
  for (const { index } of new Intl.Segmenter().segment(text.slice(from, end + 64))) {
    if (from + index > end) break;
    if (index > 0) cut = from + index;
  }
  return cut;
}

function lowSurrogate(text: string, index: number): boolean {
  return ((text.charCodeAt(index) || 0) & 0xfc00) === 0xdc00;
}

const INSIDE_TOKEN = 1_000;

/** For every index: how many tags are open there, or at least `INSIDE_TOKEN` within a tag or an entity. */
function markupDepth(text: string): Uint16Array {
  const depth = new Uint16Array(text.length + 1);
  let level = 0;
  let at = 0;
  for (const match of text.matchAll(
    /<(\/?)[a-z][^<>]*>|&(?:[a-z]+|#\w+);|(?:<\/?[a-z][^<>]*|&#?\w*)$/giu,
  )) {
    depth.fill(level, at, match.index + 1);
    at = match.index + match[0].length;
    depth.fill(INSIDE_TOKEN, match.index + 1, at);
    if (match[0].endsWith(">"))
      level = Math.max(0, Math.min(INSIDE_TOKEN - 1, level + (match[1] === "/" ? -1 : 1)));
    else if (at === text.length && !match[0].endsWith(";")) {
      depth[at] = INSIDE_TOKEN;
      return depth;
    }
  }
  depth.fill(level, at);
  return depth;
}
