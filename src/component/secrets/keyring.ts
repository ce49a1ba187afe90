/** The keys that are bound, from the text of the environment; which of them opens a row. */
import { agentFactoryError } from "../../shared/errors.js";
import { importSealKey, unseal, isWellFormed, type SealKey } from "./envelope.js";
import { decodeXorHex } from "./legacy.js";
import { LEGACY_ALGORITHM, SEAL_ALGORITHM } from "./validators.js";

/** The texts as bound; blank is absent. A key is only looked at when something needs it. */
export type Keyring = { current: string | undefined; previous: string | undefined };
export type KeyName = "SECRETS_KEY" | "SECRETS_KEY_PREVIOUS";

/** The fields of a row that opening needs. */
export type SealedRow = {
  secretRef: string;
  version: number;
  algorithm: string;
  keyId: string;
  encryptedValue: string;
};

const HOW_TO_SET =
  'run `npx convex env set AGENT_FACTORY_SECRETS_KEY "$(openssl rand -base64 32)"` and bind it with ' +
  "`app.use(agentFactory, { env: { SECRETS_KEY: app.env.AGENT_FACTORY_SECRETS_KEY } })` in convex/convex.config.ts";

/** @throws SECRETS_KEY_MISSING, saying how to set the key, when it is absent or malformed. */
export async function currentKey(keyring: Keyring): Promise<SealKey> {
  const key = await readKey("SECRETS_KEY", keyring.current);
  if (key !== null) return key;
  throw agentFactoryError(
    "SECRETS_KEY_MISSING",
    `Secrets cannot be stored without a key: ${HOW_TO_SET}.`,
  );
}

/** The key of this name, or null when it is absent. @throws SECRETS_KEY_MISSING when it is malformed. */
export async function readKey(name: KeyName, text: string | undefined): Promise<SealKey | null> {
  if (text === undefined || text.trim() === "") return null;
  try {
    return await importSealKey(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "cannot be read";
    throw agentFactoryError(
      "SECRETS_KEY_MISSING",
      `${name} ${reason}. A key is 32 bytes in base64: ${HOW_TO_SET}.`,
    );
  }
}

/**
 * The value of `row`, whichever version of this package stored it.
 * @throws SECRET_UNREADABLE, never with any part of the value; SECRETS_KEY_MISSING when a key is malformed.
 */
export async function openRow(keyring: Keyring, row: SealedRow): Promise<string> {
  const { secretRef, version } = row;
  const unreadable = (message: string) =>
    agentFactoryError("SECRET_UNREADABLE", message, { secretRef, version });

  if (row.algorithm === LEGACY_ALGORITHM) {
    const value = decodeXorHex(row.encryptedValue);
    if (value === null) throw unreadable("Invalid secret payload");
    if (isWellFormed(value)) return value;
    throw unreadable(
      `Secret '${secretRef}' version ${version} lost characters when it was stored. Import it again.`,
    );
  }
  if (row.algorithm !== SEAL_ALGORITHM) {
    throw unreadable(`Unsupported secret algorithm '${row.algorithm}'`);
  }
  const key = await findKey(keyring, row.keyId);
  if (key === null) {
    throw unreadable(
      `Secret '${secretRef}' version ${version} was sealed with key ${row.keyId}, which is not bound. ` +
        "Bind that key as SECRETS_KEY or SECRETS_KEY_PREVIOUS, or import the secret again.",
    );
  }
  const value = await unseal(key, row, row.encryptedValue);
  if (value !== null) return value;
  throw unreadable(
    `Secret '${secretRef}' version ${version} does not open with its key: the row was changed. Import it again.`,
  );
}

/** The previous key is not even parsed while the current one fits: a mistake in it then harms nobody. */
async function findKey(keyring: Keyring, keyId: string): Promise<SealKey | null> {
  const current = await readKey("SECRETS_KEY", keyring.current);
  if (current?.keyId === keyId) return current;
  const previous = await readKey("SECRETS_KEY_PREVIOUS", keyring.previous);
  return previous?.keyId === keyId ? previous : null;
}
