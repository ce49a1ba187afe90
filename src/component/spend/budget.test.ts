import { describe, expect, test } from "vitest";
import { describeBlock, dueEvents, findBlock, judgeBudget, type Spent } from "./budget.js";
import type { Exhausted } from "./validators.js";

const day = (usd: number): Spent => ({
  ...{ granularity: "day", period: "2026-11-22", usd, resetsAt: 100 },
});
const month = (usd: number): Spent => ({
  ...{ granularity: "month", period: "2026-11", usd, resetsAt: 900 },
});
const levels = (usdToday: number, usdMonth: number, resumedPeriods: string[] = []) =>
  judgeBudget({ usdPerDay: 10, usdPerMonth: 100, resumedPeriods }, [
    day(usdToday),
    month(usdMonth),
  ]).map(({ level }) => level);

describe("a budget", () => {
  test.each([
    [7.99, 79.9, ["ok", "ok"]],
    [8, 80, ["warning", "warning"]],
    [9.99, 100, ["warning", "exhausted"]],
    [10, 10, ["exhausted", "ok"]],
  ])("with %d of 10 today and %d of 100 this month is %j", (today, inMonth, expected) => {
    expect(levels(today, inMonth)).toEqual(expected);
  });

  test("that was resumed holds only in the resumed period", () => {
    expect(levels(11, 100, ["2026-11-22"])).toEqual(["resumed", "exhausted"]);
    expect(levels(11, 100, ["2026-11-21"])).toEqual(["exhausted", "exhausted"]);
  });

  test("judges only the limits that it has", () => {
    expect(judgeBudget({ usdPerMonth: 1, resumedPeriods: [] }, [day(5), month(5)])).toHaveLength(1);
  });

  test("warns once and reports its end once per period", () => {
    const warned = judgeBudget({ usdPerDay: 10, resumedPeriods: [] }, [day(9)]);
    expect(dueEvents(warned, []).map(({ kind }) => kind)).toEqual(["warning"]);
    expect(dueEvents(warned, ["warning:2026-11-22"])).toEqual([]);
    expect(dueEvents(warned, ["warning:2026-11-21"])).toHaveLength(1);
    const used = judgeBudget({ usdPerDay: 10, resumedPeriods: [] }, [day(12)]);
    expect(dueEvents(used, ["warning:2026-11-22"]).map(({ kind }) => kind)).toEqual(["exhausted"]);
  });
});

describe("a block", () => {
  const entry = (scope: Exhausted["scope"], key: string, resetsAt: number): Exhausted => ({
    ...{ scope, key, granularity: "day", usd: 5, limitUsd: 5, resetsAt },
  });
  const payer = { agentKey: "a", companyId: "acme" };

  test("comes from the agent, its company or the deployment, and the longest one counts", () => {
    expect(findBlock([entry("agent", "b", 9)], payer, 1)).toBeNull();
    expect(findBlock([entry("company", "other", 9)], payer, 1)).toBeNull();
    expect(findBlock([entry("agent", "a", 9)], payer, 1)?.scope).toBe("agent");
    expect(findBlock([entry("agent", "a", 9), entry("company", "acme", 20)], payer, 1)?.scope).toBe(
      "company",
    );
    expect(
      findBlock([entry("deployment", "", 9)], { agentKey: null, companyId: null }, 1)?.scope,
    ).toBe("deployment");
  });

  test("ends with its period, to the millisecond", () => {
    expect(findBlock([entry("agent", "a", 9)], payer, 8)).not.toBeNull();
    expect(findBlock([entry("agent", "a", 9)], payer, 9)).toBeNull();
  });

  test("says whose budget it is, how much, until when and what to do", () => {
    expect(describeBlock(entry("agent", "a", 9), "2026-11-23T00:00:00.000Z")).toBe(
      "the daily budget of agent 'a' (5.00 USD) is used up; it resets at 2026-11-23T00:00:00.000Z, or call resumeSpending",
    );
  });
});
