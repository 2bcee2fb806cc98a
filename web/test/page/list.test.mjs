// Filter, order and pages, against the catalogue itself.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { becomes, closeBrowser, openTab, shows, startShop } from "./tab.mjs";

after(closeBrowser);

/** @type {{ name: string, category: string, rrp: number }[]} */
const products = JSON.parse(readFileSync(new URL("../../../examples/catalogue/products.json", import.meta.url), "utf8"));
const names = (/** @type {typeof products} */ some) => some.map(({ name }) => name);

test("pages", async (t) => {
  const shop = await startShop(t);
  const tab = await (await openTab(t, shop)).ready();
  await shows(tab.count, `${products.length} items, 1–10 shown`);
  assert.deepEqual(await tab.names(), names(products.slice(0, 10)));
  assert.equal(await tab.page.locator("#previous").getAttribute("aria-disabled"), "true");

  await tab.page.getByRole("button", { name: "Next page" }).click();
  await becomes(() => tab.names(), names(products.slice(10, 20)));
  await shows(tab.count, "11–20 shown");
  await tab.page.getByRole("button", { name: "Previous page" }).click();
  await becomes(() => tab.names(), names(products.slice(0, 10)));

  await tab.page.locator("#limit").selectOption("50");
  await becomes(() => tab.names(), names(products.slice(0, 50)));
  const last = Math.ceil(products.length / 50);
  for (let at = 1; at < last; at++) {
    await tab.page.getByRole("button", { name: "Next page" }).click();
    await shows(tab.page.locator("#page"), `${at + 1} / ${last}`);
  }
  await becomes(() => tab.names(), names(products.slice((last - 1) * 50)));
  assert.equal(await tab.page.locator("#next").getAttribute("aria-disabled"), "true");

  // The address holds the view: a reload shows the same, and a page that is no more shows the last one.
  await tab.page.reload();
  await becomes(() => tab.names(), names(products.slice((last - 1) * 50)));
  await tab.page.goto(`${shop}/?page=999`);
  await becomes(() => tab.names(), names(products.slice(Math.floor((products.length - 1) / 10) * 10)));
});

test("order", async (t) => {
  const shop = await startShop(t);
  const tab = await (await openTab(t, `${shop}/?limit=50`)).ready();
  const heads = tab.page.locator("thead");
  const byPrice = [...products].sort((a, b) => a.rrp - b.rrp).map(({ rrp }) => rrp.toFixed(2));

  await heads.getByRole("button", { name: "RRP" }).click();
  await becomes(() => tab.column("rrp"), byPrice.slice(0, 50));
  assert.equal(await heads.getByRole("columnheader", { name: "RRP" }).getAttribute("aria-sort"), "ascending");
  await heads.getByRole("button", { name: "RRP" }).click();
  await becomes(() => tab.column("rrp"), byPrice.reverse().slice(0, 50));
  assert.equal(await heads.getByRole("columnheader", { name: "RRP" }).getAttribute("aria-sort"), "descending");

  await heads.getByRole("button", { name: "Name" }).click();
  await becomes(() => tab.names(), names(products).sort((a, b) => (a < b ? -1 : 1)).slice(0, 50));
  await heads.getByRole("button", { name: "Id" }).click();
  await becomes(() => tab.names(), names(products.slice(0, 50)));
  await tab.picture("list");
});

test("filter by name, category and price", async (t) => {
  const shop = await startShop(t);
  const tab = await (await openTab(t, `${shop}/?limit=50`)).ready();

  await tab.page.getByLabel("Search by name").fill("liquorice");
  const liquorice = products.filter(({ name }) => /liquorice/i.test(name));
  assert.ok(liquorice.length > 1);
  await becomes(() => tab.names(), names(liquorice));
  await shows(tab.count, `${liquorice.length} items match`);

  await tab.page.getByLabel("Search by name").fill("");
  await tab.page.getByRole("radio", { name: "electronics" }).check({ force: true });
  const electronics = products.filter(({ category }) => category === "electronics");
  await shows(tab.count, `${electronics.length} items match`);
  await becomes(() => tab.names(), names(electronics.slice(0, 50)));

  await tab.page.getByLabel("RRP from").fill("100");
  await tab.page.getByLabel("RRP up to").fill("199,50");
  const middling = electronics.filter(({ rrp }) => rrp >= 100 && rrp <= 199.5);
  await becomes(() => tab.names(), names(middling));
  assert.match(tab.page.url(), /category=electronics.*from=100.*to=199\.5/);

  await tab.page.getByLabel("Search by name").fill("no such thing");
  await shows(tab.page.locator("#empty"), "Nothing matches");
  await tab.picture("nothing-matches");
  await tab.page.getByRole("button", { name: "Clear the filter" }).click();
  await shows(tab.count, `${products.length} items`);
  assert.equal(new URL(tab.page.url()).search, "?limit=50");
});

