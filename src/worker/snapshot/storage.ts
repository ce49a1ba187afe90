/** Moves archives to and from file storage. Addresses are capabilities: no error names one. */
import { createHash } from "node:crypto";
import { createWriteStream, openAsBlob } from "node:fs";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { GatewayUnreachable } from "../errors.js";
import { transferMs } from "../retry.js";
import { networkReason } from "../transport.js";

/** A minute beside the transfer. */
const transferTimeoutMs = (bytes: number) => 60_000 + transferMs(bytes);
const DOWNLOAD_TIMEOUT_MS = 10 * 60_000;

const uploaded = z.object({ storageId: z.string().min(1) });

/** Both throw `GatewayUnreachable` for what may pass, any other error for what will not. */
export type SnapshotStorage = {
  /** Uploads a file and returns its storage id. A repetition leaves an unused file behind. */
  upload(url: string, file: string, sizeBytes: number, signal: AbortSignal): Promise<string>;
  download(
    url: string,
    file: string,
    signal: AbortSignal,
  ): Promise<{ sha256: string; sizeBytes: number }>;
};

/** Storage over plain HTTP, as Convex serves it. */
export function httpStorage(fetch: typeof globalThis.fetch = globalThis.fetch): SnapshotStorage {
  return {
    upload: async (url, file, sizeBytes, signal) => {
      const body = await openAsBlob(file, { type: "application/gzip" });
      const limit = AbortSignal.timeout(transferTimeoutMs(sizeBytes));
      const response = await attempt("upload", () =>
        fetch(url, {
          method: "POST",
          headers: { "content-type": "application/gzip" },
          body,
          signal: AbortSignal.any([signal, limit]),
        }),
      );
      const answer = await attempt("upload", () => response.text());
      return uploaded.parse(JSON.parse(answer)).storageId;
    },

    download: async (url, file, signal) => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS)]);
      const response = await attempt("download", () => fetch(url, { signal: limit }));
      if (response.body === null) throw new Error("The snapshot download was empty.");
      const hash = createHash("sha256");
      let sizeBytes = 0;
      const measure = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          sizeBytes += chunk.length;
          done(null, chunk);
        },
      });
      const body = Readable.from(chunks(response.body));
      await attempt("download", () => pipeline(body, measure, createWriteStream(file)));
      return { sha256: hash.digest("hex"), sizeBytes };
    },
  };
}

async function* chunks(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function attempt<T>(what: string, call: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await call();
  } catch (error) {
    throw new GatewayUnreachable(`The snapshot ${what} broke off (${networkReason(error)}).`);
  }
  if (result instanceof Response && !result.ok) {
    const message = `The snapshot ${what} was answered with ${result.status}.`;
    if (result.status >= 500 || result.status === 429) throw new GatewayUnreachable(message);
    throw new Error(message);
  }
  return result;
}
