/** The documented error texts of pushes, templates and user pages, one by one, with the code beside each. */
import { ConvexError } from "convex/values";
import { Temporal } from "temporal-polyfill";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api, internal } from "../_generated/api.js";
import type { T } from "../setup.test.js";
import { daily, jobOf, newJob, NOW, startWithUser } from "./push.fixture.js";
import { nextRunAfter } from "./schedule.js";

let t: T;
beforeEach(async () => {
  t = await startWithUser();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const JOB = {
  companyId: "c1",
  consumerUserId: "ada",
  title: "t",
  text: "x",
  periodicity: "daily",
  timezone: "UTC",
  schedule: daily("09:00"),
} as const;
const WHO = { consumerUserId: "ada", agentKey: "a" };

type CustomJob = (typeof api.lib.createPushJobCustom)["_args"];
type NewTemplate = (typeof api.lib.createPushTemplate)["_args"];
const TEMPLATE: NewTemplate = {
  companyId: "c1",
  templateKey: "k",
  title: "t",
  text: "x",
  periodicity: "daily",
  suggestedTimes: [daily("07:30")],
  actorUserId: "boss",
};
const job = async (more: Partial<CustomJob>) =>
  await t.mutation(api.lib.createPushJobCustom, { ...JOB, ...more });
const template = async (more: Partial<NewTemplate>) =>
  await t.mutation(api.lib.createPushTemplate, { ...TEMPLATE, ...more });
const fromTemplate = async (made: Partial<NewTemplate>, asked: { companyId?: string } = {}) => {
  const templateId = await template(made);
  const { companyId, consumerUserId, timezone } = JOB;
  return await t.mutation(api.lib.createPushJobFromTemplate, {
    companyId,
    consumerUserId,
    timezone,
    templateId,
    ...asked,
  });
};
const weekly = (weekday: number) => ({ kind: "weekly", weekday, time: "09:00" }) as const;
const monthly = (dayOfMonth: number) => ({ kind: "monthly", dayOfMonth, time: "09:00" }) as const;
const text = { title: "t", text: "x", tags: [], actorUserId: "boss" };
/** Makes a row and deletes it: an id that is well formed and leads nowhere. */
const goneJob = async () => {
  const jobId = await job({});
  await t.mutation(api.lib.deletePushJob, { jobId });
  return jobId;
};

const TABLE: [message: string, code: string, call: () => Promise<unknown>][] = [
  // Schedules, at every door that takes one.
  [
    "Invalid time '9:00', expected HH:mm",
    "INVALID_ARGUMENT",
    () => job({ schedule: daily("9:00") }),
  ],
  [
    "Invalid time '24:00', expected HH:mm",
    "INVALID_ARGUMENT",
    () => template({ suggestedTimes: [daily("24:00")] }),
  ],
  [
    "Weekly schedule weekday must be in range 1..7",
    "INVALID_ARGUMENT",
    () => job({ periodicity: "weekly", schedule: weekly(8) }),
  ],
  [
    "Monthly schedule dayOfMonth must be 1..31 or 'last'",
    "INVALID_ARGUMENT",
    () => job({ periodicity: "monthly", schedule: monthly(0) }),
  ],
  ["Schedule kind must match periodicity", "INVALID_ARGUMENT", () => job({ schedule: weekly(1) })],
  [
    "Schedule kind must match periodicity",
    "INVALID_ARGUMENT",
    async () => {
      const jobId = await job({});
      await t.mutation(api.lib.updatePushJob, { jobId, periodicity: "weekly" });
    },
  ],
  [
    "Recurring periodicity requires a non-manual schedule",
    "INVALID_ARGUMENT",
    () => job({ schedule: { kind: "manual" } }),
  ],
  ["Timezone is required", "INVALID_ARGUMENT", () => job({ timezone: "  " })],
  ["Invalid timezone 'Mars/Olympus'", "INVALID_ARGUMENT", () => job({ timezone: "Mars/Olympus" })],
  // Push templates.
  [
    "Template key 'k' already exists for company",
    "INVALID_ARGUMENT",
    async () => {
      await template({});
      await template({});
    },
  ],
  [
    "Manual template does not accept suggested times",
    "INVALID_ARGUMENT",
    () => template({ periodicity: "manual" }),
  ],
  [
    "All suggested times must match template periodicity",
    "INVALID_ARGUMENT",
    () => template({ periodicity: "weekly" }),
  ],
  [
    "All suggested times must match template periodicity",
    "INVALID_ARGUMENT",
    async () => {
      const templateId = await template({});
      await t.mutation(api.lib.updatePushTemplate, {
        templateId,
        periodicity: "weekly",
        actorUserId: "boss",
      });
    },
  ],
  [
    "Template not found",
    "TEMPLATE_NOT_FOUND",
    async () => {
      const templateId = await template({});
      await t.mutation(api.lib.deletePushTemplate, { templateId });
      const { companyId, consumerUserId, timezone } = JOB;
      const args = { companyId, consumerUserId, timezone, templateId };
      await t.mutation(api.lib.createPushJobFromTemplate, args);
    },
  ],
  ["Template company mismatch", "FORBIDDEN", () => fromTemplate({}, { companyId: "c2" })],
  [
    "Schedule is required for non-manual template",
    "INVALID_ARGUMENT",
    () => fromTemplate({ suggestedTimes: [] }),
  ],
  ["Template 'k' is disabled", "INVALID_ARGUMENT", () => fromTemplate({ enabled: false })],
  // Push jobs.
  [
    "Agent key must match the current active binding for the user",
    "BINDING_MISSING",
    () => t.mutation(api.lib.createPushJobCustomForAgent, { ...JOB, agentKey: "z" }),
  ],
  [
    "Agent key must match the current active binding for the user",
    "BINDING_MISSING",
    async () => {
      const templateId = await template({});
      const { companyId, consumerUserId, timezone } = JOB;
      const args = { companyId, consumerUserId, timezone, templateId, agentKey: "z" };
      await t.mutation(api.lib.createPushJobFromTemplateForAgent, args);
    },
  ],
  [
    "Push job not found",
    "PUSH_JOB_NOT_FOUND",
    async () => await t.mutation(api.lib.triggerPushJobNow, { jobId: await goneJob() }),
  ],
  [
    "Push job not found for agent",
    "PUSH_JOB_NOT_FOUND",
    async () => {
      const args = { jobId: await job({}), consumerUserId: "ada", agentKey: "z" };
      await t.mutation(api.lib.triggerPushJobNowForAgent, args);
    },
  ],
  [
    "No active agent binding for user",
    "BINDING_MISSING",
    async () => {
      const jobId = await job({});
      await t.mutation(api.lib.revokeUserAgentBinding, { consumerUserId: "ada" });
      await t.mutation(api.lib.triggerPushJobNow, { jobId });
    },
  ],
  // Message templates and user pages.
  [
    "Template title is required",
    "INVALID_ARGUMENT",
    () => t.mutation(api.lib.createMessageTemplate, { ...text, title: " " }),
  ],
  [
    "Template text is required",
    "INVALID_ARGUMENT",
    () => t.mutation(api.lib.createMessageTemplate, { ...text, text: " " }),
  ],
  [
    "Message template not found",
    "TEMPLATE_NOT_FOUND",
    async () => {
      const templateId = await t.mutation(api.lib.createMessageTemplate, {
        ...text,
        enabled: false,
      });
      await t.mutation(api.lib.sendMessageTemplateToUserAgent, { ...WHO, templateId });
    },
  ],
  [
    "No active binding found for consumerUserId and agentKey",
    "BINDING_MISSING",
    () => t.mutation(api.lib.sendMessageToUserAgent, { ...WHO, agentKey: "z", content: "hi" }),
  ],
];

describe("a refusal", () => {
  test.each(TABLE)("%s (%s)", async (message, code, call) => {
    const error: unknown = await call().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ConvexError);
    const data: unknown = error instanceof ConvexError ? error.data : null;
    const parsed: unknown = typeof data === "string" ? JSON.parse(data) : data;
    expect(parsed).toMatchObject({ code, message });
    expect(await t.run(async (ctx) => await ctx.db.query("messageQueue").take(1))).toEqual([]);
  });
});

describe("what only a broken runtime can raise", () => {
  test.each([
    ["daily", daily("09:00")],
    ["weekly", weekly(1)],
    ["monthly", monthly(1)],
  ] as const)("Unable to compute next %s run", (kind, schedule) => {
    vi.spyOn(Temporal.ZonedDateTime.prototype, "epochMilliseconds", "get").mockReturnValue(0);
    expect(() => nextRunAfter(schedule, "UTC", NOW)).toThrow(`Unable to compute next ${kind} run`);
  });

  test("Unknown enqueue error: a run that failed without a word still has a reason", async () => {
    const jobId = await newJob(t);
    const { nextRunAt } = await jobOf(t, jobId);
    await t.mutation(internal.push.dispatcher.fail, { jobId, nowMs: nextRunAt!, error: " " });
    const [run] = await t.query(api.lib.listPushDispatchesByJob, { jobId });
    expect(run).toMatchObject({ status: "failed", error: "Unknown enqueue error" });
    expect((await jobOf(t, jobId)).nextRunAt).toBeGreaterThan(nextRunAt!);
    expect(NOW).toBeLessThan(nextRunAt!);
  });
});
