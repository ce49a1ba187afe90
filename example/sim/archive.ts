/** Archives of workers, stored as an upload would store them. */
import { createHash } from "node:crypto";
import type { World } from "./world.js";

export async function storeArchive(
  world: World,
  text: string,
): Promise<{ storageId: string; sha256: string; sizeBytes: number }> {
  const bytes = new TextEncoder().encode(text);
  // A real Blob is read by another thread, at a time that no seed decides.
  const blob = { size: bytes.length, type: "", arrayBuffer: () => Promise.resolve(bytes.buffer) };
  const storageId = await world.t.run(
    async (ctx) => (await ctx.storage.store(blob as unknown as Blob)) as string,
  );
  return {
    storageId,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    sizeBytes: bytes.length,
  };
}
