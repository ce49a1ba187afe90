import { describe, expect, it, test } from "vitest";
import {
  AGING_MS_PER_PRIORITY_POINT,
  CANDIDATES_BY_RANK,
  CANDIDATES_BY_SLOT,
  orderCandidates,
  rankAt,
  slotOf,
  type Candidate,
} from "./order.js";
import { seeded } from "./setup.test.js";

const NOW = 1_800_000_000_000;

function candidate(conversationId: string, readyAt: number, priority = 50): Candidate {
  return { conversationId, priority, rankAt: rankAt(readyAt, priority) };
}

function many(count: number, prefix = "c", priority = 50): Candidate[] {
  return Array.from({ length: count }, (_, i) => candidate(`${prefix}${i}`, NOW + i, priority));
}

describe("ageing", () => {
  it("lets a message of priority 0 go before one of 100 when it waited ten minutes longer", () => {
    const wait = 100 * AGING_MS_PER_PRIORITY_POINT;
    expect(wait).toBe(600_000);
    expect(rankAt(NOW - wait - 1, 0)).toBeLessThan(rankAt(NOW, 100));
    expect(rankAt(NOW - wait + 1, 0)).toBeGreaterThan(rankAt(NOW, 100));
  });

  it("prefers the higher priority among equals, and the older among equal priorities", () => {
    expect(rankAt(NOW, 51)).toBeLessThan(rankAt(NOW, 50));
    expect(rankAt(NOW - 1, 50)).toBeLessThan(rankAt(NOW, 50));
  });
});

describe("a short backlog", () => {
  it("is served strictly by rank", () => {
    const rows = [
      candidate("late", NOW),
      candidate("early", NOW - 60_000),
      candidate("urgent", NOW, 100),
    ];
    for (let seed = 0; seed < 50; seed++)
      expect(orderCandidates(rows, [], seeded(seed))).toEqual(["urgent", "early", "late"]);
  });

  it("serves equals in any order, each as often as the other", () => {
    const rows = [candidate("a", NOW), candidate("b", NOW + 10), candidate("c", NOW + 20_000)];
    const first = new Map<string, number>();
    const random = seeded(7);
    for (let i = 0; i < 2_000; i++) {
      const order = orderCandidates(rows, [], random);
      expect(order[2]).toBe("c");
      first.set(order[0] ?? "", (first.get(order[0] ?? "") ?? 0) + 1);
    }
    expect(first.get("a")).toBeGreaterThan(850);
    expect(first.get("b")).toBeGreaterThan(850);
  });

  it("is nothing when there is nothing", () => {
    expect(orderCandidates([], [], seeded(1))).toEqual([]);
  });
});

describe("a long backlog", () => {
  const byRank = many(CANDIDATES_BY_RANK, "head");
  const sample = many(CANDIDATES_BY_SLOT, "sample");

  it("serves the head of the order with an eighth of the claims, the sample with the others", () => {
    const random = seeded(3);
    let head = 0;
    for (let i = 0; i < 4_000; i++)
      if (orderCandidates(byRank, sample, random)[0]?.startsWith("head")) head += 1;
    expect(head).toBeGreaterThan(400);
    expect(head).toBeLessThan(600);
  });

  it("spreads many workers: all of the sample are about as likely to be first", () => {
    const random = seeded(11);
    const first = new Map<string, number>();
    for (let i = 0; i < 8_000; i++) {
      const id = orderCandidates(byRank, sample, random)[0] ?? "";
      first.set(id, (first.get(id) ?? 0) + 1);
    }
    for (const { conversationId } of sample) {
      expect(first.get(conversationId)).toBeGreaterThan(750);
      expect(first.get(conversationId)).toBeLessThan(1_000);
    }
    // And every row of the head of the order is reached: nothing starves.
    for (const { conversationId } of byRank) expect(first.get(conversationId)).toBeGreaterThan(60);
  });

  it("serves what is more urgent than everything in the sample first", () => {
    const urgent = [candidate("urgent", NOW, 90), ...byRank.slice(1)];
    for (let seed = 0; seed < 100; seed++)
      expect(orderCandidates(urgent, sample, seeded(seed))[0]).toBe("urgent");
  });

  it("names each conversation once", () => {
    const order = orderCandidates(byRank, [...byRank.slice(0, 4), ...sample], seeded(5));
    expect(new Set(order).size).toBe(order.length);
    expect(order).toHaveLength(CANDIDATES_BY_RANK + CANDIDATES_BY_SLOT);
  });

  it("does without a sample", () => {
    expect(orderCandidates(byRank, [], seeded(5)).sort()).toEqual(
      byRank.map((row) => row.conversationId).sort(),
    );
  });
});

describe("slots", () => {
  test("are fixed and lie in [0, 1)", () => {
    expect(slotOf("c1")).toBe(slotOf("c1"));
    for (const id of ["", "c1", "user-agent:default:42", "ü".repeat(500)]) {
      expect(slotOf(id)).toBeGreaterThanOrEqual(0);
      expect(slotOf(id)).toBeLessThan(1);
    }
  });

  it.each([
    ["consecutive numbers", (i: number) => `c${i}`],
    ["users of one agent", (i: number) => `user-agent:default:user-${i}`],
    ["chats of one bot", (i: number) => `telegram:7654321:${100_000_000 + i}`],
  ])("are spread evenly for ids that differ little: %s", (_name, id) => {
    const buckets = new Array<number>(16).fill(0);
    const count = 1_600;
    for (let i = 0; i < count; i++) {
      const bucket = Math.floor(slotOf(id(i)) * buckets.length);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    expect(Math.min(...buckets)).toBeGreaterThan(50);
    expect(Math.max(...buckets)).toBeLessThan(160);
  });
});
