import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { anyApi, type FunctionReference } from "convex/server";
import { ConvexError } from "convex/values";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { writeFixture } from "./fixture.js";
import { startLocalConvex, type FunctionFailure, type LocalConvex, type LogLine } from "./index.js";

type Anything = FunctionReference<"query" & "mutation" & "action">;
const api = anyApi.app as unknown as Record<string, Anything>;
const ref = <K extends "query" | "mutation" | "action">(name: string) =>
  api[name] as unknown as FunctionReference<K, "public", Record<string, unknown>, unknown>;
const query = (name: string, args = {}) => client.query(ref<"query">(name), args);
const mutation = (name: string, args = {}) => client.mutation(ref<"mutation">(name), args);
const action = (name: string, args = {}) => client.action(ref<"action">(name), args);
const list = async (channel: string) => (await query("list", { channel })) as unknown[];

const env: Record<string, string> = { APP_KEY: "first", APP_ONLY: "private" };
const logs: LogLine[] = [];
const failures: FunctionFailure[] = [];
let projectDir: string;
let local: LocalConvex;
let client: ConvexHttpClient;

beforeAll(async () => {
  projectDir = writeFixture();
  local = await startLocalConvex({
    projectDir,
    env,
    onLog: (line) => logs.push(line),
    onFunctionError: (failure) => failures.push(failure),
  });
  client = new ConvexHttpClient(local.cloudUrl);
});

afterAll(async () => {
  await local.close();
  fs.rmSync(projectDir, { recursive: true });
});

describe("functions over HTTP", () => {
  test("queries, mutations and actions, with all kinds of values", async () => {
    const body = { big: 1n, bytes: new Uint8Array([1, 2]).buffer, list: [null, 1.5] };
    expect(await mutation("send", { channel: "values", body })).toMatch(/messages$/);
    expect(await list("values")).toEqual([body]);
    expect(await action("ping", { n: 41 })).toBe(42);
  });

  test("a failed mutation leaves nothing, and a ConvexError brings its data", async () => {
    await expect(mutation("boom", { typed: false })).rejects.toThrow(/Uncaught Error: boom/);
    const error: unknown = await mutation("boom", { typed: true }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConvexError);
    expect((error as ConvexError<{ code: string }>).data).toEqual({ code: "boom", n: 1n });
    expect(await list("boom")).toEqual([]);
  });

  test("functions answer a client only when public, and as what they are", async () => {
    await expect(mutation("hidden", { channel: "x", body: 1 })).rejects.toThrow(/public function/);
    await expect(mutation("nothing")).rejects.toThrow(/public function/);
    await expect(query("send", { channel: "x", body: 1 })).rejects.toThrow(/defined as mutation/);
    await expect(mutation("send", { channel: 1 })).rejects.toThrow(/[Vv]alidat/);
    expect(await list("x")).toEqual([]);
  });

  test("HTTP statuses: 560 for a failed function, 400 for no call, 404 elsewhere", async () => {
    const post = (at: string, body: string) => fetch(local.cloudUrl + at, { method: "POST", body });
    const call = JSON.stringify({ path: "app:boom", args: { typed: true } });
    const failed = await post("/api/mutation", call);
    expect(failed.status).toBe(560);
    const errorData = { code: "boom", n: { $integer: "AQAAAAAAAAA=" } };
    expect(await failed.json()).toMatchObject({ status: "error", errorData });
    expect((await post("/api/query", "{")).status).toBe(400);
    expect((await post("/api/nothing", "{}")).status).toBe(404);
  });

  test("who calls is known for a client", async () => {
    const claims = Buffer.from(JSON.stringify({ sub: "ada", iss: "https://id" })).toString(
      "base64url",
    );
    const signedIn = new ConvexHttpClient(local.cloudUrl, { auth: `h.${claims}.s` });
    const who = (await signedIn.mutation(ref<"mutation">("whoCalls"), {})) as Record<
      string,
      unknown
    >;
    expect(who).toMatchObject({ subject: "ada", userAgent: expect.any(String) as string });
    expect(who.ip).toMatch(/127\.0\.0\.1$/);
    expect(await mutation("whoCalls")).toMatchObject({ subject: null });
  });

  test("five clients polling and writing at once", async () => {
    const started = Date.now();
    await Promise.all(
      Array.from({ length: 5 }, async (_, n) => {
        const own = new ConvexHttpClient(local.cloudUrl);
        for (let i = 0; i < 10; i++) {
          await own.mutation(ref<"mutation">("send"), { channel: `poll${n}`, body: i });
          const seen = await own.query(ref<"query">("list"), { channel: `poll${n}` });
          expect(seen).toHaveLength(i + 1);
        }
      }),
    );
    // 100 calls; five clients at 5 calls per second would have four seconds for them.
    expect(Date.now() - started).toBeLessThan(4000);
  });

  test("parallel claims hand out each job once", async () => {
    for (let i = 0; i < 20; i++) await mutation("addJob", { name: String(i) });
    const claims = await Promise.all(Array.from({ length: 25 }, () => mutation("claimJob")));
    const taken = claims.filter((id) => id !== null);
    expect(taken).toHaveLength(20);
    expect(new Set(taken).size).toBe(20);
  });
});

