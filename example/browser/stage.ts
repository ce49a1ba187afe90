/** A local world, its web UI and a headless browser in front of it. */
import { chromium, type BrowserContext, type Page } from "playwright-core";
import { startUi } from "../local/ui/server.js";
import { OPERATOR, startWorld, type World } from "../local/world.js";

const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const WIDE = { width: 1280, height: 900 };
export const NARROW = { width: 390, height: 844 };
export type Look = {
  size?: typeof WIDE;
  colorScheme?: "light" | "dark";
  /** What the page is told about its deployment instead of the local world's address; null tells it nothing. */
  config?: { convexUrl: string } | null;
};

export type Visit = {
  page: Page;
  context: BrowserContext;
  /** What the pages wrote to the console as an error, and what they threw. */
  errors: string[];
  /** Shows another page of the UI and waits until nothing of it loads any more. */
  goTo(path: string): Promise<void>;
};

export type Stage = {
  world: World;
  /** A new browser window with the page as a visitor sees it. */
  open(look?: Look): Promise<Page>;
  /** A new browser window in which somebody is signed in. */
  visit(userId?: string, look?: Look): Promise<Visit>;
  close(): Promise<void>;
};

export async function startStage(idleMs: number, maxWorkers = 2): Promise<Stage> {
  const world = await startWorld({ idleMs, maxWorkers, agentKeys: ["default", "support"] });
  const ui = await startUi(world);
  const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS });
  const open: Stage["open"] = async ({ size = WIDE, colorScheme = "light", config } = {}) => {
    const context = await browser.newContext({ viewport: size, colorScheme, locale: "en-GB" });
    const page = await context.newPage();
    if (config !== undefined)
      await page.addInitScript((value) => {
        Object.defineProperty(window, "__AGENT_FACTORY__", { value: value ?? undefined });
      }, config);
    await page.goto(ui.url);
    return page;
  };
  return {
    world,
    open,
    visit: async (userId = OPERATOR, look = {}) => {
      const page = await open(look);
      const context = page.context();
      const errors: string[] = [];
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) errors.push(message.text());
      });
      page.on("pageerror", (error) => errors.push(error.message));
      await page.getByLabel("Somebody else").fill(userId);
      await page.getByRole("button", { name: "Continue" }).click();
      await page.getByRole("navigation").waitFor();
      const goTo = async (path: string) => {
        await page.goto(`${ui.url}/#/${path}`);
        await page.getByText("Loading …").first().waitFor({ state: "detached" });
      };
      return { page, context, errors, goTo };
    },
    close: async () => {
      await browser.close();
      await ui.close();
      await world.close();
    },
  };
}
