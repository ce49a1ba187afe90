/** `npm run screenshots`: every page as a picture in docs/images. */
import { mkdir } from "node:fs/promises";
import { answer, chooseAgent, furnish, send, walkOnboarding } from "./scene.js";
import { NARROW, startStage, type Visit } from "./stage.js";

const IMAGES_DIR = new URL("../../docs/images/", import.meta.url).pathname;
const PAGES = ["chat", "fleet", "queue", "agents", "push", "skills", "snapshots", "cleanup"];

async function shoot({ page }: Visit, name: string): Promise<void> {
  await page.waitForTimeout(300);
  await page.screenshot({ path: `${IMAGES_DIR}${name}.png`, fullPage: name !== "sign-in" });
}

await mkdir(IMAGES_DIR, { recursive: true });
const stage = await startStage(60_000);
try {
  const olga = await stage.visit();
  await chooseAgent(olga);
  await furnish(stage, "olga");
  await send(olga, "Hello! What can you do?");
  await answer(olga, 1);
  await walkOnboarding(olga);
  await send(olga, "/refuse this one, please");
  await olga.page.getByText("gave up").waitFor({ timeout: 30_000 });
  await send(olga, "And what did I ask first?");
  await answer(olga, 2);
  await send(olga, "/slow 20000 Think about this for a while");
  await send(olga, "And then this");
  await olga.page.getByText("being answered").waitFor();
  await olga.page.getByRole("button", { name: "Why is it not answered?" }).last().click();
  await olga.page.getByText("came into the queue").waitFor();
  await shoot(olga, "chat");
  for (const path of PAGES.slice(1)) {
    await olga.goTo(path);
    if (path === "agents") {
      await olga.page.getByRole("button", { name: "Check everything" }).click();
      await olga.page.locator(".decision").last().waitFor();
    }
    if (path === "queue") await olga.page.waitForTimeout(3_000);
    await shoot(olga, path);
  }
  const dark = await stage.visit("olga", { colorScheme: "dark" });
  await dark.goTo("fleet");
  await shoot(dark, "fleet-dark");
  const narrow = await stage.visit("olga", { size: NARROW });
  for (const path of ["chat", "queue"]) {
    await narrow.goTo(path);
    if (path === "queue") await narrow.page.waitForTimeout(3_000);
    await shoot(narrow, `${path}-390`);
  }
} finally {
  await stage.close();
}
process.exit(0);
