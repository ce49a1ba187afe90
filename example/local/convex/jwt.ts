/** `ctx.auth.signJwt`: tokens of this deployment, and the public keys that verify them. */
import { generateKeyPairSync, sign } from "node:crypto";

const MAX_SECONDS = 60 * 60;
const KEY_ID = "local";

export interface SignRequest {
  claims?: Record<string, unknown>;
  expiresInSeconds: number;
}

export class JwtSigner {
  readonly #keys = generateKeyPairSync("ec", { namedCurve: "P-256" });

  constructor(readonly issuer: () => string) {}

  sign({ claims = {}, expiresInSeconds }: SignRequest): string {
    if (!(expiresInSeconds >= 1 && expiresInSeconds <= MAX_SECONDS))
      throw new Error(`A token is valid for 1 to ${MAX_SECONDS} seconds.`);
    const iat = Math.floor(Date.now() / 1000);
    const payload = { ...claims, iss: this.issuer(), iat, exp: iat + expiresInSeconds };
    const signed = `${encode({ alg: "ES256", typ: "JWT", kid: KEY_ID })}.${encode(payload)}`;
    const key = { key: this.#keys.privateKey, dsaEncoding: "ieee-p1363" as const };
    return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
  }

  publicKeys(): Record<string, unknown> {
    const key = this.#keys.publicKey.export({ format: "jwk" });
    return { keys: [{ ...key, kid: KEY_ID, alg: "ES256", use: "sig" }] };
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
