import { expect, test } from "vitest";
import { api } from "../_generated/api.js";
import { initTest, newAgent } from "../setup.test.js";

const BLOCKED = "Telegram refused the message (403): Forbidden: bot was blocked by the user";

test.each([
  ["telegramBotIdentity", "a message that the webhook took"],
  ["botIdentity", "a push"],
])("the chat is blocked for the bot named by %s: %s, not for the agent's", async (field) => {
  const t = initTest();
  await newAgent(t);
  await t.mutation(api.lib.configureAgent, {
    ...{ agentKey: "default", version: "1", secretsRef: [], enabled: true, botIdentity: "99" },
  });
  const messageId = await t.mutation(api.lib.enqueue, {
    conversationId: "c",
    agentKey: "default",
    payload: {
      ...{ provider: "telegram", providerUserId: "7", messageText: "hi" },
      metadata: { telegramChatId: "7", [field]: "42" },
    },
  });
  const job = await t.mutation(api.lib.claim, { workerId: "w" });
  await t.mutation(api.lib.fail, {
    ...{ workerId: "w", messageId, leaseId: job!.leaseId },
    ...{ errorMessage: BLOCKED, retryable: false },
  });
  expect(await t.query(api.lib.listBlockedTelegramChats, {})).toMatchObject([
    { botIdentity: "42", telegramChatId: "7", reason: BLOCKED },
  ]);
});

test.each([
  ["telegram", BLOCKED, false, 1],
  ["telegram", BLOCKED, true, 0],
  ["telegram", "Telegram refused the message (400): Bad Request: chat not found", false, 0],
  ["system_push", BLOCKED, false, 0],
])(
  "%s told '%s' (retryable %s): %i blocked chats, no binding touched",
  async (provider, errorMessage, retryable, count) => {
    const t = initTest();
    await newAgent(t);
    const messageId = await t.mutation(api.lib.enqueue, {
      conversationId: "c",
      agentKey: "default",
      payload: {
        provider,
        providerUserId: "7",
        messageText: "hi",
        metadata: { telegramChatId: "7", telegramBotIdentity: "42" },
      },
    });
    const job = await t.mutation(api.lib.claim, { workerId: "w" });
    const lease = { workerId: "w", messageId, leaseId: job!.leaseId };
    await t.mutation(api.lib.fail, { ...lease, errorMessage, retryable });
    const blocked = await t.query(api.lib.listBlockedTelegramChats, {});
    expect(blocked).toHaveLength(count);
    if (count === 1) expect(blocked).toMatchObject([{ botIdentity: "42", telegramChatId: "7" }]);
  },
);
