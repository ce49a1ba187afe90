/** A day in the life of the local world, so that every page has something to show. */
import type { Visit, Stage } from "./stage.js";

const ANSWER_MS = 60_000;

/** Somebody who has no agent yet chooses one. */
export async function chooseAgent({ page, goTo }: Visit, agentKey = "default"): Promise<void> {
  await goTo("chat");
  await page.getByRole("button", { name: `Talk to ${agentKey}` }).click();
  await page.getByLabel("Message", { exact: true }).waitFor();
}

export async function send({ page }: Visit, text: string): Promise<void> {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Send" }).first().click();
}

/** Waits for the agent's n-th answer and returns its text. */
export async function answer({ page }: Visit, n: number): Promise<string> {
  const bubble = page.locator(".line.agent .bubble").nth(n - 1);
  await bubble.waitFor({ timeout: ANSWER_MS });
  return await bubble.innerText();
}

/** The four steps to Telegram, by the buttons of the page and of the local phone. */
export async function walkOnboarding({ page }: Visit): Promise<void> {
  await page.getByRole("button", { name: "Make a local bot" }).click();
  await page.getByRole("button", { name: "Store the token" }).click();
  await page.getByRole("button", { name: "Connect the bot" }).click();
  await page.getByRole("button", { name: "Make my link" }).click();
  await page.locator(".deep-link").waitFor();
  await page.getByRole("button", { name: "Open the link on the phone" }).click();
  await page.getByText("Linked.").waitFor({ timeout: ANSWER_MS });
}

/** Templates, a push, a broadcast, a skill: through the component, as an operator's scripts would. */
export async function furnish({ world }: Stage, userId: string): Promise<void> {
  const { component } = world;
  const slot = { kind: "daily", time: "08:30" } as const;
  await component("createPushTemplate", {
    companyId: "demo",
    templateKey: "morning",
    title: "Morning briefing",
    text: "What is planned for today?",
    periodicity: "daily",
    suggestedTimes: [slot],
    actorUserId: userId,
  });
  await component("createPushJobCustomForAgent", {
    companyId: "demo",
    consumerUserId: userId,
    agentKey: "default",
    title: "Week in review",
    text: "Sum up this week in five lines.",
    timezone: "America/New_York",
    periodicity: "weekly",
    schedule: { kind: "weekly", weekday: 5, time: "17:00" },
  });
  for (const version of ["1.0.0", "1.1.0"])
    await component("deployGlobalSkill", {
      slug: "greeting",
      displayName: "Greeting",
      description: "Greets people by name.",
      version,
      files: [
        {
          path: "SKILL.md",
          content: `---\nname: greeting\ndescription: Greets.\n---\n\nVersion ${version}\n`,
        },
        { path: "scripts/index.mjs", content: "export default (name) => `Hello ${name}`;\n" },
      ],
      moduleFormat: "esm",
      actor: userId,
    });
  await component("configureAgent", {
    agentKey: "research",
    version: "0.9.0",
    secretsRef: ["openai.apiKey"],
    enabled: true,
    companyId: "acme",
  });
}
