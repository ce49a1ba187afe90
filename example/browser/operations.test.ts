/** What goes wrong and what operators do about it, in a real browser against the local world. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answer, chooseAgent, send } from "./scene.js";
import { startStage, type Stage, type Visit } from "./stage.js";

const SLOW = { timeout: 60_000 };
let stage: Stage;

beforeAll(async () => {
  stage = await startStage(60_000, 4);
});
afterAll(async () => await stage.close());

describe("a deployment that is not set up", () => {
  test("refuses the demo sign-in by default and says how to allow it", async () => {
    const { world } = stage;
    const page = await stage.open();
    delete world.env.AGENT_FACTORY_DEMO_SIGN_IN;
    try {
      await page.getByRole("button", { name: "Olga" }).click();
      await page.getByText("npx convex env set AGENT_FACTORY_DEMO_SIGN_IN 1").waitFor(SLOW);
      expect(await page.getByRole("navigation").count()).toBe(0);
    } finally {
      world.env.AGENT_FACTORY_DEMO_SIGN_IN = "1";
    }
    await page.getByRole("button", { name: "Olga" }).click();
    await page.getByRole("navigation").waitFor(SLOW);
    await page.context().close();
  });

  test("that the page does not know is asked for, one that does not answer is named", async () => {
    const lost = await stage.open({ config: null });
    await lost.getByText("VITE_CONVEX_URL=").waitFor(SLOW);
    await lost.context().close();
    const silent = await stage.open({ config: { convexUrl: "http://127.0.0.1:9" } });
    await silent.getByRole("button", { name: "Olga" }).click();
    await silent.getByText("http://127.0.0.1:9 does not answer").waitFor(SLOW);
    await silent.context().close();
  });

  test("without a key, a provider or operators says so on the page, with the way out", async () => {
    const { env, component } = stage.world;
    const before = { ...env };
    const [plaintextValue = ""] = stage.world.secrets;
    await component("deactivateSecret", { secretRef: "fly.apiToken" });
    delete env.AGENT_FACTORY_SECRETS_KEY;
    const olga = await stage.visit();
    await olga.goTo("agents");
    await olga.page.getByText("There is no key for secrets").waitFor(SLOW);
    await olga.page.getByRole("alert").getByText("fly.apiToken").waitFor(SLOW);
    await olga.page.getByRole("button", { name: "Check everything" }).click();
    await olga.page.getByText("operator:importSecret").first().waitFor(SLOW);
    env.OPERATOR_IDS = "";
    const nobody = await stage.visit("olga");
    await nobody.page.getByText("npx convex env set OPERATOR_IDS olga").waitFor(SLOW);
    Object.assign(env, before);
    await component("importSecret", { secretRef: "fly.apiToken", plaintextValue });
    await olga.context.close();
    await nobody.context.close();
  });

  test("but is a real one gets the same pages without the local world's buttons", async () => {
    const olga = await stage.visit("olga", {
      config: { convexUrl: stage.world.convex.cloudUrl },
    });
    await olga.goTo("fleet");
    await olga.page.getByText("No row and no machine.").waitFor(SLOW);
    expect(await olga.page.getByText("Break something").count()).toBe(0);
    expect(olga.errors).toEqual([]);
    await olga.context.close();
  });
});

describe("faults", () => {
  let olga: Visit;
  beforeAll(async () => {
    olga = await stage.visit();
    await chooseAgent(olga);
  });

  const strike = async (name: string) => {
    await olga.page
      .locator("details.faults:not([open]) summary")
      .click({ timeout: 500 })
      .catch(() => undefined);
    await olga.page.getByRole("button", { name }).click();
  };

  test("a killed worker is seen in the fleet, and its message is answered by another", async () => {
    await send(olga, "/slow 4000 Survive");
    await olga.page.getByText("being answered").waitFor(SLOW);
    await strike("Kill a worker");
    await olga.page.getByText(/Killed machine \w+/).waitFor(SLOW);
    await olga.goTo("fleet");
    await olga.page.getByLabel("stopped workers").getByText("its machine is gone").waitFor(SLOW);
    await olga.goTo("chat");
    expect(await answer(olga, 1)).toContain("Survive");
    expect(await olga.page.locator(".line.agent .bubble").count()).toBe(1);
  });

  test.each([
    ["ada", "Fly is down for 30 s", "Fly is down"],
    ["bob", "Fly answers 429 for 30 s", "Fly answers 429"],
  ])("%s's message waits while “%s” and is answered after", async (userId, button, badge) => {
    const person = await stage.visit(userId);
    await chooseAgent(person);
    await olga.goTo("fleet");
    await strike(button);
    await olga.page.locator(".faults .badge", { hasText: badge }).waitFor(SLOW);
    await send(person, `Hello from ${userId}`);
    await olga.page.getByText("The last pass met errors").waitFor(SLOW);
    expect(await person.page.locator(".line.agent").count()).toBe(0);
    await strike("End faults");
    expect(await answer(person, 1)).toContain(`Hello from ${userId}`);
    expect(person.errors).toEqual([]);
    await person.context.close();
  });

  test("a cleanup runs from its dry run to its report, and no machine is left", async () => {
    const alive = () => stage.world.fly.control.machines().filter((m) => m.state !== "destroyed");
    expect(alive().length).toBeGreaterThan(0);
    await olga.goTo("cleanup");
    await olga.page.getByRole("button", { name: "Dry run" }).click();
    await olga.page.getByRole("button", { name: "Destroy these now" }).click(SLOW);
    await olga.page.getByLabel("Progress of the cleanup").waitFor(SLOW);
    const done = olga.page.getByText(/Destroyed \d+ machines? and \d+ volumes?\./);
    await done.waitFor({ timeout: 100_000 });
    expect(await done.innerText()).not.toContain("Destroyed 0 machines");
    expect(alive()).toEqual([]);
    stage.world.fly.control.expectNoCost();
    const report = await stage.world.component("lastCleanupReport");
    expect(report).toMatchObject({ state: "finished", machineIdsRemaining: [], errors: [] });
  });

  test("nothing was written to the console on the way", () => {
    expect(olga.errors).toEqual([]);
  });
});
