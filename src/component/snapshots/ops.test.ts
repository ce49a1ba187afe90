import { convexTest, type TestConvex } from "convex-test";
import { anyApi, type ApiFromModules } from "convex/server";
import { beforeEach, describe, expect, it } from "vitest";
import { DAY_MS, HOUR_MS } from "../../shared/time.js";
import { internal } from "../_generated/api.js";
import type { Doc, Id } from "../kit/functions.js";
import schema from "../schema.js";
import {
  failUpload,
  finalizeUpload,
  isSnapshotFile,
  latestForRestore,
  listForRestoreKey,
  prepareUpload,
  type NewUpload,
} from "./ops.js";

const modules = import.meta.glob(["/src/component/**/*.ts", "!/src/component/**/*.test.ts"]);
type Modules = { "snapshots/host": typeof import("./host.public.js") };
const host = (anyApi as unknown as Record<string, ApiFromModules<Modules>["snapshots"]["host"]>)[
  "snapshots/host.public"
]!;

const NOW = 1_700_000_000_000;
const KEY = { workspaceId: "default", agentKey: "a", conversationId: "c" };
type SnapshotId = Id<"dataSnapshots">;

let t: TestConvex<typeof schema>;
beforeEach(() => {
  t = convexTest(schema, modules);
});

const prepare = async (workerId: string, nowMs: number, changes: Partial<NewUpload> = {}) =>
  await t.run(
    async (ctx) =>
      await prepareUpload(ctx, { ...KEY, workerId, reason: "drain", nowMs, ...changes }),
  );

async function upload(content: string) {
  const bytes = new TextEncoder().encode(content);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const storageId = await t.run(async (ctx) => await ctx.storage.store(new Blob([bytes])));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { storageId, sha256, sizeBytes: bytes.length };
}

type Upload = Awaited<ReturnType<typeof upload>>;
const finalize = async (
  workerId: string,
  snapshotId: SnapshotId,
  file: Upload,
  nowMs = NOW,
  mayLead = true,
) =>
  await t.run(
    async (ctx) => await finalizeUpload(ctx, { workerId, snapshotId, nowMs, mayLead, ...file }),
  );

/** A whole upload: prepared and finalized at `nowMs`. */
async function snapshot(workerId: string, nowMs: number, parentSnapshotId?: SnapshotId) {
  const { snapshotId } = await prepare(
    workerId,
    nowMs,
    parentSnapshotId === undefined ? {} : { parentSnapshotId },
  );
  const file = await upload(`archive of ${workerId} at ${nowMs}`);
  const { lineage } = await finalize(workerId, snapshotId, file, nowMs);
  return { snapshotId, lineage, ...file };
}

const restore = async (key = KEY) => await t.query(async (ctx) => await latestForRestore(ctx, key));
const load = async (id: SnapshotId): Promise<Doc<"dataSnapshots"> | null> =>
  await t.run(async (ctx) => await ctx.db.get("dataSnapshots", id));
const fileExists = async (id: Id<"_storage">) =>
  await t.run(async (ctx) => (await ctx.db.system.get("_storage", id)) !== null);
const sweep = async (nowMs: number) =>
  await t.mutation(internal.snapshots.retention.sweep, { nowMs });

describe("prepareUpload", () => {
  it("records an upload that expires in seven days", async () => {
    const { snapshotId, uploadUrl, expiresAt } = await prepare("w1", NOW);
    expect(uploadUrl).toMatch(/^https?:/);
    expect(expiresAt).toBe(NOW + 7 * DAY_MS);
    expect(await load(snapshotId)).toMatchObject({
      ...KEY,
      workerId: "w1",
      reason: "drain",
      formatVersion: 1,
      status: "uploading",
      createdAt: NOW,
      expiresAt,
    });
  });
});

