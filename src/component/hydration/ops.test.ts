import { beforeEach, describe, expect, test, vi } from "vitest";
import { api } from "../_generated/api.js";
import type { Id } from "../kit/functions.js";
import {
  complete,
  deliver,
  fail,
  mustClaim,
  pass,
  queueTest,
  send,
  START,
  store,
  useTestClock,
  type T,
} from "../queue/setup.test.js";

useTestClock();
beforeEach(() => {
  vi.stubEnv("SECRETS_KEY", btoa("k".repeat(32)));
  return () => vi.unstubAllEnvs();
});

const hydrate = async (t: T, messageId: Id<"messageQueue">, workerId?: string) =>
  await t.query(api.lib.getHydrationBundle, {
    messageId,
    workspaceId: "default",
    ...(workerId === undefined ? {} : { workerId }),
  });
const secret = async (t: T, secretRef: string, plaintextValue: string) =>
  await t.mutation(api.lib.importSecret, { secretRef, plaintextValue });
const configure = async (t: T, more: Partial<(typeof api.lib.configureAgent)["_args"]>) =>
  await t.mutation(api.lib.configureAgent, {
    agentKey: "default",
    version: "1.0.0",
    secretsRef: [],
    enabled: true,
    ...more,
  });

describe("the bundle of a claimed message", () => {
  test("has everything, and nothing that was not configured", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1", "question");
    await mustClaim(t, "w1");
    expect(await hydrate(t, messageId)).toEqual({
      messageId,
      conversationId: "c1",
      agentKey: "default",
      payload: {
        provider: "system_push",
        providerUserId: "user-1",
        messageText: "question",
        metadata: { providerUserId: "user-1" },
      },
      conversationState: { contextHistory: [], pendingToolCalls: [] },
      telegramBotToken: null,
      bridgeRuntimeConfig: null,
      userText: "question",
      systemPrompt: null,
      answer: null,
      deliveryPolicy: { onUnknown: "silence" },
    });
  });

  test("carries the prompt of the moment, apart and after the text", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1", "question ");
    await mustClaim(t, "w1");
    await t.mutation(api.lib.setMessageRuntimeConfig, {
      messageConfig: { systemPrompt: "Be brief." },
    });
    expect(await hydrate(t, messageId)).toMatchObject({
      userText: "question ",
      systemPrompt: "Be brief.",
      payload: { messageText: "question\n\nBe brief." },
    });
  });

  test("keeps the prompt out of the history and the queue views", async () => {
    const t = await queueTest();
    await t.mutation(api.lib.setMessageRuntimeConfig, {
      messageConfig: { systemPrompt: "Be brief." },
    });
    await send(t, "c1", "question");
    const { ref } = await mustClaim(t, "w1");
    await store(t, ref, "answer");
    const items = await t.query(api.lib.listQueueItemsForConversation, { conversationId: "c1" });
    const { entries } = await t.query(api.lib.listConversationMessages, { conversationId: "c1" });
    expect(JSON.stringify([items, entries])).not.toContain("Be brief.");
  });

  test("has the window of the history that the policy allows", async () => {
    const t = await queueTest();
    await t.mutation(api.lib.setPolicyConfig, {
      policy: { hydration: { maxContextTokens: 12 } },
    });
    await send(t, "c1", "one");
    const first = await mustClaim(t, "w1");
    await store(t, first.ref, "two");
    await complete(t, first.ref);
    for (let i = 0; i < 3; i++)
      await t.mutation(api.lib.appendConversationMessages, {
        conversationId: "c1",
        messages: [{ role: "user", content: `n${i}` }],
      });
    const messageId = await send(t, "c1", "three");
    await mustClaim(t, "w1");
    const bundle = await hydrate(t, messageId);
    expect(bundle?.conversationState.contextHistory.map((e) => e.content)).toEqual(["n1", "n2"]);
  });

  test("has fresh URLs for ready attachments, none for expired ones", async () => {
    const t = await queueTest();
    const files = await t.run(async (ctx) => [
      await ctx.storage.store(new Blob(["a"])),
      await ctx.storage.store(new Blob(["b"])),
    ]);
    for (const storageId of files)
      await t.mutation(api.lib.registerUploadedFile, { storageId: storageId! });
    const messageId = await t.mutation(api.lib.enqueue, {
      conversationId: "c1",
      agentKey: "default",
      payload: {
        provider: "telegram",
        providerUserId: "u",
        messageText: "look",
        attachments: files.map((storageId, i) => ({
          kind: "photo" as const,
          status: i === 0 ? ("ready" as const) : ("expired" as const),
          telegramFileId: `f${i}`,
          storageId: storageId!,
          expiresAt: START + 1,
        })),
      },
    });
    await mustClaim(t, "w1");
    const [ready, expired] = (await hydrate(t, messageId))?.payload.attachments ?? [];
    expect(ready?.downloadUrl).toMatch(/^https?:/);
    expect(expired).not.toHaveProperty("downloadUrl");
    await t.run(async (ctx) => await ctx.storage.delete(files[0]!));
    const [gone] = (await hydrate(t, messageId))?.payload.attachments ?? [];
    expect(gone).not.toHaveProperty("downloadUrl");
  });

  test("has the stored answer with its delivery, for the next worker too", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    await store(t, ref, "ab", ["a", "b"]);
    await deliver(t, ref, 0, "sending");
    await deliver(t, ref, 0, "sent", "tg-1");
    await fail(t, ref);
    pass(5_000);
    await mustClaim(t, "w1");
    expect((await hydrate(t, messageId))?.answer).toMatchObject({
      text: "ab",
      parts: [{ state: "sent", externalMessageId: "tg-1" }, { state: "pending" }],
    });
  });

  test("has the first Telegram token of the profile that has a value", async () => {
    const t = await queueTest();
    await configure(t, { secretsRef: ["telegram.botToken.a", "telegram.botToken.b"] });
    const messageId = await send(t, "c1");
    await mustClaim(t, "w1");
    expect((await hydrate(t, messageId))?.telegramBotToken).toBeNull();
    await secret(t, "telegram.botToken.b", "token-b");
    expect((await hydrate(t, messageId))?.telegramBotToken).toBe("token-b");
    await secret(t, "telegram.botToken.a", "token-a");
    expect((await hydrate(t, messageId))?.telegramBotToken).toBe("token-a");
    await secret(t, "telegram.botToken", "not referred to");
    expect((await hydrate(t, messageId))?.telegramBotToken).toBe("token-a");
  });

  test.each([
    ["telegramBotIdentity", "the bot that received it"],
    ["botIdentity", "the bot that a push goes through"],
  ])("has the token of the bot named by %s: %s", async (field) => {
    const t = await queueTest();
    await configure(t, { secretsRef: ["telegram.botToken.a", "telegram.botToken.b"] });
    await secret(t, "telegram.botToken.a", "111:token-a");
    await secret(t, "telegram.botToken.b", "222:token-b");
    // Of another agent: naming its bot must not give its token away.
    await secret(t, "telegram.botToken.foreign", "333:token-c");
    const tokens = [];
    for (const bot of ["111", "222", "22", "333", "support bot"]) {
      const messageId = await t.mutation(api.lib.enqueue, {
        conversationId: `c-${bot}`,
        agentKey: "default",
        payload: {
          provider: "telegram",
          providerUserId: "user-1",
          messageText: "hi",
          metadata: { [field]: bot },
        },
      });
      await mustClaim(t, `w-${bot}`);
      tokens.push((await hydrate(t, messageId))?.telegramBotToken);
    }
    expect(tokens).toEqual([
      "111:token-a",
      "222:token-b",
      "111:token-a",
      "111:token-a",
      "111:token-a",
    ]);
  });

  test("resolves the bridge: own value, then the agent's secret, then the shared one", async () => {
    const t = await queueTest();
    await configure(t, { bridgeConfig: { enabled: true, baseUrl: "https://own", appKey: " " } });
    await secret(t, "agent-bridge.baseUrl", "https://shared");
    await secret(t, "agent-bridge.serviceId", "service-shared");
    await secret(t, "agent-bridge.serviceId.default", "service-own");
    await secret(t, "agent-bridge.serviceKey", "key-shared");
    const messageId = await send(t, "c1");
    await mustClaim(t, "w1");
    expect((await hydrate(t, messageId))?.bridgeRuntimeConfig).toEqual({
      baseUrl: "https://own",
      appBaseUrlMapJson: null,
      serviceId: "service-own",
      appKey: null,
      serviceKey: "key-shared",
      serviceKeySecretRef: "agent-bridge.serviceKey",
      botIdentity: null,
    });
    await configure(t, { bridgeConfig: { enabled: false } });
    expect((await hydrate(t, messageId))?.bridgeRuntimeConfig).toBeNull();
  });
});

