/**
 * What axe-core, which knows the rules of WCAG, finds wrong with a page.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** @typedef {import("playwright-core").Page} Page */

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * Fails where axe finds something serious or critical in what the page shows now.
 * @param {Page} page @param {string} where for the failure
 */
export async function accessible(page, where) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(`${source};undefined`);
  const found = await page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (globalThis).axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter((/** @type {any} */ { impact }) => impact === "serious" || impact === "critical")
      .flatMap((/** @type {any} */ { id, help, nodes }) => nodes.slice(0, 5).map((/** @type {any} */ node) => `${id} (${help}): ${node.target} ${node.html.slice(0, 160)} ${node.any?.[0]?.message ?? ""}`));
  });
  assert.deepEqual(found, [], where);
}