describe("finalizeUpload", () => {
  it("the first upload begins the chain and is restorable", async () => {
    const { snapshotId } = await prepare("w1", NOW);
    const file = await upload("archive");
    expect(await finalize("w1", snapshotId, file, NOW + 5)).toMatchObject({
      ok: true,
      lineage: "main",
      snapshot: { status: "ready", ...KEY },
    });
    expect(await load(snapshotId)).toMatchObject({
      status: "ready",
      archiveFileId: file.storageId,
      sha256: file.sha256,
      sizeBytes: 7,
      completedAt: NOW + 5,
      lineage: "main",
    });
    expect(await restore()).toEqual({
      snapshotId,
      downloadUrl: expect.stringMatching(/^https?:/),
      sha256: file.sha256,
      sizeBytes: 7,
      createdAt: NOW,
    });
  });

  it("takes the digest in base64, and stores hex for the worker that restores", async () => {
    const { snapshotId } = await prepare("w1", NOW);
    const file = await upload("archive");
    const bytes = file.sha256.match(/../g)!.map((digits) => Number.parseInt(digits, 16));
    const base64 = btoa(String.fromCharCode(...bytes));
    expect(await finalize("w1", snapshotId, { ...file, sha256: base64 })).toMatchObject({
      ok: true,
    });
    expect((await restore())?.sha256).toBe(file.sha256);
  });

  it("another worker -> nothing happens", async () => {
    const { snapshotId } = await prepare("w1", NOW);
    const file = await upload("archive");
    expect(await finalize("w2", snapshotId, file)).toEqual({
      ok: false,
      lineage: null,
      reason: "unknown",
    });
    expect((await load(snapshotId))?.status).toBe("uploading");
    expect(await fileExists(file.storageId)).toBe(true);
  });

  it("repeated after a lost answer -> the same answer, one file", async () => {
    const { snapshotId, lineage, ...file } = await snapshot("w1", NOW);
    const before = await load(snapshotId);
    expect(await finalize("w1", snapshotId, file, NOW + 99)).toMatchObject({ ok: true, lineage });
    expect(await load(snapshotId)).toEqual(before);
  });

  it.each(["failed", "expired", "ready"] as const)(
    "a %s snapshot does not become ready again",
    async (status) => {
      const { snapshotId } = await prepare("w1", NOW);
      await t.run(async (ctx) => await ctx.db.patch("dataSnapshots", snapshotId, { status }));
      const file = await upload("archive");
      expect(await finalize("w1", snapshotId, file)).toEqual({
        ok: false,
        lineage: null,
        reason: "state",
      });
      expect(await fileExists(file.storageId)).toBe(false);
      expect(await load(snapshotId)).toMatchObject({ status });
      expect(await load(snapshotId)).not.toHaveProperty("archiveFileId");
    },
  );

  it.each<[string, (file: Upload) => Upload, RegExp]>([
    ["another size", (file) => ({ ...file, sizeBytes: 8 }), /7 bytes, the worker announced 8/],
    ["another digest", (file) => ({ ...file, sha256: "0".repeat(64) }), /another SHA-256/],
    ["no digest", (file) => ({ ...file, sha256: "" }), /another SHA-256/],
  ])("%s -> failed, file deleted, nothing to restore", async (_name, change, error) => {
    const { snapshotId } = await prepare("w1", NOW);
    const file = await upload("archive");
    expect(await finalize("w1", snapshotId, change(file))).toEqual({
      ok: false,
      lineage: null,
      reason: "file",
    });
    expect(await load(snapshotId)).toMatchObject({
      status: "failed",
      error: expect.stringMatching(error),
    });
    expect(await fileExists(file.storageId)).toBe(false);
    expect(await restore()).toBeNull();
  });

  it("a file that is gone -> failed", async () => {
    const { snapshotId } = await prepare("w1", NOW);
    const file = await upload("archive");
    await t.run(async (ctx) => await ctx.storage.delete(file.storageId));
    expect(await finalize("w1", snapshotId, file)).toMatchObject({ ok: false, reason: "file" });
    expect((await load(snapshotId))?.error).toBe("The uploaded file was not found.");
  });

  it("a file that belongs to another snapshot, to media, or is older -> refused and left alone", async () => {
    const foreign = await snapshot("w1", NOW);
    const older = await upload("uploaded before");
    const { snapshotId } = await prepare("w2", NOW);
    const media = await upload("a picture");
    await t.run(async (ctx) => {
      await ctx.db.insert("mediaFiles", {
        storageId: media.storageId,
        purpose: "attachment",
        createdAt: NOW,
      });
    });
    for (const { storageId, sha256, sizeBytes } of [foreign, media, older]) {
      await expect(
        finalize("w2", snapshotId, { storageId, sha256, sizeBytes }),
      ).rejects.toMatchObject({ data: { code: "SNAPSHOT_REFUSED", snapshotId } });
      expect(await fileExists(storageId)).toBe(true);
    }
    expect((await load(snapshotId))?.status).toBe("uploading");
  });
});

