import { afterEach, beforeEach, expect, test } from "vitest";
import { read } from "./client.setup.js";
import { startLocalFly, type LocalFly } from "./server.js";

let fly: LocalFly;

beforeEach(async () => {
  fly = await startLocalFly({ clock: "virtual", controlSecret: "open sesame" });
});
afterEach(() => fly.close());

const headers = { authorization: "Bearer fm2_local" };
const machines = () => `${fly.url}/v1/apps/local-workers/machines`;

function control(method: string, path: string, body?: unknown, secret = "open sesame") {
  return fetch(`${fly.url}/_fake/${path}`, {
    method,
    headers: { "x-fake-control": secret },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).then(read);
}

test("it listens on the loopback interface and answers as the core does", async () => {
  expect(fly.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const body = JSON.stringify({ name: "worker-1", region: "fra", config: { image: "a" } });
  const created = await read(await fetch(machines(), { method: "POST", headers, body }));
  expect(created).toMatchObject({ status: 200, json: { name: "worker-1" } });
  const list = await read(await fetch(machines(), { headers }));
  expect(list.json).toMatchObject([{ name: "worker-1" }]);
  expect(list.headers.get("content-type")).toBe("application/json; charset=utf-8");
  expect(list.headers.get("server")).toBe("Fly/fake");
});

test("an empty path segment is not followed, nor taken for a host", async () => {
  const options = { headers, redirect: "manual" } as const;
  expect((await fetch(`${machines()}//wait`, options)).status).toBe(301);
  expect((await fetch(`${fly.url}//v1/apps`, options)).headers.get("location")).toBe("/v1/apps");
});

test("a reset cuts the connection after the work was done", async () => {
  fly.control.scenario("ambiguousCreateReset");
  const body = JSON.stringify({ config: { image: "a" } });
  await expect(fetch(machines(), { method: "POST", headers, body })).rejects.toThrow(TypeError);
  expect(fly.control.machines()).toHaveLength(1);
});

test("a request that hangs ends with the client's patience, or with the server", async () => {
  fly.control.fault({ effect: { kind: "hang" } });
  const impatient = fetch(machines(), { headers, signal: AbortSignal.timeout(50) });
  await expect(impatient).rejects.toThrow("aborted due to timeout");
  const patient = fetch(machines(), { headers });
  const cut = expect(patient).rejects.toThrow(TypeError);
  await fly.close();
  await cut;
});

test("the control opens to its secret only", async () => {
  expect(await control("GET", "bill", undefined, "guess")).toMatchObject({
    status: 404,
    text: "404 page not found",
  });
  expect((await control("GET", "bill")).json).toMatchObject({ totalUsd: 0, runningNow: 0 });
});

test("another process can see, break, repair and move time", async () => {
  const body = JSON.stringify({ config: { image: "a", restart: { policy: "no" } } });
  await fetch(machines(), { method: "POST", headers, body });
  await control("POST", "advance", { ms: 10_000 });
  const [machine] = fly.control.machines();
  expect((await control("GET", "machines")).json).toMatchObject([{ state: "started" }]);
  expect((await control("GET", "volumes")).json).toEqual([]);

  await control("POST", "fault", { effect: { kind: "status", status: 500, plain: "no" } });
  expect(await read(await fetch(machines(), { headers }))).toMatchObject({
    status: 500,
    text: "no",
  });
  await control("POST", "clearFaults");
  expect((await fetch(machines(), { headers })).status).toBe(200);

  await control("POST", "exit", { id: machine?.id, code: 2 });
  expect(fly.control.machines()).toMatchObject([{ state: "stopped" }]);
  expect((await control("POST", "exit", { id: "nobody", code: 2 })).status).toBe(400);
  expect((await control("POST", "fault", { effect: { kind: "magic" } })).status).toBe(400);
  expect((await control("POST", "unknown")).status).toBe(404);
});
