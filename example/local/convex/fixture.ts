/** A tiny project for the tests of this folder: an app, and a component with an environment. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const REPO = fileURLToPath(new URL("../../..", import.meta.url));

const FILES: Record<string, string> = {
  "package.json": `{ "name": "fixture", "type": "module", "dependencies": { "convex": "*" } }`,

  "component/convex.config.ts": `
    import { defineComponent } from "convex/server";
    import { v } from "convex/values";
    export default defineComponent("jobs", { env: { KEY: v.optional(v.string()) } });`,
  "component/schema.ts": `
    import { defineSchema, defineTable } from "convex/server";
    import { v } from "convex/values";
    export default defineSchema({
      jobs: defineTable({ name: v.string(), taken: v.boolean() }).index("by_taken", ["taken"]),
      ticks: defineTable({ at: v.number() }),
    });`,
  "component/lib.ts": `
    import { v } from "convex/values";
    import { env, internalMutation, mutation, query } from "./_generated/server.js";
    export const add = mutation({ args: { name: v.string() }, returns: v.id("jobs"),
      handler: (ctx, { name }) => ctx.db.insert("jobs", { name, taken: false }) });
    export const claim = mutation({ args: {}, returns: v.union(v.string(), v.null()), handler: async (ctx) => {
      const job = await ctx.db.query("jobs").withIndex("by_taken", (q) => q.eq("taken", false)).first();
      if (job === null) return null;
      await ctx.db.patch(job._id, { taken: true });
      return job._id;
    } });
    export const environment = query({ args: {}, returns: v.any(), handler: async () => {
      console.info("reading", { key: 1 });
      return { key: env.KEY ?? null, other: globalThis.process.env.APP_ONLY ?? null, url: process.env.CONVEX_CLOUD_URL };
    } });
    export const tick = internalMutation({ args: {}, handler: async (ctx) => {
      await ctx.db.insert("ticks", { at: Date.now() });
      return (await ctx.meta.getRequestMetadata()).ip;
    } });
    export const ticks = query({ args: {}, returns: v.number(),
      handler: async (ctx) => (await ctx.db.query("ticks").collect()).length });`,
  "component/crons.ts": `
    import { cronJobs } from "convex/server";
    import { internal } from "./_generated/api.js";
    const crons = cronJobs();
    crons.interval("tick", { seconds: 1 }, internal.lib.tick, {});
    export default crons;`,

  "convex/convex.config.ts": `
    import { defineApp } from "convex/server";
    import { v } from "convex/values";
    import jobs from "../component/convex.config.js";
    const app = defineApp({ env: { APP_KEY: v.optional(v.string()) } });
    app.use(jobs, { env: { KEY: app.env.APP_KEY } });
    export default app;`,
  "convex/schema.ts": `
    import { defineSchema, defineTable } from "convex/server";
    import { v } from "convex/values";
    export default defineSchema({ messages: defineTable({ channel: v.string(), body: v.any() }).index("by_channel", ["channel"]) });`,
  "convex/app.ts": `
    import { ConvexError, v } from "convex/values";
    import { action, internalAction, internalMutation, mutation, query } from "./_generated/server.js";
    import { components, internal } from "./_generated/api.js";
    export const send = mutation({ args: { channel: v.string(), body: v.any() },
      handler: (ctx, args) => ctx.db.insert("messages", args) });
    export const list = query({ args: { channel: v.string() }, handler: async (ctx, { channel }) =>
      (await ctx.db.query("messages").withIndex("by_channel", (q) => q.eq("channel", channel)).collect()).map((m) => m.body) });
    export const page = query({ args: { paginationOpts: v.any() },
      handler: (ctx, { paginationOpts }) => ctx.db.query("messages").paginate(paginationOpts) });
    export const ping = action({ args: { n: v.number() }, handler: async (ctx, { n }) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return n + 1;
    } });
    export const boom = mutation({ args: { typed: v.boolean() }, handler: async (ctx, { typed }) => {
      await ctx.db.insert("messages", { channel: "boom", body: "lost" });
      for (let i = 0; i < 20; i++) await ctx.db.query("messages").take(1);
      throw typed ? new ConvexError({ code: "boom", n: 1n }) : new Error("boom");
    } });
    export const hidden = internalMutation({ args: { channel: v.string(), body: v.any() },
      handler: (ctx, args) => ctx.db.insert("messages", args) });
    export const later = mutation({ args: { channel: v.string(), ms: v.number() }, handler: async (ctx, { channel, ms }) => {
      await ctx.scheduler.runAfter(ms, internal.app.hidden, { channel, body: "later" });
    } });
    export const chain = internalMutation({ args: { left: v.number() }, handler: async (ctx, { left }) => {
      const { ip, scheduledFunctionId } = await ctx.meta.getRequestMetadata();
      await ctx.db.insert("messages", { channel: "chain", body: { ip, scheduled: scheduledFunctionId !== null } });
      if (left > 0) await ctx.scheduler.runAfter(0, internal.app.chain, { left: left - 1 });
    } });
    export const startChain = mutation({ args: { left: v.number() }, handler: async (ctx, args) => {
      await ctx.scheduler.runAfter(0, internal.app.chain, args);
    } });
    export const failLater = mutation({ args: {}, handler: async (ctx) => {
      await ctx.scheduler.runAfter(0, internal.app.fails, {});
    } });
    export const fails = internalAction({ args: {}, handler: async () => { throw new Error("nobody waits"); } });
    export const whoCalls = mutation({ args: {}, handler: async (ctx) => {
      const { ip, userAgent } = await ctx.meta.getRequestMetadata();
      return { ip, userAgent, subject: (await ctx.auth.getUserIdentity())?.subject ?? null };
    } });
    export const uploadUrl = mutation({ args: {}, handler: (ctx) => ctx.storage.generateUploadUrl() });
    export const fileUrl = query({ args: { id: v.id("_storage") }, handler: (ctx, { id }) => ctx.storage.getUrl(id) });
    export const fileMeta = query({ args: { id: v.id("_storage") }, handler: (ctx, { id }) => ctx.db.system.get(id) });
    export const deleteFile = mutation({ args: { id: v.id("_storage") }, handler: (ctx, { id }) => ctx.storage.delete(id) });
    export const storeFile = action({ args: { text: v.string() },
      handler: (ctx, { text }) => ctx.storage.store(new Blob([text], { type: "text/x-note" })) });
    export const storeInMutation = mutation({ args: { text: v.string(), fail: v.boolean() }, handler: async (ctx, { text, fail }) => {
      const id = await ctx.storage.store(new Blob([text], { type: "text/x-note" }));
      if (fail) throw new Error("after the file");
      return { id, text: await (await ctx.storage.get(id))?.text(), meta: await ctx.storage.getMetadata(id) };
    } });
    export const addJob = mutation({ args: { name: v.string() }, handler: (ctx, args): Promise<string> => ctx.runMutation(components.jobs.lib.add, args) });
    export const claimJob = mutation({ args: {}, handler: (ctx): Promise<string | null> => ctx.runMutation(components.jobs.lib.claim, {}) });
    export const environment = query({ args: {}, handler: (ctx): Promise<unknown> => ctx.runQuery(components.jobs.lib.environment, {}) });
    export const ticks = query({ args: {}, handler: (ctx): Promise<number> => ctx.runQuery(components.jobs.lib.ticks, {}) });`,
  "convex/http.ts": `
    import { httpRouter } from "convex/server";
    import { httpAction } from "./_generated/server.js";
    import { api } from "./_generated/api.js";
    const http = httpRouter();
    http.route({ path: "/hello", method: "GET", handler: httpAction(async (ctx, request) => {
      return Response.json({ url: request.url, sent: await ctx.runQuery(api.app.list, { channel: "http" }) });
    }) });
    http.route({ pathPrefix: "/echo/", method: "POST", handler: httpAction(async (ctx, request) => {
      const body = await request.text();
      await ctx.runMutation(api.app.send, { channel: "http", body });
      const { ip } = await ctx.runMutation(api.app.whoCalls, {});
      return new Response(body, { status: 201, headers: { "x-path": new URL(request.url).pathname, "x-ip": String(ip), "x-token": request.headers.get("authorization") ?? "" } });
    }) });
    http.route({ path: "/broken", method: "GET", handler: httpAction(async () => { throw new Error("broken route"); }) });
    export default http;`,
};

/** Writes the project and returns its directory, which the caller removes. */
export function writeFixture(): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "convex-fixture-"));
  for (const [file, source] of Object.entries(FILES)) {
    fs.mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
    fs.writeFileSync(path.join(dir, file), source);
  }
  fs.symlinkSync(path.join(REPO, "node_modules"), path.join(dir, "node_modules"), "dir");
  return dir;
}