test("what is wrong is said in words", async (t) => {
  const shop = await startShop(t);
  const tab = await (await openTab(t, shop)).ready();

  await tab.page.getByLabel("RRP from").fill("cheap");
  await shows(tab.page.locator("#tools-fault"), "“cheap” is not a price. Write a number, such as 12.50.");
  await tab.page.getByLabel("RRP from").fill("20");
  await tab.page.getByLabel("RRP up to").fill("10");
  await shows(tab.page.locator("#tools-fault"), "The lowest price is above the highest");
  await tab.page.getByLabel("RRP from").fill("");
  await tab.page.getByLabel("RRP up to").fill("");
  await tab.page.locator("#tools-fault").waitFor({ state: "hidden" });

  await tab.page.locator("#add").click();
  await tab.save({ name: " ", rrp: "much", other: "[1]" });
  await shows(tab.page.locator("#e-name"), "An item needs a name");
  await shows(tab.page.locator("#e-rrp"), "A price is a number");
  await shows(tab.page.locator("#e-other"), "This must be a JSON object");
  assert.equal(await tab.page.evaluate(() => document.activeElement?.id), "f-name", "the first wrong field has the focus");
  await tab.picture("wrong-fields");

  // What only the server knows comes in its words.
  await tab.save({ name: "Second first", rrp: "1", other: '{ "id": 1 }' });
  await shows(tab.page.locator("#form-fault"), /\b1\b.*(already|exists)/i);
  await tab.save({ other: '{ "__proto__": 1 }' });
  await shows(tab.page.locator("#form-fault"), "__proto__");
  await tab.save({ other: "" });
  await shows(tab.notices, "Second first is added");

  const [name = ""] = await tab.names();
  await tab.row(name).getByRole("button", { name: /^Edit/ }).click();
  await tab.save({ other: '{ "id": 77 }' });
  await shows(tab.page.locator("#form-fault"), /\bid\b/);
  await tab.page.keyboard.press("Escape");
  await tab.editor.waitFor({ state: "hidden" });

  await tab.page.goto(`${shop}/?collection=1bad`);
  await shows(tab.page.locator("#empty"), "The list cannot be shown");
  await shows(tab.page.locator("#empty-text"), /name/);
  await tab.picture("fault");
});

test("items of any shape are shown, and edited without harm", async (t) => {
  const shop = await startShop(t, []);
  const tab = await openTab(t, shop);
  await shows(tab.page.locator("#empty"), "items is empty");
  await tab.page.evaluate(async () => {
    const { createHelpers } = await import(/** @type {any} */ ("/client/ackbase.js"));
    const { io } = await import(/** @type {any} */ ("/socket.io/socket.io.esm.min.js"));
    const socket = io({ forceNew: true });
    const { postItem } = createHelpers(socket);
    await postItem({ id: "<b>x", name: "<img src=x onerror=alert(1)>", category: "<i>", info: "</td><script>", rrp: "n/a" }, "items");
    await postItem({ name: 7, category: null, rrp: { net: 1 }, info: ["a"], deep: { a: { b: [1, null] } }, "odd/~key": null }, "items");
    await postItem({ name: "x".repeat(3000), info: "long ".repeat(2000) }, "items");
    await postItem({}, "items");
    socket.disconnect();
  });
  await shows(tab.count, "4 items");
  await tab.row("<img src=x onerror=alert(1)>").waitFor();
  assert.equal(await tab.page.locator("#rows img, #rows script, #log img").count(), 0, "an item's text is never markup");
  await tab.fitsWidth();
  await tab.picture("odd-items");
  await tab.page.setViewportSize({ width: 360, height: 740 });
  await tab.fitsWidth();
  await tab.page.setViewportSize({ width: 1360, height: 900 });

  // Saving another field leaves the odd ones as they are.
  await tab.rows.filter({ hasText: "odd/~key" }).getByRole("button", { name: /^Edit/ }).click();
  await tab.save({ name: "Seven" });
  await tab.row("Seven").waitFor();
  const stored = await tab.page.evaluate(async () => {
    const { createHelpers } = await import(/** @type {any} */ ("/client/ackbase.js"));
    const { io } = await import(/** @type {any} */ ("/socket.io/socket.io.esm.min.js"));
    const socket = io({ forceNew: true });
    const items = await createHelpers(socket).getItems({ filters: { name: "Seven" } }, "items");
    socket.disconnect();
    return items;
  });
  assert.deepEqual(stored, [{ id: 1, name: "Seven", category: null, rrp: { net: 1 }, info: ["a"], deep: { a: { b: [1, null] } }, "odd/~key": null }]);
});
