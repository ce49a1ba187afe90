/** What this app adds for its people: only their own agents, bots and messages. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api, components, internal } from "./_generated/api.js";
import { conversationPrefix } from "./auth.js";
import { startApp } from "./setup.test.js";

const { lib } = components.agentFactory;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubEnv("SECRETS_KEY", btoa("0123456789abcdef0123456789abcdef"));
  vi.stubEnv("OPERATOR_IDS", "olga");
  vi.stubEnv("CONVEX_SITE_URL", "https://happy-otter-123.convex.site");
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

type App = ReturnType<typeof startApp>;

const profile = (agentKey: string, more = {}) => ({
  ...{ agentKey, version: "1", secretsRef: [], enabled: true },
  ...more,
});

async function startAppWithAgents(): Promise<App> {
  const app = startApp();
  await app.t.mutation(internal.operator.configureAgent, profile("default"));
  await app.t.mutation(internal.operator.configureAgent, profile("acme", { companyId: "acme" }));
  await app.t.mutation(internal.operator.configureAgent, profile("off", { enabled: false }));
  return app;
}

const bindingOf = async ({ t }: App, consumerUserId: string) =>
  await t.query(async (ctx) => await ctx.runQuery(lib.getUserAgentBinding, { consumerUserId }));

describe("me", () => {
  test("is nobody without a sign-in, and knows operators by the list", async () => {
    const { anonymous, as } = startApp();
    expect(await anonymous.query(api.people.me, {})).toBeNull();
    const user = { userId: "ada", isOperator: false, hasOperators: true };
    expect(await as("ada").query(api.people.me, {})).toEqual(user);
    expect(await as("olga").query(api.people.me, {})).toMatchObject({ isOperator: true });
  });

  test("says when nobody is an operator", async () => {
    vi.stubEnv("OPERATOR_IDS", " , ");
    const { as } = startApp();
    expect(await as("olga").query(api.people.me, {})).toEqual({
      userId: "olga",
      isOperator: false,
      hasOperators: false,
    });
  });
});

describe("agents", () => {
  test("that are offered are the enabled ones of no company", async () => {
    const { as, anonymous } = await startAppWithAgents();
    expect(await as("ada").query(api.people.offeredAgents, {})).toEqual(["default"]);
    await expect(anonymous.query(api.people.offeredAgents, {})).rejects.toThrow("Sign in first");
  });

  test("are chosen once, for the one who asks", async () => {
    const app = await startAppWithAgents();
    await app.as("ada").mutation(api.people.chooseAgent, { agentKey: "default" });
    const chosen = await bindingOf(app, "ada");
    expect(chosen).toMatchObject({ agentKey: "default", status: "active" });
    await app.as("ada").mutation(api.people.chooseAgent, { agentKey: "default" });
    expect(await bindingOf(app, "ada")).toEqual(chosen);
    expect(await bindingOf(app, "bob")).toBeNull();
  });

  test.each(["acme", "off", "unknown"])(
    "that are not offered are refused: %s",
    async (agentKey) => {
      const app = await startAppWithAgents();
      const choose = app.as("ada").mutation(api.people.chooseAgent, { agentKey });
      await expect(choose).rejects.toThrow("is not offered");
      expect(await bindingOf(app, "ada")).toBeNull();
    },
  );
});

describe("the webhook", () => {
  test("of an agent that is not theirs stays as it is", async () => {
    const { as } = await startAppWithAgents();
    const fetch = vi.fn();
    vi.stubGlobal("fetch", fetch);
    const connect = as("ada").action(api.people.connectTelegram, { agentKey: "default" });
    await expect(connect).rejects.toThrow("not your agent");
    expect(fetch).not.toHaveBeenCalled();
  });

  test("is not touched before its turn: the token comes first", async () => {
    const { as } = await startAppWithAgents();
    const fetch = vi.fn();
    vi.stubGlobal("fetch", fetch);
    await as("ada").mutation(api.people.chooseAgent, { agentKey: "default" });
    const connect = as("ada").action(api.people.connectTelegram, { agentKey: "default" });
    await expect(connect).rejects.toThrow("not the next step");
    expect(fetch).not.toHaveBeenCalled();
  });
});

describe("why a message is not answered", () => {
  test("is told to its sender in words, without worker ids; to nobody else", async () => {
    const { as } = await startAppWithAgents();
    const messageId = await as("ada").mutation(api.agentFactory.enqueue, {
      conversationId: `${conversationPrefix("ada")}1`,
      agentKey: "default",
      provider: "web",
      providerUserId: "ada",
      messageText: "hello",
    });
    const told = await as("ada").query(api.people.whyNotAnswered, { messageId });
    expect(Object.keys(told ?? {}).sort()).toEqual([
      "detail",
      "events",
      "since",
      "until",
      "waitsFor",
    ]);
    expect(told?.events.map((event) => Object.keys(event).sort())).toEqual([["at", "kind"]]);
    expect(told?.events[0]?.kind).toBe("enqueued");
    for (const stranger of ["bob", "ad", "olga"])
      expect(await as(stranger).query(api.people.whyNotAnswered, { messageId })).toBeNull();
  });

  test("of a message in a chosen agent's conversation is told too", async () => {
    const { as } = await startAppWithAgents();
    await as("ada").mutation(api.people.chooseAgent, { agentKey: "default" });
    const own = { consumerUserId: "ada", agentKey: "default" };
    const messageId = await as("ada").mutation(api.agentFactory.sendMessageToUserAgent, {
      ...own,
      content: "hello",
    });
    expect(await as("ada").query(api.people.whyNotAnswered, { messageId })).not.toBeNull();
    expect(await as("bob").query(api.people.whyNotAnswered, { messageId })).toBeNull();
  });
});

describe("pushes", () => {
  async function startAppWithPush() {
    const app = await startAppWithAgents();
    await app.as("ada").mutation(api.people.chooseAgent, { agentKey: "default" });
    const jobId = await app.as("ada").mutation(api.agentFactory.createPushJobCustomForAgent, {
      companyId: "demo",
      consumerUserId: "ada",
      agentKey: "default",
      title: "Morning",
      text: "What is planned?",
      timezone: "Europe/Rome",
      periodicity: "daily",
      schedule: { kind: "daily", time: "09:00" },
    });
    const jobs = async () =>
      await app.as("ada").query(api.agentFactory.listPushJobsForUser, { consumerUserId: "ada" });
    return { ...app, jobId, jobs };
  }

  test("are switched and deleted by their owner", async () => {
    const { as, jobId, jobs } = await startAppWithPush();
    const ada = as("ada");
    await ada.mutation(api.agentFactory.setPushJobEnabled, { jobId, enabled: false });
    expect(await jobs()).toMatchObject([{ _id: jobId, enabled: false }]);
    expect(await ada.mutation(api.agentFactory.deletePushJob, { jobId })).toBe(true);
    expect(await jobs()).toEqual([]);
  });

  test.each(["bob", "olga"])("are not %s's to switch or delete", async (stranger) => {
    const { as, jobId, jobs } = await startAppWithPush();
    const off = as(stranger).mutation(api.agentFactory.setPushJobEnabled, {
      jobId,
      enabled: false,
    });
    await expect(off).rejects.toThrow("not your push");
    const remove = as(stranger).mutation(api.agentFactory.deletePushJob, { jobId });
    await expect(remove).rejects.toThrow("not your push");
    expect(await jobs()).toMatchObject([{ _id: jobId, enabled: true }]);
  });
});
