// The console in the sizes and settings that people have, by keyboard, and by the rules of WCAG. The pictures are in web/test-output.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { accessible } from "../page/axe.mjs";
import { becomes, closeBrowser, fitsPhones, fitsWidth, shows, startShop } from "../page/tab.mjs";
import { api, openConsole, put } from "./desk.mjs";

after(closeBrowser);

for (const [name, options] of /** @type {[string, { phone?: boolean, dark?: boolean, still: boolean, width?: number, height?: number }][]} */ ([
  ["desktop, light", { still: true }],
  ["desktop, dark", { still: true, dark: true }],
  ["phone, light", { still: true, phone: true, width: 390, height: 844 }],
  ["phone, dark", { still: true, phone: true, width: 390, height: 844, dark: true }],
])) {
  test(`every view is whole and accessible: ${name}`, async (t) => {
    const server = await startShop(t, []);
    await put(server, "items", Array.from({ length: 12 }, (_, i) => ({ id: i + 1, name: `Lamp ${i}`, category: "electronics", rrp: 10 * i, info: "A desk lamp with a dimmer, and a long cable that reaches any socket." })));
    await put(server, "a-collection-with-a-long-name-that-has-no-place-to-be-broken", [{ id: "x".repeat(200), name: "y".repeat(300), list: [1, 2, 3], deep: { a: { b: "z".repeat(200) } } }]);
    const desk = await openConsole(t, server, "#/data/items", options);
    const { page } = desk;
    const file = name.replace(", ", "-");
    const check = async (/** @type {string} */ view) => {
      await (options.phone ? fitsPhones : fitsWidth)(page);
      await desk.picture(`${view}-${file}`);
      await accessible(page, `${view}, ${name}`);
    };
    await shows(desk.count, "12 items");
    await becomes(async () => (await desk.shelf()).length, 2);
    await check("data");
    await page.locator("#query summary").click();
    await page.getByRole("button", { name: "Add condition" }).first().click();
    await page.getByRole("button", { name: "Add group" }).first().click();
    await page.getByLabel("Operator").last().selectOption("$exists");
    await check("query");
    await page.evaluate(() => location.assign("#/data/a-collection-with-a-long-name-that-has-no-place-to-be-broken"));
    await shows(desk.count, "1 item");
    await check("long");
    await desk.rows.first().locator("a").click();
    await becomes(async () => (await desk.code.inputValue()).length > 100, true);
    await desk.type('{\n  "id": 1,\n  "name" "x"\n}');
    await desk.save();
    await shows(page.locator("#item-fault"), "Line 3");
    await check("item");
    await page.locator("#item-close").click();
    await page.locator("#item-close").click();

    await page.evaluate(() => location.assign("#/stream"));
    await desk.follows(["a-collection-with-a-long-name-that-has-no-place-to-be-broken", "items"]);
    await put(server, "items", [{ id: 1, name: "Changed" }, { id: 2, name: "w".repeat(400) }]);
    await api(server, "items/3", { method: "DELETE" });
    await becomes(() => desk.events.count(), 3);
    await check("stream");
    await page.evaluate(() => location.assign("#/clients"));
    await shows(page.locator("#clients-count"), "1 connection");
    await check("clients");
    await page.evaluate(() => location.assign("#/charts"));
    await shows(page.locator(".chart").filter({ hasText: "Memory" }), "MB");
    await check("charts");
  });
}

test("all of it by keyboard", async (t) => {
  const server = await startShop(t, []);
  await put(server, "things", [{ id: 1, name: "Lamp" }, { id: 2, name: "Desk" }, { id: 3, name: "Chair" }]);
  const desk = await openConsole(t, server);
  await shows(desk.count, "3 items");
  const { keyboard } = desk.page;
  const focused = () => desk.page.evaluate(() => {
    const at = document.activeElement;
    return at?.getAttribute("aria-label") || at?.id || at?.textContent?.trim() || at?.tagName;
  });
  /** Presses Tab until an element has the focus. @param {string} name */
  const tabTo = async (name) => {
    /** @type {(string | undefined)[]} */
    const passed = [];
    for (let i = 0; i < 60; i++) {
      await keyboard.press("Tab");
      const now = await focused();
      if (now === name) return;
      passed.push(now);
    }
    assert.fail(`60 Tabs do not lead to ${name}, but to ${passed.join(", ")}`);
  };
  await keyboard.press("Tab");
  assert.equal(await focused(), "skip");
  await keyboard.press("Enter");
  assert.equal(await focused(), "view");
  await tabTo("1");
  await keyboard.press("ArrowDown");
  assert.equal(await focused(), "2");
  await keyboard.press("Enter");
  await desk.item.waitFor();
  await becomes(focused, "code");
  await keyboard.press("Control+a");
  await keyboard.type('{ "id": 2, "name": "Typed" }');
  await tabTo("reason");
  await keyboard.type("by hand");
  await keyboard.press("Enter");
  await desk.item.waitFor({ state: "hidden" });
  await shows(desk.rows.nth(1), "Typed");
  await becomes(focused, "2");

  // The tabs of an item turn by arrow, and Escape leaves.
  await keyboard.press("Enter");
  await desk.item.waitFor();
  await becomes(focused, "code");
  await keyboard.press("Shift+Tab");
  assert.equal(await focused(), "tab-edit");
  await keyboard.press("ArrowRight");
  assert.equal(await focused(), "tab-history");
  await keyboard.press("Escape");
  await desk.item.waitFor({ state: "hidden" });
  await becomes(focused, "2");

  // Back to the views.
  await desk.page.locator("#skip").focus();
  await tabTo("Clients");
  await keyboard.press("Enter");
  await shows(desk.page.locator("#clients-count"), "1 connection");
});
