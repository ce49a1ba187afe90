/** What can be measured about a page for people who see, type and hear it differently. */
import type { Page } from "playwright-core";

/** WCAG 2.2 AA, 1.4.3: text, and large text (24 px, or 18.66 px and bold). */
const CONTRAST = { text: 4.5, large: 3 };

/** Every visible text whose contrast is too low, as "ratio text (colour on colour)". */
export async function faintTexts(page: Page): Promise<string[]> {
  return await page.evaluate((least) => {
    type Rgba = [number, number, number, number];
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    if (canvas === null) throw new Error("no canvas");
    const rgba = (css: string): Rgba => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = css;
      canvas.fillRect(0, 0, 1, 1);
      const [r = 0, g = 0, b = 0, a = 0] = canvas.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a]: Rgba, [R, G, B]: Rgba): Rgba => [
      r * a + R * (1 - a),
      g * a + G * (1 - a),
      b * a + B * (1 - a),
      1,
    ];
    const luminance = ([r, g, b]: Rgba) => {
      const linear = (c: number) =>
        c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
      return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    };
    const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const paperOf = (element: Element | null): Rgba => {
      if (element === null) return isDark ? [18, 18, 18, 1] : [255, 255, 255, 1];
      const own = rgba(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own : over(own, paperOf(element.parentElement));
    };
    const faint = new Set<string>();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
      const element = node.parentElement;
      const text = node.textContent?.trim() ?? "";
      if (element === null || text === "" || !element.checkVisibility()) continue;
      if (element.closest("button:disabled, .unseen, .skip, script, style") !== null) continue;
      const style = getComputedStyle(element);
      const paper = paperOf(element);
      let ink = rgba(element instanceof SVGElement ? style.fill : style.color);
      for (let e: Element | null = element; e !== null; e = e.parentElement)
        ink = [ink[0], ink[1], ink[2], ink[3] * Number(getComputedStyle(e).opacity)];
      const [a, b] = [luminance(over(ink, paper)), luminance(paper)];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const size = parseFloat(style.fontSize);
      const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio < (isLarge ? least.large : least.text))
        faint.add(`${ratio.toFixed(2)} ${text.slice(0, 40)} (${style.color} on ${paper.join()})`);
    }
    return [...faint];
  }, CONTRAST);
}

/** Every visible control that a screen reader could not name. */
export async function unnamedControls(page: Page): Promise<string[]> {
  return await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("input, select, textarea, button, a[href]")]
      .filter((control) => control.checkVisibility())
      .filter((control) => {
        const labels = "labels" in control ? (control.labels as NodeListOf<Element> | null) : null;
        const named = [control.ariaLabel, control.innerText, labels?.[0]?.textContent];
        const isField = control.matches("input, select, textarea");
        return (isField ? [named[0], named[2]] : named).every((name) => (name ?? "").trim() === "");
      })
      .map((control) => control.outerHTML.slice(0, 120)),
  );
}

/** Walks the page by Tab from its start; names the controls that it did not reach, or whose focus cannot be seen. */
export async function tabProblems(page: Page): Promise<string[]> {
  await page.evaluate(() => {
    document.body.tabIndex = -1;
    document.body.focus();
    window.scrollTo(0, 0);
  });
  const controls = "a[href], button:not(:disabled), input, select, textarea, summary";
  const count = await page.evaluate((selector) => {
    const visible = [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility());
    visible.forEach((control) => control.setAttribute("data-awaits-focus", ""));
    return visible.length;
  }, controls);
  const problems: string[] = [];
  // A time field alone takes several steps.
  for (let step = 0; step < 2 * count + 10; step++) {
    await page.keyboard.press("Tab");
    const unseen = await page.evaluate(() => {
      const focused = document.activeElement;
      if (focused === null || !focused.hasAttribute("data-awaits-focus")) return null;
      focused.removeAttribute("data-awaits-focus");
      const { outlineStyle, outlineWidth } = getComputedStyle(focused);
      const isSeen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
      return isSeen ? null : `focus is not seen: ${focused.outerHTML.slice(0, 120)}`;
    });
    if (unseen !== null) problems.push(unseen);
  }
  const missed = await page.evaluate(() =>
    [...document.querySelectorAll("[data-awaits-focus]")]
      // Gone from sight since, as a button that is disabled while a list loads.
      .filter((control) => control.checkVisibility() && !control.matches(":disabled"))
      .map((control) => `not reached: ${control.outerHTML.slice(0, 120)}`),
  );
  return [...problems, ...missed];
}
