/** The tar format: ustar with pax headers for long names. Pure: bytes in, bytes out. */
export const BLOCK = 512;

export type TarHeader = {
  path: string;
  /** `0` file, `5` directory, `1`/`2` links, `x`/`g` pax, `L`/`K` GNU long names. */
  type: string;
  size: number;
  mode: number;
  mtimeMs: number;
};

/** The blocks that announce an entry; its content and padding follow. */
export function encodeHeader(entry: TarHeader): Buffer {
  const name = entry.type === "5" ? `${entry.path}/` : entry.path;
  const split = splitName(name);
  if (split) return ustarBlock(entry, split.name, split.prefix);
  const record = paxRecord("path", name);
  const pax: TarHeader = { ...entry, type: "x", size: record.length };
  return Buffer.concat([
    ustarBlock(pax, Buffer.from("pax-header"), Buffer.alloc(0)),
    record,
    padding(record.length),
    ustarBlock(entry, Buffer.from(name).subarray(0, 100), Buffer.alloc(0)),
  ]);
}

/** Zeros up to the next block. */
export function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** What ends an archive. */
export const END_OF_ARCHIVE = Buffer.alloc(2 * BLOCK);

/** Name and prefix fields for names that fit and are plain ASCII; everything else goes into a pax header. */
function splitName(name: string): { name: Buffer; prefix: Buffer } | null {
  const bytes = Buffer.from(name);
  if (bytes.length !== name.length) return null;
  if (bytes.length <= 100) return { name: bytes, prefix: Buffer.alloc(0) };
  for (let slash = name.indexOf("/"); slash > 0; slash = name.indexOf("/", slash + 1)) {
    const rest = bytes.length - slash - 1;
    if (slash <= 155 && rest <= 100 && rest > 0) {
      return { name: bytes.subarray(slash + 1), prefix: bytes.subarray(0, slash) };
    }
  }
  return null;
}

function ustarBlock(entry: TarHeader, name: Buffer, prefix: Buffer): Buffer {
  const block = Buffer.alloc(BLOCK);
  name.copy(block, 0);
  octal(block, 100, 8, entry.mode);
  octal(block, 108, 8, 0);
  octal(block, 116, 8, 0);
  octal(block, 124, 12, entry.size);
  octal(block, 136, 12, Math.max(0, Math.floor(entry.mtimeMs / 1000)));
  block.write(entry.type, 156, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  prefix.copy(block, 345);
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function octal(block: Buffer, offset: number, length: number, value: number): void {
  const digits = value.toString(8).padStart(length - 1, "0");
  if (digits.length > length - 1) throw new Error(`A tar field cannot hold ${value}.`);
  block.write(`${digits}\0`, offset, "latin1");
}

function checksum(block: Buffer): number {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : (block[i] ?? 0);
  return sum;
}

/** A pax record counts its own length. */
function paxRecord(key: string, value: string): Buffer {
  const body = Buffer.byteLength(` ${key}=${value}\n`);
  let length = body + String(body).length;
  if (String(length).length !== String(body).length) length = body + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

/** Reads one header block; null for a block of zeros. Throws on anything that is not a tar header. */
export function decodeHeader(block: Buffer): TarHeader | null {
  if (block.every((byte) => byte === 0)) return null;
  if (parseNumber(block, 148, 8) !== checksum(block)) throw new Error("A tar header is damaged.");
  const name = field(block, 0, 100);
  // GNU tar writes "ustar  " and uses the prefix field for other things.
  const posix = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = posix ? field(block, 345, 155) : "";
  const type = String.fromCharCode(block[156] ?? 0);
  return {
    path: prefix === "" ? name : `${prefix}/${name}`,
    type: type === "\0" ? "0" : type,
    size: parseNumber(block, 124, 12),
    mode: parseNumber(block, 100, 8) & 0o777,
    mtimeMs: parseNumber(block, 136, 12) * 1000,
  };
}

/** The records of a pax header; what is not a record is an error. */
export function parsePax(data: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at);
    const length = Number(data.toString("latin1", at, space));
    const end = at + length;
    if (space < 0 || !Number.isInteger(length) || length <= 0 || end > data.length) {
      throw new Error("A pax header is damaged.");
    }
    const record = data.toString("utf8", space + 1, end - 1);
    const equals = record.indexOf("=");
    if (equals < 1) throw new Error("A pax header is damaged.");
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}

function field(block: Buffer, offset: number, length: number): string {
  const bytes = block.subarray(offset, offset + length);
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? length : end);
}

function parseNumber(block: Buffer, offset: number, length: number): number {
  if (((block[offset] ?? 0) & 0x80) !== 0) throw new Error("A tar field is too large.");
  const text = block
    .toString("latin1", offset, offset + length)
    .replace(/[\0 ]+$/, "")
    .trim();
  if (text === "") return 0;
  if (!/^[0-7]+$/.test(text)) throw new Error("A tar header is damaged.");
  return Number.parseInt(text, 8);
}
