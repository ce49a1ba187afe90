/** `ctx.auth.signJwt`: tokens of this deployment, and the public keys that verify them. */
import { generateKeyPairSync, sign } from "node:crypto";

import type { Host } from "./hooks.js";
import type { Runtime } from "./runtime.js";

const MAX_SECONDS = 60 * 60;
const KEY_ID = "local";

export interface SignRequest {
  claims?: Record<string, unknown>;
  expiresInSeconds: number;
}

/**
 * Gives the `ctx.auth` of convex-test, which replaces the real one, the real one's `signJwt`: a syscall, answered by the
 * deployment in whose execution it is made.
 */
export async function installSignJwt(runtime: Runtime): Promise<void> {
  await runtime.transaction("", (ctx) => {
    const auth = Object.getPrototypeOf(ctx.auth) as {
      signJwt?: (r: SignRequest) => Promise<unknown>;
    };
    auth.signJwt ??= async (request) => {
      const { Convex } = globalThis as unknown as { Convex: Host };
      return JSON.parse(
        await Convex.asyncSyscall("1.0/signJwt", JSON.stringify(request)),
      ) as unknown;
    };
    return Promise.resolve();
  });
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
