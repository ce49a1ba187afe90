import { afterEach, describe, expect, test, vi } from "vitest";
import { MINUTE_MS } from "../../shared/time.js";
import { api } from "../_generated/api.js";
import { NOW, startWithUser } from "../push/push.fixture.js";
import { PROVIDER, send, type T } from "../setup.test.js";

afterEach(() => vi.useRealTimers());
const WHO = { consumerUserId: "ada", agentKey: "a" };

async function write(t: T, content = "hi") {
  return await t.mutation(api.lib.sendMessageToUserAgent, { ...WHO, content });
}
async function why(t: T, messageId: Awaited<ReturnType<typeof write>>) {
  return (await t.query(api.lib.explainMessage, { messageId }))!;
}

describe("why a message is not answered", () => {
  test("config, secret, order, pause, agent, schedule, answer, retry, operator", async () => {
    const t = await startWithUser();
    const first = await write(t);
    expect(await why(t, first)).toMatchObject({ state: "queued", waitsFor: "config", since: NOW });
    await t.mutation(api.lib.setProviderRuntimeConfig, { providerConfig: PROVIDER });
    const secret = await why(t, first);
    expect(secret.waitsFor).toBe("secret");
    expect(secret.detail).toContain("fly.apiToken and convex.url");
    expect(secret.warnings).toContain("The secret 'fly.apiToken' has no value.");

    const second = await write(t, "again");
    expect(await why(t, second)).toMatchObject({ waitsFor: "order", behindMessageId: first });

    const conversationId = "user-agent:a:ada";
    await t.mutation(api.lib.pauseConversation, { conversationId, reason: "holiday" });
    expect((await why(t, first)).detail).toBe("An operator paused the conversation: holiday.");
    await t.mutation(api.lib.resumeConversation, { conversationId });
    await t.mutation(api.lib.pauseAgent, { agentKey: "a" });
    expect(await why(t, first)).toMatchObject({ waitsFor: "agent" });
    await t.mutation(api.lib.resumeAgent, { agentKey: "a" });

    const later = await send(t, "c2", "x", { agentKey: "a", scheduledFor: NOW + MINUTE_MS });
    expect(await why(t, later)).toMatchObject({ waitsFor: "schedule", until: NOW + MINUTE_MS });

    const job = (await t.mutation(api.lib.claim, { workerId: "w", conversationId }))!;
    expect(await why(t, first)).toMatchObject({ waitsFor: "answer", workerId: "w", since: NOW });
    await t.mutation(api.lib.fail, {
      workerId: "w",
      messageId: first,
      leaseId: job.leaseId,
      errorMessage: "model is down",
    });
    const retry = await why(t, first);
    expect(retry.waitsFor).toBe("retry");
    expect(retry.detail).toContain("model is down");
    expect(retry.until).toBeGreaterThan(NOW);
    expect(retry.events.map((event) => event.kind)).toContain("claimed");
  });

  test("null for a message that is gone", async () => {
    const t = await startWithUser();
    const messageId = await write(t);
    await t.run(async (ctx) => await ctx.db.delete("messageQueue", messageId));
    expect(await t.query(api.lib.explainMessage, { messageId })).toBeNull();
  });
});

describe("a user's page", () => {
  test("needs an active binding to write", async () => {
    const t = await startWithUser();
    await t.mutation(api.lib.revokeUserAgentBinding, { consumerUserId: "ada" });
    await expect(write(t)).rejects.toThrow(
      "No active binding found for consumerUserId and agentKey",
    );
  });

  test("filters messages before it limits them, and counts", async () => {
    const t = await startWithUser();
    const dead = await write(t, "dead");
    await t.run(async (ctx) => await ctx.db.patch("messageQueue", dead, { status: "dead_letter" }));
    for (let i = 0; i < 5; i++) await write(t, `m${i}`);
    const list = async (statuses: ("dead_letter" | "queued")[], limit: number) =>
      (await t.query(api.lib.listQueueItemsForUserAgent, { ...WHO, statuses, limit })).map(
        (item) => item.payload.messageText,
      );
    expect(await list(["dead_letter"], 1)).toEqual(["dead"]);
    expect(await list(["queued", "dead_letter"], 2)).toEqual(["m4", "m3"]);
    expect(await t.query(api.lib.getUserAgentConversationStats, WHO)).toMatchObject({
      failedMessages: 1,
    });
    const view = await t.query(api.lib.getConversationViewForUserAgent, { ...WHO, limit: 2 });
    expect(view).toMatchObject({ conversationId: "user-agent:a:ada", hasQueuedJobs: true });
    expect(view.queueItems.length).toBe(2);
  });
});

describe("message templates", () => {
  const template = { title: "Good Day!", text: "Hi", tags: [" B", "a", "b"], actorUserId: "boss" };
  test("keys, company scope, use, refusals", async () => {
    const t = await startWithUser();
    const create = async (more: object = {}) =>
      await t.mutation(api.lib.createMessageTemplate, { ...template, ...more });
    await expect(create({ title: " " })).rejects.toThrow("Template title is required");
    await expect(create({ text: " " })).rejects.toThrow("Template text is required");
    const shared = await create();
    await create();
    const ours = await create({ companyId: "x" });
    const theirs = await create({ companyId: "y" });
    const keys = async (companyId?: string) =>
      (
        await t.query(
          api.lib.listMessageTemplatesByCompany,
          companyId === undefined ? {} : { companyId },
        )
      ).map((one) => `${one.companyId ?? "-"}/${one.templateKey}`);
    expect((await keys()).sort()).toEqual(["-/good-day", "-/good-day-2"]);
    expect((await keys("x")).sort()).toEqual(["-/good-day", "-/good-day-2", "x/good-day"]);

    const use = async (templateId: typeof shared) =>
      await t.mutation(api.lib.sendMessageTemplateToUserAgent, { ...WHO, templateId });
    expect(await use(shared)).toMatchObject({ usageCount: 1 });
    expect(await use(shared)).toMatchObject({ usageCount: 2 });
    await t.run(async (ctx) => {
      const profile = (await ctx.db.query("agentProfiles").first())!;
      await ctx.db.patch("agentProfiles", profile._id, { companyId: "x" });
    });
    await use(ours);
    await expect(use(theirs)).rejects.toThrow("Message template not found");
    const [top] = await t.query(api.lib.listMessageTemplatesByCompany, { limit: 1 });
    expect(top).toMatchObject({ _id: shared, usageCount: 2, tags: ["a", "b"] });
    const change = { templateId: ours, companyId: "y", text: "?", actorUserId: "eve" };
    expect(await t.mutation(api.lib.updateMessageTemplate, change)).toBe(false);
    expect(await t.mutation(api.lib.deleteMessageTemplate, { templateId: ours })).toBe(true);
  });
});