describe("there is no bundle", () => {
  test("for a message that waits, was answered, is dead or gone", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    expect(await hydrate(t, messageId)).toBeNull();
    const { ref } = await mustClaim(t, "w1");
    expect(await hydrate(t, messageId)).not.toBeNull();
    await complete(t, ref);
    expect(await hydrate(t, messageId)).toBeNull();
    const dead = await send(t, "c1");
    await fail(t, (await mustClaim(t, "w1")).ref, { retryable: false });
    expect(await hydrate(t, dead)).toBeNull();
    await t.run(async (ctx) => await ctx.db.delete("messageQueue", dead));
    expect(await hydrate(t, dead)).toBeNull();
  });

  test("for a worker that does not hold the message", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    await mustClaim(t, "w1");
    expect(await hydrate(t, messageId, "w2")).toBeNull();
    expect(await hydrate(t, messageId, "")).toBeNull();
    expect(await hydrate(t, messageId, "w1")).not.toBeNull();
  });

  test("without its conversation or agent", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    await mustClaim(t, "w1");
    await t.run(async (ctx) => {
      const profile = await ctx.db.query("agentProfiles").first();
      if (profile !== null) await ctx.db.delete("agentProfiles", profile._id);
    });
    expect(await hydrate(t, messageId)).toBeNull();
  });
});
