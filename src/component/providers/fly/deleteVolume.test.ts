import { describe, expect, test } from "vitest";
import { isAgentFactoryError } from "../../../shared/errors.js";
import { deleteFlyVolume } from "./deleteVolume.js";

const args = { appName: " workers ", volumeId: "vol_1", flyApiToken: "fm2_secret-token" };

function withAnswer(answer: () => Response) {
  const sent: { url: string; init: RequestInit }[] = [];
  const fetch = async (url: string, init: RequestInit) => {
    sent.push({ url, init });
    return Promise.resolve(answer());
  };
  return { sent, run: (given = args) => deleteFlyVolume(given, { fetch }) };
}

async function refusal(promise: Promise<unknown>) {
  const thrown: unknown = await promise.then(
    () => null,
    (caught: unknown) => caught,
  );
  if (!isAgentFactoryError(thrown)) throw new Error("expected an error of the component");
  return thrown.data;
}

describe("deleteFlyVolume", () => {
  test("gives Fly's answer back", async () => {
    const { run, sent } = withAnswer(() => new Response('{"id":"vol_1"}', { status: 200 }));
    expect(await run()).toEqual({ ok: true, status: 200, message: '{"id":"vol_1"}' });
    expect(sent[0]).toMatchObject({
      url: "https://api.machines.dev/v1/apps/workers/volumes/vol_1",
      init: { method: "DELETE", headers: { Authorization: "FlyV1 fm2_secret-token" } },
    });
  });

  test.each([
    [500, { kind: "failed", reason: "status 500" }],
    [429, { kind: "limited" }],
    [404, { kind: "answered" }],
    [200, { kind: "answered" }],
  ])("tells the gate of the app what came of it: %i", async (status, outcome) => {
    const told: unknown[] = [];
    const governor = {
      admit: () => Promise.resolve(),
      settle: (...given: unknown[]) => Promise.resolve(void told.push(given)),
    };
    const fetch = () => Promise.resolve(new Response("{}", { status }));
    await deleteFlyVolume(args, { fetch, governor: () => governor }).catch(() => undefined);
    expect(told).toEqual([["volumeDestroy", outcome]]);
  });

  test("has a sentence for an empty answer", async () => {
    const { run } = withAnswer(() => new Response(null, { status: 204 }));
    expect(await run()).toEqual({ ok: true, status: 204, message: "Volume eliminato." });
  });

  test.each([
    [{ appName: " " }, "INVALID_ARGUMENT", "appName e volumeId sono obbligatori."],
    [{ volumeId: "" }, "INVALID_ARGUMENT", "appName e volumeId sono obbligatori."],
    [{ flyApiToken: " " }, "SECRET_MISSING", "flyApiToken mancante: passalo come argomento."],
    [{ volumeId: ".." }, "INVALID_ARGUMENT", 'Not a Fly volume id: ".."'],
    [{ appName: "a/b" }, "INVALID_ARGUMENT", 'Not a Fly app name: "a/b"'],
  ])("refuses %o before it sends anything", async (wrong, code, message) => {
    const { run, sent } = withAnswer(() => new Response("{}"));
    expect(await refusal(run({ ...args, ...wrong }))).toMatchObject({ code, message });
    expect(sent).toEqual([]);
  });

  test.each([
    [
      404,
      '{"error":"volume not found"}',
      'Delete volume fallita (404): {"error":"volume not found"}',
    ],
    [412, "", "Delete volume fallita (412): errore sconosciuto"],
    [401, "no fm2_secret-token", "Delete volume fallita (401): no [redacted]"],
  ])("reports a %i", async (status, body, message) => {
    const { run } = withAnswer(() => new Response(body, { status }));
    expect(await refusal(run())).toEqual({ code: "PROVIDER_FAILED", message, status });
  });

  test("reports that Fly did not answer, without the token", async () => {
    const { run } = withAnswer(() => {
      throw new TypeError(`bad header ${args.flyApiToken}`);
    });
    expect(await refusal(run())).toEqual({
      code: "PROVIDER_FAILED",
      message: "Fly did not answer the delete of vol_1: network error",
    });
  });
});
