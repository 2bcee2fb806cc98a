/**
 * The examples' programs and their pages, in a real browser.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { dataFile, startServer } from "../contract/server.mjs";
import { atEnd, fitsPhones, fitsWidth, openTab } from "../page/tab.mjs";

/** @typedef {import("node:test").TestContext} TestContext */
/** @typedef {import("node:net").Socket} Socket */

/** What a browser says to its console of a server that has gone for a while. */
export const interrupted = /net::ERR_|WebSocket connection|status of 50\d/;

/**
 * An example's program over a data file, which can be ended and started again. Its address stays the same: this process
 * listens there and hands on what comes, so that nobody else can get the port meanwhile.
 */
export class Example {
  /** @param {string} name @param {string[]} flags */
  constructor(name, flags) {
    this.name = name;
    this.flags = [...flags, "--data", dataFile()];
    this.url = "";
    /** @type {import("../contract/server.mjs").Server | undefined} */
    this.server = undefined;
    /** @type {Set<Socket>} */
    this.open = new Set();
    this.listener = createServer((client) => {
      const upstream = this.server && connect(Number(new URL(this.server.url).port), "127.0.0.1");
      if (!upstream) return client.destroy();
      for (const [one, other] of /** @type {[Socket, Socket][]} */ ([[client, upstream], [upstream, client]])) {
        this.open.add(one);
        one.on("error", () => one.destroy()).once("close", () => {
          this.open.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  /** @param {string[]} [flags] further ones */
  async start(flags = []) {
    this.server = await startServer([...this.flags, ...flags], { pkg: `./examples/${this.name}`, eio3: false });
    if (this.url) return;
    this.listener.listen(0, "127.0.0.1");
    await once(this.listener, "listening");
    this.url = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (this.listener.address()).port}`;
  }

  async stop() {
    const { server } = this;
    this.server = undefined;
    await server?.stop();
  }

  /** Ends all of it. */
  async close() {
    await this.stop();
    this.listener.close();
    for (const socket of this.open) socket.destroy();
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
  atEnd(t, () => example.close());
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
  await fitsWidth(page);
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
    if ("phone" in options) await fitsPhones(tab.page);
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      await tab.page.emulateMedia({ colorScheme });
      await isUsable(tab);
      await tab.page.screenshot({ path: fileURLToPath(new URL(`../../test-output/${name}-${size}-${colorScheme}.png`, import.meta.url)), fullPage: true });
    }
    await tab.page.context().close();
  }
}
