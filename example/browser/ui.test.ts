/** What people do in the web UI, in a real browser against the local world. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faintTexts, tabProblems, unnamedControls } from "./audit.js";
import { answer, chooseAgent, furnish, send, walkOnboarding } from "./scene.js";
import { NARROW, startStage, WIDE, type Stage, type Visit } from "./stage.js";

const PAGES = ["chat", "fleet", "queue", "agents", "push", "skills", "snapshots", "cleanup"];
const SLOW = { timeout: 60_000 };
let stage: Stage;
let olga: Visit;

beforeAll(async () => {
  stage = await startStage(60_000);
  olga = await stage.visit();
  await chooseAgent(olga);
  await furnish(stage, "olga");
});
afterAll(async () => await stage.close());

test("a message sent in the UI is answered live, and says why it waits until then", async () => {
  await send(olga, "/slow 2000 Hello");
  await olga.page.getByRole("button", { name: "Why is it not answered?" }).click();
  await olga.page.getByText("came into the queue").waitFor(SLOW);
  expect(await answer(olga, 1)).toContain("Hello");
  await olga.page
    .getByRole("button", { name: "Why is it not answered?" })
    .waitFor({ state: "detached" });
});

test("onboarding leads from a bot's token to a linked chat", async () => {
  await walkOnboarding(olga);
  await olga.page.getByLabel("Write on the phone").fill("Hello from the phone");
  await olga.page.keyboard.press("Enter");
  await olga.page.locator(".phone .bot", { hasText: "Hello from the phone" }).waitFor(SLOW);
  expect(await olga.page.content()).not.toMatch(/777002:[A-Za-z0-9_-]{30}/);
});

test("a dead letter is found in its group, started again and skipped", async () => {
  await send(olga, "/refuse me");
  await olga.page.getByText("gave up").waitFor(SLOW);
  await olga.goTo("queue");
  await olga.page.getByRole("button", { name: "Start it again" }).click();
  await olga.page.getByText("Started 1 message again.").waitFor(SLOW);
  // The engine refuses it once more.
  await olga.page.getByRole("button", { name: "Start it again" }).waitFor(SLOW);
  await olga.page.getByText("The messages").click();
  await olga.page.getByRole("button", { name: "Skip" }).click();
  await olga.page.getByText("No message was given up.").waitFor(SLOW);
  expect(await stage.world.component("queueStats")).toMatchObject({ deadLetter: 0 });
});

test("a conversation is paused and resumed from the queue", async () => {
  const { page } = olga;
  const said = (text: string) => page.locator(".line.agent .bubble", { hasText: text });
  await olga.goTo("chat");
  await send(olga, "/slow 4000 Before the pause");
  await olga.goTo("queue");
  await page.getByText("being answered", { exact: true }).waitFor(SLOW);
  await page.getByRole("button", { name: /^Pause / }).click();
  await page.getByText("Paused: its messages wait until you resume it.").waitFor(SLOW);
  await olga.goTo("chat");
  await send(olga, "After the pause");
  await said("Before the pause").waitFor(SLOW);
  await olga.goTo("queue");
  // What was being answered is finished, what came after it waits.
  const row = page.locator("tr", { hasText: "paused on the queue page" });
  await row.getByText("1 message", { exact: true }).waitFor(SLOW);
  await row.getByRole("button", { name: /^Resume / }).click();
  await page.getByText("Goes on.").waitFor(SLOW);
  await olga.goTo("chat");
  await said("After the pause").waitFor(SLOW);
});

test("a broadcast shows whom it would reach, and then how far it got", async () => {
  await olga.goTo("push");
  const panel = olga.page.getByRole("region", { name: "Broadcasts" });
  await panel.getByLabel("Title").fill("Closed on Friday");
  await panel.getByLabel("Text").fill("We are closed on Friday.");
  await panel.getByRole("button", { name: "Preview" }).click();
  const outlook = await panel.getByText("It would reach").innerText(SLOW);
  const agents = /reach (\d+ agents?)$/.exec(outlook)?.[1] ?? "none";
  expect(await stage.world.component("listBroadcasts", { companyId: "demo" })).toEqual([]);
  await panel.getByRole("button", { name: "Send it" }).click();
  await panel.getByText(`${agents} of ${parseInt(agents)} reached`).waitFor(SLOW);
  const [sent] = (await stage.world.component("listBroadcasts", {
    companyId: "demo",
  })) as object[];
  expect(sent).toMatchObject({ title: "Closed on Friday", failed: 0, status: "done" });
});

test("a saved memory is listed, and is what the link gives", async () => {
  await olga.goTo("snapshots");
  const row = olga.page.locator("tr", { hasText: "Download" }).first();
  await row.waitFor(SLOW);
  const checksum = await row.locator("code").innerText();
  const url = await row.getByRole("link", { name: "Download" }).getAttribute("href");
  const bytes = new Uint8Array(await (await fetch(url ?? "")).arrayBuffer());
  expect(createHash("sha256").update(bytes).digest("hex").slice(0, 12)).toBe(checksum);
});

test("a secret goes in and is on no page after", async () => {
  await olga.goTo("agents");
  await olga.page.getByRole("button", { name: "Import openai.apiKey" }).click();
  await olga.page.getByLabel("Value").fill("sk-very-secret");
  await olga.page.getByRole("button", { name: "Seal and store" }).click();
  await olga.page.getByText("openai.apiKey is stored as version 1.").waitFor(SLOW);
  await olga.page.getByRole("button", { name: "Replace openai.apiKey" }).waitFor();
  expect(await olga.page.getByLabel("Value").inputValue()).toBe("");
  expect(await olga.page.content()).not.toContain("sk-very-secret");
});

test("a push is switched off, and deleted only when one means it", async () => {
  const { page } = olga;
  const jobs = async () =>
    (await stage.world.component("listPushJobsForUser", { consumerUserId: "olga" })) as object[];
  await olga.goTo("push");
  await page.getByRole("button", { name: "Switch Week in review off" }).click();
  await page.getByText("Switched off.").waitFor(SLOW);
  expect(await jobs()).toMatchObject([{ title: "Week in review", enabled: false }]);
  await page.getByRole("button", { name: "Delete Week in review" }).click();
  await page.getByRole("button", { name: "No", exact: true }).click();
  expect(await jobs()).toHaveLength(1);
  await page.getByRole("button", { name: "Delete Week in review" }).click();
  await page.getByRole("button", { name: "Delete Week in review, really" }).click();
  await page.getByText("Nothing is pushed to you.").waitFor(SLOW);
  expect(await jobs()).toEqual([]);
});

test("a worker's row, its machine and its skills are side by side", async () => {
  const { page } = olga;
  await olga.goTo("fleet");
  const machine = stage.world.fly.control.machines().find((m) => m.state === "started");
  const row = page.locator("tr", { hasText: machine?.id ?? "none" });
  await row.getByText("yes").waitFor(SLOW);
  expect(await page.getByText("Cost today").count()).toBe(1);
  await olga.goTo("skills");
  await page.getByText("greeting 1.1.0", { exact: true }).first().waitFor(SLOW);
  await page.getByText("Releases").click();
  await page.getByRole("button", { name: "Go back to 1.0.0" }).click();
  await page.getByText("greeting 1.1.0, no longer active").first().waitFor(SLOW);
});

test("a dry run of the cleanup counts machines and destroys none", async () => {
  await olga.goTo("cleanup");
  await olga.page.getByRole("button", { name: "Dry run" }).click();
  await olga.page.getByText("Would destroy in the app").waitFor(SLOW);
  const machines = stage.world.fly.control.machines().filter((m) => m.state === "started");
  expect(machines.length).toBeGreaterThan(0);
  for (const { id } of machines)
    expect(await olga.page.locator(".notice").first().innerText()).toContain(id);
});

test("operators' pages are not for users", async () => {
  const ada = await stage.visit("ada");
  await ada.goTo("fleet");
  expect(await ada.page.getByRole("navigation").getByRole("link").allInnerTexts()).toEqual([
    "Chat",
    "Push",
    "Snapshots",
  ]);
  expect(ada.errors).toEqual([]);
  await ada.context.close();
});

describe.each([
  ["wide, light", { size: WIDE, colorScheme: "light" }],
  ["wide, dark", { size: WIDE, colorScheme: "dark" }],
  ["narrow, light", { size: NARROW, colorScheme: "light" }],
  ["narrow, dark", { size: NARROW, colorScheme: "dark" }],
] as const)("%s", (_name, look) => {
  test("every page is quiet, fits its width, and can be read", async () => {
    const visit = await stage.visit("olga", look);
    for (const path of PAGES) {
      await visit.goTo(path);
      await visit.page.locator("main h2").first().waitFor();
      const overflow = await visit.page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      for (const summary of await visit.page.locator("main summary").all()) await summary.click();
      const faint = await faintTexts(visit.page);
      const unnamed = await unnamedControls(visit.page);
      expect({ path, overflow, faint, unnamed }).toEqual({
        ...{ path, overflow: 0, faint: [], unnamed: [] },
      });
      expect(await visit.page.getByText("cannot be shown").count()).toBe(0);
    }
    expect(visit.errors).toEqual([]);
    await visit.context.close();
  });
});

test.each(["chat", "queue", "agents", "push"])(
  "everything on the page %s is reached by Tab, and the focus is seen",
  async (path) => {
    await olga.goTo(path);
    await olga.page.locator("main h2").first().waitFor();
    expect(await tabProblems(olga.page)).toEqual([]);
  },
);

test("the measurements find what they look for", async () => {
  const page = await stage.open();
  await page.setContent(`
    <style>button:focus { outline: none } .hidden { display: none }</style>
    <p style="color: #888; background: #fff">grey</p>
    <p style="color: #000; background: #fff; opacity: 0.4">pale</p>
    <p style="color: #555; background: #fff">dark enough</p>
    <p class="hidden" style="color: #fff; background: #fff">hidden</p>
    <input placeholder="no label" /><button>Seen</button><a href="#x" tabindex="-1">not reached</a>`);
  const faint = await faintTexts(page);
  expect(faint.map((text) => text.split(" ")[1])).toEqual(["grey", "pale"]);
  expect(await unnamedControls(page)).toEqual([expect.stringContaining("no label")]);
  const problems = await tabProblems(page);
  expect(problems).toEqual([
    expect.stringMatching(/focus is not seen: <button/),
    expect.stringMatching(/not reached: <a/),
  ]);
  await page.context().close();
});

test("nothing was written to the console on the way", () => {
  expect(olga.errors).toEqual([]);
});
