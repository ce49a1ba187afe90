import { describe, expect, it } from "vitest";
import { DAY_MS, HOUR_MS } from "../../shared/time.js";
import { isSameSha256, toSha256Hex } from "./checksum.js";
import {
  abandonBound,
  decideLineage,
  decideRetention,
  findFileProblem,
  forgetBound,
  isRestorable,
  restoreOrder,
  supersededExpiry,
} from "./lineage.js";
import type { SnapshotStatus } from "./validators.js";

const NOW = 1_700_000_000_000;
const READY = {
  status: "ready" as const,
  createdAt: NOW,
  expiresAt: NOW + 7 * DAY_MS,
  archiveFileId: "f",
};

it.each<[string, Parameters<typeof isRestorable>[0], boolean]>([
  ["ready, main", { ...READY, lineage: "main" }, true],
  ["ready, of 3.x", READY, true],
  ["ready, detached", { ...READY, lineage: "detached" }, false],
  ["ready, past its date", { ...READY, lineage: "main", expiresAt: 0 }, true],
  ["uploading", { ...READY, status: "uploading" }, false],
  ["failed", { ...READY, status: "failed" }, false],
  ["expired", { ...READY, status: "expired" }, false],
  ["without a file", { status: "ready", createdAt: NOW, expiresAt: NOW }, false],
])("isRestorable: %s -> %s", (_name, row, expected) => {
  expect(isRestorable(row)).toBe(expected);
});

it("restoreOrder: restorable rows, newest first", () => {
  const row = (createdAt: number, changes: object = {}) => ({ ...READY, createdAt, ...changes });
  const rows = [
    row(1),
    row(4, { status: "failed" }),
    row(3),
    row(5, { lineage: "detached" }),
    row(2),
  ];
  expect(restoreOrder(rows).map((r) => r.createdAt)).toEqual([3, 2, 1]);
});

describe("decideLineage", () => {
  const head = { _id: "s1", workerId: "w1" };
  it.each<[string, { workerId: string; parentSnapshotId?: string }, typeof head | null, string]>([
    ["no head, started empty", { workerId: "w2" }, null, "main"],
    ["no head, its parent is gone", { workerId: "w2", parentSnapshotId: "s0" }, null, "main"],
    ["restored the head", { workerId: "w2", parentSnapshotId: "s1" }, head, "main"],
    ["uploaded the head itself", { workerId: "w1", parentSnapshotId: "s0" }, head, "main"],
    ["uploaded the head itself, had started empty", { workerId: "w1" }, head, "main"],
    ["started empty beside a head", { workerId: "w2" }, head, "detached"],
    ["restored an older one", { workerId: "w2", parentSnapshotId: "s0" }, head, "detached"],
  ])("%s -> %s", (_name, upload, present, expected) => {
    expect(decideLineage(upload, present)).toBe(expected);
  });
});

describe("decideRetention", () => {
  const row = (status: SnapshotStatus, createdAt: number, changes: object = {}) => ({
    status,
    createdAt,
    expiresAt: createdAt + 7 * DAY_MS,
    ...changes,
  });
  it.each<[string, ReturnType<typeof row>, boolean, object]>([
    ["ready, one ms before its date", row("ready", NOW - 7 * DAY_MS + 1), false, { kind: "keep" }],
    ["ready, at its date", row("ready", NOW - 7 * DAY_MS), false, { kind: "expire" }],
    [
      "detached, at its date",
      row("ready", NOW - 7 * DAY_MS, { lineage: "detached" }),
      false,
      { kind: "expire" },
    ],
    [
      "the head, at its date",
      row("ready", NOW - 7 * DAY_MS),
      true,
      { kind: "renew", expiresAt: NOW + 7 * DAY_MS },
    ],
    [
      "the head, years later",
      row("ready", NOW - 1_000 * DAY_MS),
      true,
      { kind: "renew", expiresAt: NOW + 7 * DAY_MS },
    ],
    [
      "uploading for less than an hour",
      row("uploading", NOW - HOUR_MS + 1),
      false,
      { kind: "keep" },
    ],
    ["uploading for an hour", row("uploading", NOW - HOUR_MS), false, { kind: "abandon" }],
    ["failed, 30 days minus a ms", row("failed", NOW - 30 * DAY_MS + 1), false, { kind: "keep" }],
    ["failed, 30 days", row("failed", NOW - 30 * DAY_MS), false, { kind: "forget" }],
    ["expired, 30 days", row("expired", NOW - 30 * DAY_MS), false, { kind: "forget" }],
  ])("%s", (_name, subject, isHead, expected) => {
    expect(decideRetention(subject, isHead, NOW)).toEqual(expected);
  });

  it("the bounds on expiresAt select exactly what the decision takes", () => {
    expect(abandonBound(NOW)).toBe(row("uploading", NOW - HOUR_MS).expiresAt);
    expect(forgetBound(NOW)).toBe(row("failed", NOW - 30 * DAY_MS).expiresAt);
  });

  it("a former head stays for a whole period after it was replaced", () => {
    expect(supersededExpiry({ expiresAt: NOW - DAY_MS }, NOW)).toBe(NOW + 7 * DAY_MS);
    expect(supersededExpiry({ expiresAt: NOW + 9 * DAY_MS }, NOW)).toBe(NOW + 9 * DAY_MS);
  });
});

/** SHA-256 of nothing. */
const HEX = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const BASE64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

describe("checksums", () => {
  it.each([HEX, HEX.toUpperCase(), BASE64, BASE64.slice(0, -1), ` ${HEX}\n`])(
    "'%s' is read",
    (text) => {
      expect(toSha256Hex(text)).toBe(HEX);
    },
  );

  it.each([
    "",
    "abc",
    HEX.slice(1),
    `${HEX}0`,
    `${BASE64}=`,
    `${"A".repeat(42)}B=`,
    "g".repeat(64),
  ])("'%s' is no SHA-256", (text) => {
    expect(toSha256Hex(text)).toBeNull();
    expect(isSameSha256(text, text)).toBe(false);
  });

  it("compares across encodings", () => {
    expect(isSameSha256(HEX, BASE64)).toBe(true);
    expect(isSameSha256(HEX, HEX.replace("e", "f"))).toBe(false);
  });
});

it.each<[string, Parameters<typeof findFileProblem>[0], RegExp | null]>([
  ["the announced file", { size: 5, sha256: BASE64, createdAt: 0 }, null],
  ["no file", null, /not found/],
  [
    "another size",
    { size: 6, sha256: BASE64, createdAt: 0 },
    /has 6 bytes, the worker announced 5/,
  ],
  ["another hash", { size: 5, sha256: HEX.replace("e", "f"), createdAt: 0 }, /another SHA-256/],
])("findFileProblem: %s", (_name, file, expected) => {
  const problem = findFileProblem(file, { sha256: HEX, sizeBytes: 5 });
  if (expected === null) expect(problem).toBeNull();
  else expect(problem).toMatch(expected);
});
