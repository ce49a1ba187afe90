import { describe, expect, test } from "vitest";
import { authorizationHeader, normalizeBaseUrl, withoutSecrets } from "./auth.js";

describe("authorizationHeader", () => {
  test.each([
    ["abc", "Bearer abc"],
    ["  abc\n", "Bearer abc"],
    ["Bearer abc", "Bearer abc"],
    ["bearer   abc", "Bearer abc"],
    ["FlyV1 fm2_abc", "FlyV1 fm2_abc"],
    ["flyv1 fm2_abc", "FlyV1 fm2_abc"],
    ["FlyV1fm2_abc", "FlyV1 fm2_abc"],
    ["Bearer fm2_abc", "FlyV1 fm2_abc"],
    ["fm1r_a", "FlyV1 fm1r_a"],
    ["fm1a_a", "FlyV1 fm1a_a"],
    ["FlyV1 fm2_a, fm2_b,,fo1_c", "FlyV1 fm2_a,fm2_b,fo1_c"],
    ["xfm2_a", "Bearer xfm2_a"],
  ])("%j goes as %j", (token, header) => {
    expect(authorizationHeader(token)).toBe(header);
  });

  test.each(["", "  ", "Bearer ", "a\r\nX-Other: 1", "a\0b", "a\tb", "tokén", ","])(
    "%j is refused without being shown",
    (token) => {
      expect(() => authorizationHeader(token)).toThrow(
        expect.objectContaining({ kind: "auth", message: expect.not.stringContaining("X-Other") }),
      );
    },
  );
});

describe("normalizeBaseUrl", () => {
  test.each([
    [undefined, "https://api.machines.dev/v1"],
    ["https://api.machines.dev", "https://api.machines.dev/v1"],
    ["https://api.machines.dev/", "https://api.machines.dev/v1"],
    ["https://api.machines.dev/v1", "https://api.machines.dev/v1"],
    [" https://api.machines.dev/v1// ", "https://api.machines.dev/v1"],
    ["https://proxy.example/fly/v1/", "https://proxy.example/fly/v1"],
    ["http://127.0.0.1:4280", "http://127.0.0.1:4280/v1"],
    ["http://localhost:1/v1", "http://localhost:1/v1"],
    ["http://_api.internal:4280", "http://_api.internal:4280/v1"],
  ])("%j is %j", (given, base) => {
    expect(normalizeBaseUrl(given)).toBe(base);
  });

  test.each([
    "",
    "api.machines.dev",
    "http://api.machines.dev",
    "http://127.0.0.1.evil.example",
    "ftp://127.0.0.1",
    "https://user:secret@api.machines.dev",
    "https://api.machines.dev?x=1",
    "https://api.machines.dev#x",
  ])("%j is refused", (given) => {
    expect(() => normalizeBaseUrl(given)).toThrow(
      expect.objectContaining({ kind: "invalid", message: expect.not.stringContaining("secret") }),
    );
  });
});

test("withoutSecrets leaves no part of a secret that contains another", () => {
  expect(withoutSecrets("a=topsecret-1 b=topsecret", ["topsecret", "topsecret-1"])).toBe(
    "a=[redacted] b=[redacted]",
  );
});
