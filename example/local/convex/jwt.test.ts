import { createPublicKey, verify } from "node:crypto";
import { expect, test } from "vitest";
import { JwtSigner } from "./jwt.js";

const decode = (part = "") => JSON.parse(Buffer.from(part, "base64url").toString()) as object;

test("a token is verified by the published key, and a changed one is not", () => {
  const signer = new JwtSigner(() => "https://local");
  const claims = { sub: "ada", aud: "demo" };
  const [header = "", payload = "", signature = ""] = signer
    .sign({ claims, expiresInSeconds: 60 })
    .split(".");
  expect(decode(header)).toMatchObject({ alg: "ES256" });
  const told = decode(payload) as { iat: number; exp: number };
  expect(told).toMatchObject({ ...claims, iss: "https://local" });
  expect(told.exp - told.iat).toBe(60);

  const { keys } = signer.publicKeys() as { keys: [Record<string, string>] };
  const key = createPublicKey({ key: keys[0], format: "jwk" });
  const isValid = (text: string) =>
    verify(
      "sha256",
      Buffer.from(text),
      { key, dsaEncoding: "ieee-p1363" },
      Buffer.from(signature, "base64url"),
    );
  expect(isValid(`${header}.${payload}`)).toBe(true);
  expect(isValid(`${header}.${payload}x`)).toBe(false);
  expect(keys[0]).not.toHaveProperty("d");
});

test.each([0, 3601, NaN])("no token is valid for %s seconds", (expiresInSeconds) => {
  const signer = new JwtSigner(() => "https://local");
  expect(() => signer.sign({ expiresInSeconds })).toThrow("1 to 3600 seconds");
});
