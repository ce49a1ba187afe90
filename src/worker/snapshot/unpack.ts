/** Reads an archive that others wrote: nothing in it can make a file appear outside of the target. */
import { createReadStream } from "node:fs";
import { chmod, mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createGunzip } from "node:zlib";
import { SNAPSHOT_ROOTS } from "./entries.js";
import { BLOCK, decodeHeader, parsePax, type TarHeader } from "./tar.js";

export type UnpackLimits = { maxBytes: number; maxEntries: number };
export const DEFAULT_LIMITS: UnpackLimits = { maxBytes: 8 * 1024 ** 3, maxEntries: 500_000 };
/** Names and pax headers are read into memory. */
const MAX_META_BYTES = 1024 * 1024;

/**
 * Unpacks a tar.gz into the (existing, empty) directory `target`. Throws when an entry would leave it or its known
 * folders, when the archive is damaged or when it is larger than the limits. Links and devices are never created:
 * such entries are passed over and counted.
 */
export async function unpackArchive(
  file: string,
  target: string,
  limits: UnpackLimits = DEFAULT_LIMITS,
): Promise<{ files: number; passedOver: number }> {
  const source = createReadStream(file);
  const gunzip = createGunzip();
  source.on("error", (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  const reader = new ByteReader(gunzip);
  const result = { files: 0, passedOver: 0 };
  try {
    let bytes = 0;
    for (let seen = 0; ; seen++) {
      const header = await nextEntry(reader);
      if (header === null) break;
      bytes += header.size;
      if (bytes > limits.maxBytes || seen >= limits.maxEntries) {
        throw new Error("The archive is larger than allowed.");
      }
      const segments = safeSegments(header.path);
      if (header.type === "5") await mkdir(join(target, ...segments), { recursive: true });
      else if (header.type === "0" || header.type === "7") {
        await writeEntry(reader, header, join(target, ...segments));
        result.files++;
        continue;
      } else result.passedOver++;
      await reader.skip(padded(header.size));
    }
    await reader.drain();
    return result;
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

/** The path's segments, all below one of the known folders. Throws on anything else. */
export function safeSegments(path: string): string[] {
  if (path.includes("\0") || path.includes("\\") || path.startsWith("/")) {
    throw new Error("The archive holds a path that is not allowed.");
  }
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  const root: string | undefined = segments[0];
  if (segments.includes("..") || !SNAPSHOT_ROOTS.some((known) => known === root)) {
    throw new Error("The archive holds a path outside of the memory.");
  }
  return segments;
}

/** The next entry with its long name resolved; null at the end of the archive. */
async function nextEntry(reader: ByteReader): Promise<TarHeader | null> {
  let longName: string | undefined;
  let longSize: number | undefined;
  for (;;) {
    const header = decodeHeader(await reader.take(BLOCK));
    if (header === null) return null;
    if (!["x", "g", "L", "K"].includes(header.type)) {
      return { ...header, path: longName ?? header.path, size: longSize ?? header.size };
    }
    if (header.size > MAX_META_BYTES) throw new Error("The archive holds an oversized header.");
    const data = (await reader.take(padded(header.size))).subarray(0, header.size);
    if (header.type === "L") longName = data.toString("utf8").replace(/\0.*$/s, "");
    if (header.type !== "x") continue;
    const records = parsePax(data);
    longName = records.get("path") ?? longName;
    const size = records.get("size");
    if (size !== undefined) {
      if (!/^\d{1,15}$/.test(size)) throw new Error("A pax header is damaged.");
      longSize = Number(size);
    }
  }
}

async function writeEntry(reader: ByteReader, header: TarHeader, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // "wx" neither follows nor replaces anything: an archive that names a file twice is refused.
  const handle = await open(path, "wx");
  try {
    for await (const chunk of reader.stream(header.size)) await handle.writeFile(chunk);
    const seconds = header.mtimeMs / 1000;
    await handle.utimes(seconds, seconds);
  } finally {
    await handle.close();
  }
  await chmod(path, (header.mode & 0o777) | 0o600);
  await reader.skip(padded(header.size) - header.size);
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** Exact numbers of bytes out of a stream of chunks. */
class ByteReader {
  private readonly chunks: AsyncIterator<Buffer>;
  private buffer: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.chunks = source[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const chunk of this.stream(count)) parts.push(chunk);
    return Buffer.concat(parts);
  }

  async skip(count: number): Promise<void> {
    const bytes = this.stream(count);
    while ((await bytes.next()).done !== true) continue;
  }

  async *stream(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0;) {
      if (this.buffer.length === 0) {
        const next = await this.chunks.next();
        if (next.done === true) throw new Error("The archive is truncated.");
        this.buffer = next.value;
      }
      const chunk = this.buffer.subarray(0, left);
      this.buffer = this.buffer.subarray(chunk.length);
      left -= chunk.length;
      yield chunk;
    }
  }

  /** Reads to the end, so that the compression's own checksum is verified. */
  async drain(): Promise<void> {
    while ((await this.chunks.next()).done !== true) continue;
  }
}
