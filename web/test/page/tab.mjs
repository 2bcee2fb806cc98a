/**
 * Tabs of a real browser on a real server, and what can be read and done in them.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { patience, startServer } from "../contract/server.mjs";
import { findChromium } from "../find-chromium.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").Locator} Locator */
/** @typedef {import("node:test").TestContext} TestContext */

const pictures = fileURLToPath(new URL("../../test-output/", import.meta.url));
mkdirSync(pictures, { recursive: true });

/** @type {Promise<import("playwright-core").Browser> | undefined} */
let browser;

/** The browser of this test file. */
function launch() {
  const executablePath = findChromium();
  assert.ok(executablePath, "there is no Chromium: run `node web/test/find-chromium.mjs`");
  browser ??= chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  return browser;
}

/** Ends the browser, after all tests of a file. */
export async function closeBrowser() {
  await (await browser)?.close();
}

/** @type {WeakMap<TestContext, (() => Promise<void>)[]>} */
const endings = new WeakMap();

/**
 * Does something when a test is over; what was begun last ends first, so that no tab outlives its server.
 * @param {TestContext} t
 * @param {() => Promise<void>} end
 */
export function atEnd(t, end) {
  let list = endings.get(t);
  if (!list) {
    const all = (list = /** @type {(() => Promise<void>)[]} */ ([]));
    endings.set(t, all);
    t.after(async () => {
      /** @type {unknown[]} */
      const failures = [];
      for (const one of all.reverse()) await one().catch((failure) => failures.push(failure));
      if (failures.length > 0) throw failures[0];
    });
  }
  list.push(end);
}

/**
 * A server with the shop's catalogue, stopped after the test.
 * @param {TestContext} t
 * @param {string[]} [flags]
 */
export async function startShop(t, flags = ["--seed", "catalogue"]) {
  const server = await startServer(flags);
  atEnd(t, () => server.stop());
  return server.url;
}

/**
 * One tab in a session of its own. After the test it fails where the page complained to the console.
 *
 * @param {TestContext} t
 * @param {string} address
 * @param {{ phone?: boolean, dark?: boolean, still?: boolean, width?: number, height?: number, complaints?: RegExp }} [options]
 *   still: prefers-reduced-motion; complaints: those that the test means to cause
 */
export async function openTab(t, address, { phone = false, dark = false, still = false, width = phone ? 360 : 1360, height = phone ? 740 : 900, complaints } = {}) {
  const context = await (await launch()).newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: still ? "reduce" : "no-preference",
    ...(phone ? { isMobile: true, hasTouch: true, deviceScaleFactor: 2 } : {}),
    locale: "en-GB",
  });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  /** @type {string[]} */
  const heard = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !complaints?.test(message.text())) heard.push(message.text());
  });
  page.on("pageerror", (error) => heard.push(String(error)));
  atEnd(t, async () => {
    await context.close();
    assert.deepEqual(heard, [], "the page complained to the console");
  });
  await page.goto(address);
  return new Tab(page);
}