it("isSnapshotFile knows archives from other files", async () => {
  const archive = await snapshot("w1", NOW);
  const other = await upload("a picture");
  await t.run(async (ctx) => {
    expect(await isSnapshotFile(ctx, archive.storageId)).toBe(true);
    expect(await isSnapshotFile(ctx, other.storageId)).toBe(false);
  });
});

describe("failUpload", () => {
  const fail = async (workerId: string, snapshotId: SnapshotId, error = "tar failed") =>
    await t.run(
      async (ctx) => await failUpload(ctx, { workerId, snapshotId, error, nowMs: NOW + 1 }),
    );

  it("fails an upload of this worker, again and again", async () => {
    const { snapshotId } = await prepare("w1", NOW);
    expect(await fail("w2", snapshotId)).toBe(false);
    expect(await fail("w1", snapshotId)).toBe(true);
    expect(await fail("w1", snapshotId, "other")).toBe(true);
    expect(await load(snapshotId)).toMatchObject({
      status: "failed",
      error: "tar failed",
      completedAt: NOW + 1,
    });
  });

  it("does not fail what is ready", async () => {
    const { snapshotId } = await snapshot("w1", NOW);
    expect(await fail("w1", snapshotId)).toBe(false);
    expect(await restore()).toMatchObject({ snapshotId });
  });

  it("stores no token and no novel", async () => {
    const { snapshotId } = await prepare("w1", NOW);
    await fail("w1", snapshotId, `Bearer abcdef ${"x".repeat(5_000)}`);
    const error = (await load(snapshotId))?.error;
    expect(error).not.toContain("abcdef");
    expect(error?.length).toBe(2_000);
  });
});

describe("latestForRestore", () => {
  it("newest ready wins, whatever is uploading, failed or expired above it", async () => {
    const ready = await snapshot("w1", NOW);
    await prepare("w2", NOW + 1, { parentSnapshotId: ready.snapshotId });
    for (const [i, status] of (["failed", "expired"] as const).entries()) {
      const { snapshotId } = await prepare("w2", NOW + 2 + i);
      await t.run(async (ctx) => await ctx.db.patch("dataSnapshots", snapshotId, { status }));
    }
    expect((await restore())?.snapshotId).toBe(ready.snapshotId);
  });

  it("restores the exact triple only", async () => {
    await snapshot("w1", NOW);
    expect(await restore({ ...KEY, conversationId: "other" })).toBeNull();
    expect(await restore({ ...KEY, agentKey: "other" })).toBeNull();
    expect(await restore({ ...KEY, workspaceId: "other" })).toBeNull();
  });

  it("a chain of three: each child of the head becomes the head", async () => {
    const first = await snapshot("w1", NOW);
    const second = await snapshot("w2", NOW + 1, first.snapshotId);
    const third = await snapshot("w3", NOW + 2, second.snapshotId);
    expect([first, second, third].map((s) => s.lineage)).toEqual(["main", "main", "main"]);
    expect((await restore())?.snapshotId).toBe(third.snapshotId);
  });

  it("a worker that started empty never replaces the memory, but its upload is kept", async () => {
    const memory = await snapshot("w1", NOW);
    const empty = await snapshot("w2", NOW + 1);
    expect(empty.lineage).toBe("detached");
    expect((await restore())?.snapshotId).toBe(memory.snapshotId);
    expect(await load(empty.snapshotId)).toMatchObject({ status: "ready", lineage: "detached" });
    expect(await fileExists(empty.storageId)).toBe(true);
    // its next upload does not become the head either
    expect((await snapshot("w2", NOW + 2, empty.snapshotId)).lineage).toBe("detached");
  });

  it("hand-over race: the first to finalize wins, the other is kept beside the chain", async () => {
    const base = await snapshot("w0", NOW);
    const slow = await prepare("w1", NOW + 1, { parentSnapshotId: base.snapshotId });
    const fast = await snapshot("w2", NOW + 2, base.snapshotId);
    const late = await finalize("w1", slow.snapshotId, await upload("late"), NOW + 3);
    expect(fast.lineage).toBe("main");
    expect(late).toMatchObject({ ok: true, lineage: "detached" });
    expect((await restore())?.snapshotId).toBe(fast.snapshotId);
  });

  it("a worker that lost the conversation adds beside the chain, whatever it restored", async () => {
    const base = await snapshot("w1", NOW);
    const parent = { parentSnapshotId: base.snapshotId };
    const { snapshotId } = await prepare("w1", NOW + 1, parent);
    const result = await finalize("w1", snapshotId, await upload("late"), NOW + 1, false);
    expect(result).toMatchObject({ ok: true, lineage: "detached" });
    expect((await restore())?.snapshotId).toBe(base.snapshotId);
  });

  it("checkpoints of one worker follow each other, also when it names its first parent", async () => {
    const base = await snapshot("w0", NOW);
    await snapshot("w1", NOW + 1, base.snapshotId);
    const second = await snapshot("w1", NOW + 2, base.snapshotId);
    expect(second.lineage).toBe("main");
    expect((await restore())?.snapshotId).toBe(second.snapshotId);
  });

  it("steps over 60 detached ones to the head", async () => {
    const memory = await snapshot("w1", NOW);
    for (let i = 1; i <= 60; i += 1) await snapshot(`empty ${i}`, NOW + i);
    expect((await restore())?.snapshotId).toBe(memory.snapshotId);
  });

  it("a head whose file is gone is not the head: the one before is restored and can be continued", async () => {
    const first = await snapshot("w1", NOW);
    const second = await snapshot("w2", NOW + 1, first.snapshotId);
    await t.run(async (ctx) => await ctx.storage.delete(second.storageId));
    expect((await restore())?.snapshotId).toBe(first.snapshotId);
    expect((await snapshot("w3", NOW + 2, first.snapshotId)).lineage).toBe("main");
  });

  it("a snapshot of 3.x is the beginning of the chain", async () => {
    const { storageId, sha256, sizeBytes } = await upload("of 3.x");
    const old = await t.run(
      async (ctx) =>
        await ctx.db.insert("dataSnapshots", {
          ...KEY,
          workerId: "w0",
          reason: "signal",
          formatVersion: 1,
          archiveFileId: storageId,
          sha256,
          sizeBytes,
          status: "ready",
          createdAt: NOW - 30 * DAY_MS,
          completedAt: NOW - 30 * DAY_MS,
          expiresAt: NOW - 23 * DAY_MS,
        }),
    );
    expect((await restore())?.snapshotId).toBe(old);
    for (let i = 0; i < 25; i += 1) {
      expect((await snapshot(`empty ${i}`, NOW + i)).lineage).toBe("detached");
    }
    expect((await restore())?.snapshotId).toBe(old);
    expect((await snapshot("w2", NOW + 99, old)).lineage).toBe("main");
  });
});

