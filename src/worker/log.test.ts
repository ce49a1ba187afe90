import { expect, test } from "vitest";
import { createLog } from "./log.js";

test("one line of JSON, without secrets", () => {
  const lines: string[] = [];
  const log = createLog({
    workerId: "w1",
    clock: { now: () => 0 },
    write: (line) => lines.push(line),
    secrets: ["my-secret-url", ""],
  });
  log.warn("failed", {
    error:
      "my-secret-url\nand afw_aaaaaaaaaaaaaaaaaaaaaaaa and 123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    retryable: false,
    nothing: undefined,
  });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^[^\n]*\n$/);
  expect(JSON.parse(lines[0] ?? "")).toEqual({
    at: "1970-01-01T00:00:00.000Z",
    level: "warn",
    event: "failed",
    workerId: "w1",
    error: "[secret]\nand [worker-token] and [telegram-token]",
    retryable: false,
  });
});