export class Tab {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.rows = page.locator("#rows tr");
    this.changes = page.locator("#log .change");
    this.state = page.locator("#state");
    this.count = page.locator("#count");
    this.notices = page.locator("#notices");
    this.editor = page.locator("#editor");
  }

  /** The row of the item with this name. @param {string} name */
  row(name) {
    return this.rows.filter({ has: this.page.locator(".name").getByText(name, { exact: true }) });
  }

  /** Waits until the socket is connected. @param {RegExp} [state] */
  async live(state = /^Live/) {
    await shows(this.state, state);
  }

  /** Waits until the list is what the server answered first. */
  async ready() {
    await this.live();
    await this.rows.first().waitFor();
    return this;
  }

  /** The names of the items on this page, in order. */
  names() {
    return this.page.locator("#rows .name").allTextContents();
  }

  /** What the rows show in one column. @param {string} column */
  column(column) {
    return this.page.locator(`#rows td.c-${column}`).allTextContents();
  }

  /** The newest change in the stream. @param {"ADDED" | "MODIFIED" | "DELETED"} type @param {string} subject */
  async change(type, subject) {
    const entry = this.page.locator(`#log .change[data-type=${type}]`).filter({ hasText: subject }).first();
    await entry.waitFor();
    return entry;
  }

  /** Fills the form and saves it. @param {Record<string, string>} fields */
  async save(fields) {
    await this.editor.waitFor();
    for (const [field, value] of Object.entries(fields)) {
      if (field === "other" && !(await this.page.locator("#more").getAttribute("open").then((open) => open !== null))) await this.page.locator("#more summary").click();
      await this.page.locator(`#f-${field}`).fill(value);
    }
    await this.page.locator("#save").click();
  }

  /** Adds an item by the form. @param {Record<string, string>} fields */
  async add(fields) {
    await this.page.locator("#add").click();
    await this.save(fields);
    await this.editor.waitFor({ state: "hidden" });
  }

  /** Keeps a picture in web/test-output. @param {string} name */
  async picture(name) {
    await this.page.screenshot({ path: `${pictures}${name}.png` });
  }

  /** Fails where the page is wider than the device, or a part of it sticks out. */
  fitsWidth() {
    return fitsWidth(this.page);
  }

  /** The same on phones of every usual width. */
  fitsPhones() {
    return fitsPhones(this.page);
  }
}

/**
 * Fails where a page is wider than the device, a part of it sticks out, or a button is too small for what is on it.
 * @param {Page} page
 */
export async function fitsWidth(page) {
  const view = page.viewportSize()?.width ?? 0; // not innerWidth, which grows with the page on a phone
  const content = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(content <= view, `the page is ${content} px wide on a device of ${view}`);
  const wrong = await page.evaluate((view) => {
    /** Whether it can be scrolled to, within a part of the page. @param {Element} part @returns {boolean} */
    const scrolls = (part) => {
      const above = part.parentElement;
      return above !== null && above !== document.body && (/auto|scroll/.test(getComputedStyle(above).overflowX) || scrolls(above));
    };
    const parts = [...document.querySelectorAll("a, button, input, select, textarea, summary, fieldset, td, h1, h2, h3, .pull, .notice")]
      .filter((part) => part.checkVisibility() && !part.closest(".unseen, .skip, thead") && part.getBoundingClientRect().width > 1);
    const name = (/** @type {Element} */ part) => part.outerHTML.slice(0, 100);
    return [
      ...parts.map((part) => ({ part, box: part.getBoundingClientRect() }))
        .filter(({ part, box }) => (box.left < 0 || box.right > view + 0.5) && !scrolls(part))
        .map(({ part, box }) => `${name(part)} from ${box.left} to ${box.right}`),
      ...parts.filter((part) => part.localName === "button" && part.scrollWidth > part.clientWidth)
        .map((part) => `${name(part)} has ${part.clientWidth} px for ${part.scrollWidth}`),
    ];
  }, view);
  assert.deepEqual(wrong, [], `at ${view} px`);
}

/** The same on phones of every usual width. @param {Page} page */
export async function fitsPhones(page) {
  const own = page.viewportSize() ?? { width: 390, height: 844 };
  for (const width of [360, 390, 414]) {
    await page.setViewportSize({ ...own, width });
    await fitsWidth(page);
  }
  await page.setViewportSize(own);
}

/**
 * Waits until an element's text matches.
 * @param {Locator} locator @param {RegExp | string} text
 */
export async function shows(locator, text) {
  await locator.filter({ hasText: text }).first().waitFor();
}

/**
 * Waits until something read from the page is as wanted; its last value is in the failure.
 * @template T
 * @param {() => Promise<T>} read @param {T} wanted
 */
export async function becomes(read, wanted) {
  const end = Date.now() + patience;
  for (;;) {
    const value = await read();
    try {
      assert.deepEqual(value, wanted);
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