describe("listings", () => {
  it("newest first, any status, with a link only for what can be downloaded", async () => {
    const first = await snapshot("w1", NOW);
    const { snapshotId: uploading } = await prepare("w2", NOW + 1);
    const listed = await t.query(host.listSnapshotsForConversation, {
      conversationId: "c",
      nowMs: NOW + 2,
    });
    expect(listed).toEqual([
      {
        snapshotId: uploading,
        createdAt: NOW + 1,
        sizeBytes: null,
        sha256: null,
        downloadUrl: null,
        status: "uploading",
        conversationId: "c",
      },
      {
        snapshotId: first.snapshotId,
        createdAt: NOW,
        sizeBytes: first.sizeBytes,
        sha256: first.sha256,
        downloadUrl: expect.stringMatching(/^https?:/),
        status: "ready",
        conversationId: "c",
      },
    ]);
  });

  it("past its date only the head has a link", async () => {
    const first = await snapshot("w1", NOW);
    await snapshot("w2", NOW + 1, first.snapshotId);
    const listed = await t.query(host.listSnapshotsForConversation, {
      conversationId: "c",
      nowMs: NOW + 60 * DAY_MS,
    });
    expect(listed.map((view) => view.downloadUrl !== null)).toEqual([true, false]);
  });

  it.each([
    [undefined, 50],
    [1, 1],
    [0, 1],
    [-3, 1],
    [2.9, 2],
    [1_000, 200],
    [NaN, 50],
  ])("limit %s -> %s rows of 205", async (limit, expected) => {
    for (let i = 0; i < 205; i += 1) await prepare("w1", NOW + i);
    const listed = await t.query(host.listSnapshotsForConversation, {
      conversationId: "c",
      ...(limit === undefined ? {} : { limit }),
    });
    expect(listed).toHaveLength(expected);
    expect(listed[0]?.createdAt).toBe(NOW + 204);
  });

  it("can be narrowed to one workspace and agent", async () => {
    await prepare("w1", NOW);
    await prepare("w1", NOW, { workspaceId: "other" });
    expect(
      await t.query(async (ctx) => await listForRestoreKey(ctx, { ...KEY, limit: 10 })),
    ).toHaveLength(1);
  });
});

