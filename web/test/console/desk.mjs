/**
 * The console in a real browser, and the server that it shows.
 */
import assert from "node:assert/strict";
import { becomes, openTab, shows } from "../page/tab.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("node:test").TestContext} TestContext */

/**
 * One console in a tab of its own; it fails after the test where the page complained.
 * @param {TestContext} t @param {string} server its address
 * @param {string} [hash] such as "#/clients" @param {Parameters<typeof openTab>[2]} [options]
 */
export async function openConsole(t, server, hash = "", options = {}) {
  const tab = await openTab(t, `${server}/console${hash}`, { width: 1360, ...options });
  const desk = new Desk(tab.page, (name) => tab.picture(`console-${name}`));
  await desk.live();
  return desk;
}

export class Desk {
  /** @param {Page} page @param {(name: string) => Promise<void>} picture keeps a picture in web/test-output */
  constructor(page, picture) {
    this.page = page;
    this.picture = picture;
    this.rows = page.locator("#items-rows tr");
    this.count = page.locator("#data-count");
    this.item = page.locator("#item");
    this.code = page.locator("#code");
    this.notices = page.locator("#notices");
    this.events = page.locator("#events .event");
    this.versions = page.locator("#timeline .version");
  }

  /** Waits until the connection is as it should be. @param {RegExp} [state] */
  async live(state = /^Live/) {
    await shows(this.page.locator("#state"), state);
  }

  /** The ids in the table, in order. */
  ids() {
    return this.page.locator("#items-rows .ident").allTextContents();
  }

  /** The collections on the shelf with their counts. */
  shelf() {
    return this.page.locator("#collections a").evaluateAll((links) => links.map((link) => [...link.children].map((part) => part.textContent).join(" ")));
  }

  /** Waits until the stream follows these collections. @param {string[]} names */
  async follows(names) {
    await becomes(() => this.page.locator("#stream-of option").allTextContents(), ["All collections", ...names]);
    await this.page.locator("#stream-sheet[aria-busy=false]").waitFor();
  }

  /** Opens an item from the table. @param {string} id */
  async open(id) {
    await this.page.locator("#items-rows .ident").getByText(id, { exact: true }).click();
    await this.item.waitFor();
  }

  /** Writes JSON into the open editor. @param {string} text */
  async type(text) {
    await this.code.fill(text);
  }

  /** Saves what the editor has. */
  async save() {
    await this.page.locator("#item-save").click();
  }
}

/**
 * Puts items over HTTP.
 * @param {string} server @param {string} collection @param {{ id: number | string, [field: string]: unknown }[]} items
 */
export async function put(server, collection, items) {
  for (let at = 0; at < items.length; at += 500) {
    const patch = items.slice(at, at + 500).map((item) => ({ op: "add", path: `/${String(item.id).replace(/~/g, "~0").replace(/\//g, "~1")}`, value: item }));
    const answer = await fetch(`${server}/api/v2/${collection}`, { method: "PATCH", headers: { "Content-Type": "application/json-patch+json" }, body: JSON.stringify(patch) });
    assert.equal(answer.status, 200, await answer.text());
  }
}

/**
 * Asks for, or writes, one item over HTTP.
 * @param {string} server @param {string} path such as "items/1" @param {{ method?: string, body?: string, headers?: Record<string, string> }} [init]
 */
export async function api(server, path, { method = "GET", body, headers } = {}) {
  const answer = await fetch(`${server}/api/v2/${path}`, { method, headers: { "Content-Type": "application/json", ...headers }, ...(body !== undefined && { body }) });
  return { status: answer.status, text: await answer.text(), rev: answer.headers.get("ETag") };
}
