// The page in the sizes and settings that people have. The pictures are in web/test-output, for a person to judge.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { accessible } from "./axe.mjs";
import { closeBrowser, openTab, shows, startShop } from "./tab.mjs";

after(closeBrowser);

test("on a phone", async (t) => {
  const shop = await startShop(t);
  const tab = await (await openTab(t, shop, { phone: true })).ready();
  await tab.fitsPhones();
  await tab.picture("phone");

  await tab.page.getByRole("button", { name: "Price and order" }).tap();
  await tab.page.locator("#sort").selectOption("-rrp");
  await shows(tab.rows.first(), "629.00");
  await tab.fitsPhones();
  await tab.picture("phone-filter");

  await tab.page.locator("#add").tap();
  await tab.editor.waitFor();
  await tab.fitsPhones();
  await tab.picture("phone-editor");
  await tab.save({ name: "Concert grand with a name that is far too long for any phone", category: "instruments", rrp: "98000", info: "Delivery by crane." });
  await shows(tab.rows.first(), "98,000.00");
  await tab.fitsPhones();
  await tab.picture("phone-changed");

  await shows(tab.page.locator("#latest"), "Concert grand");
  await tab.page.locator("#drawer").tap();
  await tab.change("ADDED", "Concert grand");
  await tab.fitsPhones();
  await tab.picture("phone-changes");
  await tab.page.locator("#drawer").tap();
  await tab.page.locator("#log").waitFor({ state: "hidden" });

  const small = await tab.page.evaluate(() =>
    [...document.querySelectorAll("button")]
      .filter((button) => button.checkVisibility() && !button.closest("thead"))
      .map((button) => ({ name: button.getAttribute("aria-label") || button.textContent, ...button.getBoundingClientRect().toJSON() }))
      .filter(({ width, height }) => width < 36 || height < 36)
      .map(({ name, width, height }) => `${name}: ${width} × ${height}`),
  );
  assert.deepEqual(small, [], "buttons that a finger misses");
});

for (const width of [320, 360, 480, 781, 861, 1024, 1161, 1360, 1920]) {
  test(`at ${width} px nothing is cut off`, async (t) => {
    const shop = await startShop(t);
    const tab = await (await openTab(t, shop, { width })).ready();
    await tab.fitsWidth();
    const narrow = await tab.page.evaluate(() => Math.min(...[...document.querySelectorAll("#rows .what")].map((part) => part.getBoundingClientRect().width)));
    assert.ok(narrow >= 110, `the names have ${narrow} px`);
    await tab.picture(`width-${width}`);
  });
}

test("text stands out from its ground, by day and by night", async (t) => {
  const shop = await startShop(t);
  for (const dark of [false, true]) {
    const tab = await (await openTab(t, shop, { dark, still: true })).ready();
    const [name = ""] = await tab.names();
    await tab.row(name).getByRole("button", { name: /^Edit/ }).click();
    await tab.save({ rrp: dark ? "1" : "2" });
    await tab.change("MODIFIED", name);
    await tab.picture(dark ? "dark" : "light");
    const poor = await tab.page.evaluate(() => {
      const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
      if (!canvas) throw new Error("no canvas");
      /** @param {string[]} layers the lowest first @returns {number[]} */
      const paint = (layers) => {
        canvas.clearRect(0, 0, 1, 1);
        for (const layer of layers) {
          canvas.fillStyle = layer;
          canvas.fillRect(0, 0, 1, 1);
        }
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
      };
      /** Relative luminance, as WCAG 2 defines it. @param {number[]} colour */
      const light = (colour) => {
        const [r = 0, g = 0, b = 0] = colour.map((part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      /** @type {string[]} */
      const found = [];
      for (const part of document.querySelectorAll("body *")) {
        const text = [...part.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent).join("").trim();
        if (!text || !part.checkVisibility() || part.closest(".unseen, [disabled], [aria-disabled=true], datalist, option")) continue;
        const layers = [];
        for (let at = /** @type {Element | null} */ (part); at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
        const ground = light(paint(["white", ...layers]));
        const ink = light(paint(["white", ...layers, getComputedStyle(part).color]));
        const ratio = (Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05);
        if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${part.className || part.tagName}: ${text.slice(0, 30)}`);
      }
      return [...new Set(found)];
    });
    assert.deepEqual(poor, [], dark ? "in the dark" : "in the light");
  }
});

test("axe finds nothing that is in anybody's way", async (t) => {
  const shop = await startShop(t);
  for (const options of [{}, { dark: true }, { phone: true, width: 390, height: 844 }]) {
    const tab = await (await openTab(t, shop, { still: true, ...options })).ready();
    const [name = ""] = await tab.names();
    await tab.row(name).getByRole("button", { name: /^Edit/ }).click();
    await tab.save({ rrp: "dear" });
    await shows(tab.page.locator("#e-rrp"), "A price is a number");
    await accessible(tab.page, `the form, ${JSON.stringify(options)}`);
    await tab.save({ rrp: String(Object.keys(options).length + 1) });
    await tab.editor.waitFor({ state: "hidden" });
    await shows(tab.page.locator("#tally"), /[1-9]/);
    await accessible(tab.page, `the page, ${JSON.stringify(options)}`);
  }
});

test("who wants less motion gets none", async (t) => {
  const shop = await startShop(t);
  const tab = await (await openTab(t, `${shop}/?sort=-id`, { still: true })).ready();
  await tab.add({ name: "Standing still" });
  await tab.change("ADDED", "Standing still");
  const moving = await tab.page.evaluate(() =>
    document.getAnimations()
      .map((animation) => (animation instanceof CSSAnimation ? animation.animationName : "transition"))
      .filter((name) => name !== "pass"), // a mark that stands and goes out
  );
  assert.deepEqual(moving, []);
});