describe("retention", () => {
  it("the head never expires: it is there after two years of sweeps", async () => {
    const head = await snapshot("w1", NOW);
    for (let day = 1; day <= 730; day += 30) await sweep(NOW + day * DAY_MS);
    expect((await restore())?.snapshotId).toBe(head.snapshotId);
    expect(await fileExists(head.storageId)).toBe(true);
  });

  it("others expire at their date, and their file is deleted", async () => {
    const first = await snapshot("w1", NOW);
    const second = await snapshot("w2", NOW + 1, first.snapshotId);
    const detached = await snapshot("w3", NOW + 2);
    await sweep(NOW + 7 * DAY_MS);
    expect((await load(first.snapshotId))?.status).toBe("ready");
    expect(await sweep(NOW + 7 * DAY_MS + 2)).toEqual({ processed: 3, more: false });
    for (const gone of [first, detached]) {
      expect(await load(gone.snapshotId)).toMatchObject({ status: "expired" });
      expect(await load(gone.snapshotId)).not.toHaveProperty("archiveFileId");
      expect(await fileExists(gone.storageId)).toBe(false);
    }
    expect((await restore())?.snapshotId).toBe(second.snapshotId);
  });

  it("a head that is replaced after a month stays for another week", async () => {
    const old = await snapshot("w1", NOW);
    await snapshot("w2", NOW + 30 * DAY_MS, old.snapshotId);
    await sweep(NOW + 30 * DAY_MS + 1);
    expect((await load(old.snapshotId))?.status).toBe("ready");
    await sweep(NOW + 37 * DAY_MS);
    expect((await load(old.snapshotId))?.status).toBe("expired");
  });

  it("an upload that nobody finished is failed after an hour", async () => {
    const { snapshotId } = await prepare("w1", NOW);
    expect(await sweep(NOW + HOUR_MS - 1)).toEqual({ processed: 0, more: false });
    expect(await sweep(NOW + HOUR_MS)).toEqual({ processed: 1, more: false });
    expect(await load(snapshotId)).toMatchObject({
      status: "failed",
      error: "The upload was not finished within an hour.",
    });
  });

  it("failed and expired rows are forgotten after 30 days, with the file that 3.x left behind", async () => {
    const { snapshotId: failed } = await prepare("w1", NOW);
    await sweep(NOW + HOUR_MS);
    const { storageId } = await upload("of 3.x");
    const { snapshotId: expired } = await prepare("w1", NOW);
    await t.run(async (ctx) => {
      await ctx.db.patch("dataSnapshots", expired, { status: "expired", archiveFileId: storageId });
    });
    expect((await sweep(NOW + 30 * DAY_MS - 1)).processed).toBe(0);
    expect((await sweep(NOW + 30 * DAY_MS)).processed).toBe(2);
    expect([await load(failed), await load(expired)]).toEqual([null, null]);
    expect(await fileExists(storageId)).toBe(false);
  });

  it("a file that is gone already does not stop the sweep", async () => {
    const first = await snapshot("w1", NOW);
    await snapshot("w2", NOW + 1, first.snapshotId);
    await t.run(async (ctx) => await ctx.storage.delete(first.storageId));
    await sweep(NOW + 8 * DAY_MS);
    expect((await load(first.snapshotId))?.status).toBe("expired");
  });

  it("works in bounded batches and says when there is more; heads do not keep it busy", async () => {
    for (let i = 0; i < 30; i += 1) {
      const key = { conversationId: `c${i}` };
      const { snapshotId } = await prepare("w1", NOW, key);
      await finalize("w1", snapshotId, await upload(`archive ${i}`));
    }
    const at = NOW + 8 * DAY_MS;
    expect(await sweep(at)).toEqual({ processed: 25, more: true });
    expect(await sweep(at)).toEqual({ processed: 5, more: false });
    expect(await sweep(at)).toEqual({ processed: 0, more: false });
  });
});
