/** Writes an archive of the memory. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open, realpath, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { openInside } from "../agentFiles.js";
import { orGone, type Entry } from "./entries.js";
import { encodeHeader, END_OF_ARCHIVE, padding } from "./tar.js";

/** Files up to this size are read in one go, again if they changed meanwhile. */
const SMALL_FILE_BYTES = 4 * 1024 * 1024;
const STABLE_READS = 3;
const CHUNK_BYTES = 256 * 1024;

export type Archive = { sha256: string; sizeBytes: number; files: number };

/** Packs the entries into `file` (tar.gz) and measures what was written. */
export async function packArchive(
  dataDir: string,
  entries: readonly Entry[],
  file: string,
  signal?: AbortSignal,
): Promise<Archive> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  let files = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      done(null, chunk);
    },
  });
  const source = tarBytes(dataDir, entries, () => files++);
  const options = signal === undefined ? {} : { signal };
  await pipeline(Readable.from(source), createGzip(), measure, createWriteStream(file), options);
  return { sha256: hash.digest("hex"), sizeBytes, files };
}

async function* tarBytes(
  dataDir: string,
  entries: readonly Entry[],
  counted: () => void,
): AsyncGenerator<Buffer> {
  const roots = [await realpath(dataDir)];
  for (const entry of entries) {
    if (entry.kind === "directory") {
      yield encodeHeader({ ...entry, type: "5", size: 0 });
      continue;
    }
    // Gone since it was listed, or no file any more: so it is in the state that we save.
    const file = await orGone(
      entry.source === undefined
        ? openInside(roots, join(dataDir, entry.path))
        : open(entry.source, "r"),
    );
    if (file === null) continue;
    try {
      counted();
      const { size } = await file.stat();
      if (size > SMALL_FILE_BYTES) yield* largeFile(entry, file, size);
      else yield* smallFile(entry, file);
    } finally {
      await file.close();
    }
  }
  yield END_OF_ARCHIVE;
}

/** The whole content at one moment, if that can be had in a few tries. */
async function* smallFile(entry: Entry, file: FileHandle): AsyncGenerator<Buffer> {
  let content: Buffer = Buffer.alloc(0);
  for (let tries = 0; tries < STABLE_READS; tries++) {
    const before = await file.stat();
    content = await readWhole(file, before.size);
    const after = await file.stat();
    if (before.mtimeMs === after.mtimeMs && before.size === after.size) break;
  }
  yield encodeHeader({ ...entry, type: "0", size: content.length });
  yield content;
  yield padding(content.length);
}

async function readWhole(file: FileHandle, size: number): Promise<Buffer> {
  const content = Buffer.alloc(size);
  let at = 0;
  while (at < size) {
    const { bytesRead } = await file.read(content, at, size - at, at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return content.subarray(0, at);
}

/** Exactly as many bytes as announced: a file that grows is cut, one that shrinks is filled with zeros. */
async function* largeFile(entry: Entry, file: FileHandle, size: number): AsyncGenerator<Buffer> {
  yield encodeHeader({ ...entry, type: "0", size });
  for (let at = 0; at < size;) {
    const chunk = await readChunk(file, at, Math.min(CHUNK_BYTES, size - at));
    at += chunk.length;
    yield chunk;
  }
  yield padding(size);
}

async function readChunk(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const chunk = Buffer.alloc(length);
  const { bytesRead } = await file.read(chunk, 0, length, at);
  return bytesRead > 0 ? chunk.subarray(0, bytesRead) : chunk;
}