describe("environment and logs", () => {
  test("a component sees what is bound to it, and follows changes", async () => {
    expect(await query("environment")).toEqual({ key: "first", other: null, url: local.cloudUrl });
    env.APP_KEY = "second";
    expect(await query("environment")).toMatchObject({ key: "second" });
    delete env.APP_KEY;
    expect(await query("environment")).toMatchObject({ key: null });
  });

  test("the console of functions goes to onLog", async () => {
    const print = vi.spyOn(console, "info");
    await query("environment");
    expect(logs.at(-1)).toEqual({
      componentPath: "jobs",
      level: "info",
      message: "reading { key: 1 }",
    });
    expect(print).not.toHaveBeenCalled();
  });
});

describe("scheduling", () => {
  test("a scheduled function runs after its delay", async () => {
    const started = Date.now();
    await mutation("later", { channel: "later", ms: 300 });
    expect(await list("later")).toEqual([]);
    await vi.waitFor(async () => expect(await list("later")).toEqual(["later"]), 2000);
    expect(Date.now() - started).toBeGreaterThanOrEqual(290);
  });

  test("beyond the 24.8 days of a Node timer it does not run at once", async () => {
    await mutation("later", { channel: "far", ms: 30 * 24 * 3600 * 1000 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await list("far")).toEqual([]);
  });

  test("scheduled functions have no caller, however long the chain", async () => {
    await mutation("startChain", { left: 30 });
    await vi.waitFor(async () => expect(await list("chain")).toHaveLength(31), 5000);
    expect(new Set((await list("chain")).map((m) => JSON.stringify(m)))).toEqual(
      new Set([JSON.stringify({ ip: null, scheduled: true })]),
    );
  });

  test("a scheduled function that fails is reported and marked", async () => {
    await mutation("failLater");
    await vi.waitFor(() => expect(failures.map((f) => f.source)).toContain("scheduler"));
    const failure = failures.find((f) => f.source === "scheduler");
    expect(failure).toMatchObject({ name: "app:fails", error: new Error("nobody waits") });
    await vi.waitFor(async () => {
      const jobs = (await local.dump())[""]?._scheduled_functions ?? [];
      expect(jobs.find((job) => job.name === "app:fails")?.state).toMatchObject({ kind: "failed" });
    });
  });

  test("the cron of a component runs at its interval, without a caller", async () => {
    const before = (await query("ticks")) as number;
    await vi.waitFor(async () => expect(await query("ticks")).toBeGreaterThan(before + 1), 5000);
    expect(await local.runInternal("jobs", "lib:tick")).toBeNull();
  });
});

describe("HTTP actions", () => {
  test("exact paths, prefixes, and the request as it was sent", async () => {
    const echo = await fetch(`${local.siteUrl}/echo/a/b?c=1`, {
      method: "POST",
      body: "hey",
      headers: { authorization: "Bearer worker-token" },
    });
    expect([echo.status, await echo.text()]).toEqual([201, "hey"]);
    expect(echo.headers.get("x-path")).toBe("/echo/a/b");
    expect(echo.headers.get("x-token")).toBe("Bearer worker-token");
    expect(echo.headers.get("x-ip")).toMatch(/127\.0\.0\.1$/);
    const hello = await fetch(`${local.siteUrl}/hello?q=1`);
    expect(await hello.json()).toEqual({ url: `${local.siteUrl}/hello?q=1`, sent: ["hey"] });
  });

  test("404 without a route, 500 for a handler that throws", async () => {
    expect((await fetch(`${local.siteUrl}/nope`)).status).toBe(404);
    expect((await fetch(`${local.siteUrl}/hello`, { method: "POST" })).status).toBe(404);
    expect((await fetch(`${local.siteUrl}/broken`)).status).toBe(500);
    expect(failures).toContainEqual(
      expect.objectContaining({ source: "http", name: "GET /broken" }),
    );
  });
});

describe("files", () => {
  test("upload, metadata, download, delete", async () => {
    const upload = await fetch((await mutation("uploadUrl")) as string, {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: "file!",
    });
    const { storageId: id } = (await upload.json()) as { storageId: string };
    expect(await query("fileMeta", { id })).toMatchObject({ size: 5, contentType: "text/plain" });
    const url = (await query("fileUrl", { id })) as string;
    expect(await query("fileUrl", { id })).toBe(url);
    const file = await fetch(url);
    expect([await file.text(), file.headers.get("content-type")]).toEqual(["file!", "text/plain"]);
    await mutation("deleteFile", { id });
    expect(await query("fileUrl", { id })).toBeNull();
    expect((await fetch(url)).status).toBe(404);
  });

  test("a mutation stores files in its transaction", async () => {
    const stored = await mutation("storeInMutation", { text: "note", fail: false });
    const meta = { size: 4, contentType: "text/x-note" };
    expect(stored).toMatchObject({ text: "note", meta });
    const count = async () => (await local.dump())[""]?._storage?.length;
    const before = await count();
    await expect(mutation("storeInMutation", { text: "x", fail: true })).rejects.toThrow(/after/);
    expect(await count()).toBe(before);
  });

  test("a made-up upload URL is refused", async () => {
    const at = `${local.cloudUrl}/api/storage/upload?token=guess`;
    expect((await fetch(at, { method: "POST", body: "x" })).status).toBe(403);
  });

  test("a file stored by an action survives the roll backs around it", async () => {
    const stores = Array.from({ length: 10 }, (_, n) => action("storeFile", { text: String(n) }));
    const booms = Array.from({ length: 20 }, () =>
      mutation("boom", { typed: false }).catch(() => null),
    );
    const ids = await Promise.all(stores);
    await Promise.all(booms);
    for (const [n, id] of ids.entries()) {
      const file = await fetch((await query("fileUrl", { id })) as string);
      expect([await file.text(), file.headers.get("content-type")]).toEqual([
        String(n),
        "text/x-note",
      ]);
    }
  });
});

describe("the sync protocol", () => {
  test("subscriptions see the writes of everyone; mutations and actions answer", async () => {
    const ws = new ConvexClient(local.cloudUrl, {
      logger: false,
      webSocketConstructor: WebSocket as unknown as typeof globalThis.WebSocket,
    });
    const seen: unknown[][] = [];
    ws.onUpdate(ref<"query">("list"), { channel: "live" }, (value) =>
      seen.push(value as unknown[]),
    );
    await vi.waitFor(() => expect(seen).toEqual([[]]));
    await ws.mutation(ref<"mutation">("send"), { channel: "live", body: "own" });
    await mutation("send", { channel: "live", body: "other" });
    await vi.waitFor(() => expect(seen.at(-1)).toEqual(["own", "other"]));
    await mutation("later", { channel: "live", ms: 50 });
    await vi.waitFor(() => expect(seen.at(-1)).toEqual(["own", "other", "later"]));
    expect(await ws.action(ref<"action">("ping"), { n: 1 })).toBe(2);
    await expect(ws.mutation(ref<"mutation">("boom"), { typed: false })).rejects.toThrow(/boom/);
    const failed: Error[] = [];
    ws.onUpdate(
      ref<"query">("list"),
      { channel: 1 },
      () => undefined,
      (e) => failed.push(e),
    );
    await vi.waitFor(() => expect(failed).toHaveLength(1));
    const runs = seen.length;
    await mutation("send", { channel: "elsewhere", body: 1 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen).toHaveLength(runs);
    await ws.close();
  });
});

describe("operators", () => {
  test("dump shows every table of every instance", async () => {
    await mutation("addJob", { name: "dumped" });
    const dump = await local.dump();
    expect(Object.keys(dump)).toEqual(["", "jobs"]);
    expect(Object.keys(dump.jobs ?? {})).toEqual([
      "jobs",
      "ticks",
      "_scheduled_functions",
      "_storage",
    ]);
    expect(dump.jobs?.jobs).toContainEqual(expect.objectContaining({ name: "dumped" }));
    expect(dump[""]?.messages?.length).toBeGreaterThan(16);
  });

  test("runInternal runs internal functions of the app and of components", async () => {
    await local.runInternal("", "app:hidden", { channel: "operator", body: 1 });
    expect(await list("operator")).toEqual([1]);
    expect(await local.runInternal("jobs", "lib:add", { name: "x" })).toMatch(/jobs$/);
    await expect(local.runInternal("jobs", "lib:nothing")).rejects.toThrow(
      /Could not find function/,
    );
  });
});

test("after close the process ends by itself and leaves no files", async () => {
  const tmp = fs.mkdtempSync(path.join(projectDir, "tmp-"));
  const index = fileURLToPath(new URL("./index.ts", import.meta.url));
  const script = path.join(projectDir, "close.ts");
  fs.writeFileSync(
    script,
    `import { startLocalConvex } from ${JSON.stringify(index)};
     const local = await startLocalConvex({ projectDir: ${JSON.stringify(projectDir)} });
     for (const ms of [0, 60_000, 30 * 24 * 3600 * 1000]) {
       await local.runInternal("", "app:later", { channel: "x", ms });
     }
     const hello = await fetch(local.siteUrl + "/hello");
     console.log(hello.status);
     await local.close();
     await local.close();`,
  );
  const child = spawn(process.execPath, ["--import", "tsx", script], {
    cwd: projectDir,
    env: { ...process.env, TMPDIR: tmp },
    timeout: 30_000,
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect({ code, output }).toEqual({ code: 0, output: "200\n" });
  expect(
    fs.readdirSync(tmp).filter((name) => !name.startsWith("tsx-") && name !== "node-compile-cache"),
  ).toEqual([]);
});

test("a project that does not bundle says why", async () => {
  const broken = writeFixture();
  fs.appendFileSync(path.join(broken, "convex/app.ts"), `\nimport "./missing.js";`);
  await expect(startLocalConvex({ projectDir: broken })).rejects.toThrow(/missing\.js/);
  fs.rmSync(broken, { recursive: true });
});
