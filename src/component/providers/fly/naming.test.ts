import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkedId, checkMachineName, checkVolumeName, workerVolumeName } from "./naming.js";

describe("workerVolumeName", () => {
  test.each([
    ["vol", "afw-1767614400000-0", "vol_m6sbm5"],
    ["Vol--", "AFW 1767614400000 0", "vol_m6sbm5"],
    ["", "afw-1767614400000-0", "openclaw_m6sbm5"],
    ["a".repeat(60), "afw-1767614400000-0", `${"a".repeat(23)}_m6sbm5`],
    ["vol", "", workerVolumeName("vol", "worker")],
  ])("of %j and %j is %j", (prefix, workerId, name) => {
    expect(workerVolumeName(prefix, workerId)).toBe(name);
  });

  test("is always a name that Fly takes", () => {
    const text = fc.string({ maxLength: 40 });
    fc.assert(
      fc.property(text, text, (prefix, id) => {
        const name = workerVolumeName(prefix, id);
        expect(name).toMatch(/^[a-z0-9_]{1,30}$/);
        expect(() => checkVolumeName(name)).not.toThrow();
      }),
    );
  });
});

describe("names and ids", () => {
  test.each(["a", "afw-1767614400000-0", "w".repeat(63)])("%s is a machine name", (name) => {
    expect(() => checkMachineName(name)).not.toThrow();
  });
  test.each(["", "1a", "-a", "A", "a_b", "a.b", "a\n", "w".repeat(64)])(
    "%j is no machine name",
    (name) => {
      expect(() => checkMachineName(name)).toThrow(expect.objectContaining({ kind: "invalid" }));
    },
  );

  test("ids are taken as they are or refused", () => {
    expect(checkedId("machine id", "e784126fe16e98")).toBe("e784126fe16e98");
    expect(checkedId("volume id", "vol_4qp1zk9x7rgd")).toBe("vol_4qp1zk9x7rgd");
    expect(checkedId("app name", "my-app")).toBe("my-app");
    for (const bad of ["..", "", "a/b", "vol_1/..", "vol_", "-app", "app-", "a%2f", "vol_1\n"]) {
      expect(() => checkedId("machine id", bad)).toThrow(/Not a Fly machine id/);
      expect(() => checkedId("volume id", bad)).toThrow(/Not a Fly volume id/);
    }
    for (const bad of ["..", "", "a/b", "-app", "app-", "App", "a".repeat(64)]) {
      expect(() => checkedId("app name", bad)).toThrow(/Not a Fly app name/);
    }
  });
});
