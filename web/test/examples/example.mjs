/**
 * The examples' programs and their pages, in a real browser.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { dataFile, startServer } from "../contract/server.mjs";
import { atEnd, openTab } from "../page/tab.mjs";

/** @typedef {import("node:test").TestContext} TestContext */

/**
 * An example's program over a data file, which can be ended and started again at the same address.
 */
export class Example {
  /** @param {string} name @param {string[]} flags */
  constructor(name, flags) {
    this.name = name;
    this.flags = [...flags, "--data", dataFile()];
    this.url = "";
    /** @type {import("../contract/server.mjs").Server | undefined} */
    this.server = undefined;
  }

  /** @param {string[]} [flags] further ones */
  async start(flags = []) {
    const listen = this.url ? ["--listen", new URL(this.url).host] : [];
    this.server = await startServer([...this.flags, ...listen, ...flags], { pkg: `./examples/${this.name}`, eio3: false });
    this.url = this.server.url;
  }

  async stop() {
    const { server } = this;
    this.server = undefined;
    await server?.stop();
  }

  /**
   * Does something to the data while nobody who knows the address can see it.
   * @param {(url: string) => Promise<void>} change @param {string[]} [flags]
   */
  async whileAway(change, flags = []) {
    const elsewhere = await startServer([...this.flags, ...flags], { pkg: `./examples/${this.name}`, eio3: false });
    await change(elsewhere.url).finally(() => elsewhere.stop());
  }
}

/** Starts an example for one test. @param {TestContext} t @param {string} name @param {string[]} [flags] */
export async function startExample(t, name, flags = []) {
  const example = new Example(name, flags);
  await example.start();
  atEnd(t, () => example.stop());
  return example;
}

/**
 * A tab whose page may be looked at by axe-core, which tries inline styles that the page's policy forbids.
 * @param {TestContext} t @param {string} address @param {NonNullable<Parameters<typeof openTab>[2]>} [options]
 */
export function openPage(t, address, { complaints, ...options } = {}) {
  return openTab(t, address, { ...options, complaints: new RegExp(`Applying inline style violates${complaints ? `|${complaints.source}` : ""}`) });
}

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/**
 * Fails where axe-core finds something serious in the page as it is, or where it is wider than its window.
 * @param {import("../page/tab.mjs").Tab} tab
 */
export async function isUsable({ page }) {
  // The page's policy lets no script be added to it; the browser's own hand may run one.
  await page.evaluate(await readFile(axe, "utf8"));
  const found = await page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (window).axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter((/** @type {any} */ violation) => ["serious", "critical"].includes(violation.impact))
      .map((/** @type {any} */ { id, help, nodes }) => `${id}: ${help}: ${nodes.map((/** @type {any} */ node) => `${node.target} ${node.any?.[0]?.message ?? ""}`).join(" | ")}`);
  });
  assert.deepEqual(found, []);
  // Not innerWidth, which grows with the page on a phone.
  const [content, view] = [await page.evaluate(() => document.documentElement.scrollWidth), page.viewportSize()?.width ?? 0];
  assert.ok(content <= view, `the page is ${content} px wide in a window of ${view}`);
}

/**
 * The page at the sizes and in the lights that people have: usable in each, and a picture of each in web/test-output.
 * @param {TestContext} t @param {string} address @param {string} name
 * @param {(tab: import("../page/tab.mjs").Tab) => Promise<void>} ready brings a tab to where the page shows most
 */
export async function looksGood(t, address, name, ready) {
  for (const [size, options] of Object.entries({ desktop: { width: 1280, height: 860 }, phone: { phone: true, width: 390, height: 844 } })) {
    const tab = await openPage(t, address, { still: true, ...options });
    await ready(tab);
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      await tab.page.emulateMedia({ colorScheme });
      await isUsable(tab);
      await tab.page.screenshot({ path: fileURLToPath(new URL(`../../test-output/${name}-${size}-${colorScheme}.png`, import.meta.url)), fullPage: true });
    }
    await tab.page.context().close();
  }
}
