/** Upload and download URLs: whoever has one may use it, as on a deployment. */
import { randomUUID } from "node:crypto";
import type http from "node:http";
import type { Runtime } from "./runtime.js";
import { readBody } from "./wire.js";

const UPLOAD_URL_TTL_MS = 60 * 60 * 1000;

interface StoredFile {
  componentPath: string;
  storageId: string;
}

export interface Reply {
  status: number;
  body: Buffer | Record<string, unknown>;
  contentType?: string;
}

export class Files {
  readonly #uploads = new Map<string, { componentPath: string; expiresAt: number }>();
  readonly #downloads = new Map<string, StoredFile>();
  readonly #tokens = new Map<string, string>();

  constructor(readonly cloudUrl: () => string) {}

  uploadUrl(componentPath: string): string {
    const token = randomUUID();
    this.#uploads.set(token, { componentPath, expiresAt: Date.now() + UPLOAD_URL_TTL_MS });
    return `${this.cloudUrl()}/api/storage/upload?token=${token}`;
  }

  /** The same file keeps its URL, or every query that returns one would change at every run. */
  downloadUrl(componentPath: string, storageId: string): string {
    const file = `${componentPath}:${storageId}`;
    const token = this.#tokens.get(file) ?? randomUUID();
    this.#tokens.set(file, token);
    this.#downloads.set(token, { componentPath, storageId });
    return `${this.cloudUrl()}/api/storage/${token}`;
  }

  async upload(token: string | null, req: http.IncomingMessage, runtime: Runtime): Promise<Reply> {
    const upload = this.#uploads.get(token ?? "");
    if (upload === undefined || upload.expiresAt < Date.now()) {
      return refused(403, "InvalidStorageToken", "The upload URL is unknown or has expired");
    }
    const type = req.headers["content-type"] ?? "";
    const blob = new Blob([await readBody(req)], { type });
    const { componentPath } = upload;
    const storageId = await runtime.transaction(componentPath, (ctx) => ctx.storage.store(blob));
    return { status: 200, body: { storageId } };
  }

  async download(token: string, runtime: Runtime): Promise<Reply> {
    const file = this.#downloads.get(token);
    let blob: Blob | null = null;
    if (file !== undefined) {
      // A Blob is no Convex value, so it cannot be returned.
      await runtime.transaction(file.componentPath, async (ctx) => {
        blob = await ctx.storage.get(file.storageId);
      });
    }
    const found = blob as Blob | null;
    if (found === null) return refused(404, "StorageNotFound", "There is no such file");
    const contentType = found.type || "application/octet-stream";
    return { status: 200, body: Buffer.from(await found.arrayBuffer()), contentType };
  }
}

function refused(status: number, code: string, message: string): Reply {
  return { status, body: { code, message } };
}
