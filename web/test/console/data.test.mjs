// Collections, queries, and the editing of items.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { becomes, closeBrowser, shows, startShop } from "../page/tab.mjs";
import { api, openConsole, put } from "./desk.mjs";

after(closeBrowser);

test("collections with their counts, and what is in them page by page", async (t) => {
  const server = await startShop(t);
  await put(server, "orders", [{ id: "A1", total: 12 }, { id: "A2", total: 7.5 }]);
  const desk = await openConsole(t, server);
  await becomes(() => desk.shelf(), ["items 124", "orders 2"]);
  await shows(desk.count, "124 items"); // of the first collection
  assert.equal(await desk.rows.count(), 50);
  await shows(desk.page.locator("#which"), "1–50 of 124");
  await desk.page.locator("#next").click();
  await shows(desk.page.locator("#which"), "51–100 of 124");
  await desk.page.locator("#next").click();
  await shows(desk.page.locator("#which"), "101–124 of 124");
  assert.equal(await desk.page.locator("#next").getAttribute("aria-disabled"), "true");
  await desk.page.locator("#previous").click();
  await shows(desk.page.locator("#which"), "51–100 of 124");
  assert.equal((await desk.ids())[0], "51");

  await desk.page.locator("#collections").getByText("orders").click();
  await shows(desk.count, "2 items");
  assert.deepEqual(await desk.ids(), ["A1", "A2"]);
  // The counts follow what others do.
  await put(server, "orders", [{ id: "A3", total: 1 }]);
  await put(server, "visits", [{ id: 1 }]);
  await becomes(() => desk.shelf(), ["items 124", "orders 3", "visits 1"]);
  await desk.page.locator("#again").click();
  await shows(desk.count, "3 items");
  // A collection that does not exist yet can be opened as well.
  await desk.page.locator("#other-name").fill("later");
  await desk.page.keyboard.press("Enter");
  await shows(desk.page.locator("#nothing"), "later has no items yet.");
});

test("a filter is built by hand, and kept in the address", async (t) => {
  const server = await startShop(t);
  await put(server, "things", [
    { id: 1, name: "lamp", price: 10, maker: { city: "Bath" } }, { id: 2, name: "lamp, large", price: 25 }, { id: 3, name: "desk", price: "25" },
    { id: 4, name: "desk", price: 30, maker: { city: "York" }, sold: null }, { id: 5, name: "10" },
  ]);
  const desk = await openConsole(t, server, "#/data/things");
  await shows(desk.count, "5 items");
  await desk.page.locator("#query summary").click();
  const { page } = desk;
  const conditions = page.locator(".condition");
  /** Makes the one condition this and runs the query. @param {string} field @param {string} op @param {string} value */
  const condition = async (field, op, value) => {
    if ((await conditions.count()) === 0) await page.getByRole("button", { name: "Add condition" }).first().click();
    const line = conditions.last();
    await line.getByLabel("Field").fill(field);
    await line.getByLabel("Operator").selectOption({ label: op });
    if (op === "exists") await line.getByLabel("Whether it exists").selectOption(value);
    else await line.getByLabel("Value").fill(value);
    await page.keyboard.press("Enter");
    if (op === "exists") await page.getByRole("button", { name: "Run" }).click();
  };
  const clear = () => page.locator("#query-clear").click();
  /** @type {[string, string, string, string[]][]} */
  const cases = [
    ["name", "is", "lamp", ["1"]], ["name", "is not", "lamp", ["2", "3", "4", "5"]], ["price", ">", "10", ["2", "4"]], ["price", "≥", "10", ["1", "2", "4"]],
    ["price", "<", "25", ["1"]], ["price", "≤", "25", ["1", "2"]], ["name", "contains", "large", ["2"]], ["name", "begins with", "de", ["3", "4"]],
    ["name", "is one of", '"lamp, large", desk', ["2", "3", "4"]], ["price", "is none of", "10, 25", ["3", "4", "5"]], ["sold", "exists", "true", ["4"]], ["sold", "exists", "false", ["1", "2", "3", "5"]],
    ["maker.city", "is", "York", ["4"]], ["name", "is", '"10"', ["5"]], ["sold", "is", "null", ["4"]],
  ];
  for (const [field, op, value, ids] of cases) {
    await condition(field, op, value);
    await becomes(() => desk.ids(), ids).catch((error) => {
      throw new Error(`${field} ${op} ${value}`, { cause: error });
    });
  }
  await clear();
  await becomes(async () => (await desk.ids()).length, 5);

  // Groups: name is lamp or (price ≥ 25 and maker.city exists).
  await page.getByRole("button", { name: "Add condition" }).click();
  await conditions.last().getByLabel("Field").fill("name");
  await conditions.last().getByLabel("Value").fill("lamp");
  await page.getByLabel("How the conditions go together").first().selectOption("$or");
  await page.getByRole("button", { name: "Add group" }).first().click();
  await conditions.last().getByLabel("Field").fill("price");
  await conditions.last().getByLabel("Operator").selectOption("$gte");
  await conditions.last().getByLabel("Value").fill("25");
  await page.locator(".group .group").getByRole("button", { name: "Add condition" }).click();
  await conditions.last().getByLabel("Field").fill("maker.city");
  await conditions.last().getByLabel("Operator").selectOption("$exists");
  await page.locator("#sort").fill("-price");
  await page.locator("#fields").fill("name,maker.city");
  await page.getByRole("button", { name: "Run" }).click();
  await becomes(() => desk.ids(), ["4", "1"]);
  assert.deepEqual(JSON.parse((await page.locator("#query-json").textContent()) ?? ""), {
    filters: { $or: [{ name: "lamp" }, { price: { $gte: 25 }, "maker.city": { $exists: true } }] }, sort: "-price", fields: ["name", "maker.city"],
  });
  await shows(desk.rows.first(), "York");
  await page.reload();
  await becomes(() => desk.ids(), ["4", "1"]);
  await shows(page.locator("#query-gist"), "name is lamp or (price ≥ 25 and maker.city exists), sorted by -price");
  await page.goBack();
  await shows(desk.count, "5 items");

  // A head sorts, and what the server refuses is said.
  await page.getByRole("columnheader", { name: "price" }).getByRole("button").click();
  await becomes(() => desk.ids(), ["5", "1", "2", "4", "3"]);
  await page.locator("#sort").fill("a..b");
  await page.getByRole("button", { name: "Run" }).click();
  await shows(page.locator("#data-fault"), /a\.\.b/);
  await clear();
  await becomes(async () => (await desk.ids()).length, 5);
});

test("an item is added, edited, deleted and brought back, digit by digit", async (t) => {
  const server = await startShop(t, []);
  const exact = '{"id":1,"big":12345678901234567890,"price":1.10,"name":"Lamp"}';
  assert.equal((await api(server, "things/1", { method: "PUT", body: exact })).status, 201);
  const desk = await openConsole(t, server, "#/data/things");
  await shows(desk.count, "1 item");

  await desk.page.locator("#new").click();
  await desk.type('{ "name": "Desk" }');
  await desk.page.locator("#reason").fill("a desk was missing");
  await desk.save();
  await shows(desk.notices, "is added.");
  await shows(desk.count, "2 items");

  await desk.open("1");
  await becomes(() => desk.code.inputValue(), '{\n  "id": 1,\n  "big": 12345678901234567890,\n  "price": 1.10,\n  "name": "Lamp"\n}');
  await desk.type((await desk.code.inputValue()).replace("Lamp", "Bright lamp"));
  await desk.page.keyboard.press("Control+s");
  await desk.item.waitFor({ state: "hidden" });
  await shows(desk.rows.first(), "Bright lamp");
  assert.equal((await api(server, "things/1")).text.replace(/\s/g, ""), exact.replace("Lamp", "Brightlamp"), "no digit is lost");

  await desk.open("1");
  await desk.page.locator("#item-delete").click();
  await shows(desk.notices, "things / 1 is deleted.");
  await shows(desk.count, "1 item");
  await desk.notices.getByRole("button", { name: "Undo" }).click();
  await shows(desk.count, "2 items");
  assert.match((await api(server, "things/1")).text, /12345678901234567890/);

  // What is not saved is not dropped by one careless key.
  await desk.open("1");
  await desk.code.press("End");
  await desk.type('{"id":1,"name":"half"}');
  await desk.page.keyboard.press("Escape");
  await shows(desk.page.locator("#item-fault"), "not saved");
  await desk.page.locator("#item-close").click();
  await desk.item.waitFor({ state: "hidden" });
  assert.match((await api(server, "things/1")).text, /Bright lamp/);
});

test("what is wrong is shown where it is wrong", async (t) => {
  const server = await startShop(t, []);
  await put(server, "things", [{ id: 1, name: "Lamp", maker: { city: "Bath" }, price: 10 }]);
  const desk = await openConsole(t, server, "#/data/things/1", { complaints: /status of 4/ });
  await becomes(async () => (await desk.code.inputValue()).includes("Bath"), true);
  const marks = desk.page.locator("#marks .wrong-line");
  const line = async () => Number.parseFloat(await marks.first().evaluate((mark) => /** @type {HTMLElement} */ (mark).style.top)) / 21;

  await desk.type('{\n  "id": 1,\n  "name": "Lamp"\n  "price": 3\n}');
  await shows(marks, "A comma, or }, belongs here."); // while it is typed, already
  assert.equal(await line(), 3);
  await desk.save();
  await shows(desk.page.locator("#item-fault"), "cannot be saved yet");

  await desk.type('{"id":2}');
  await desk.save();
  await shows(desk.page.locator("#item-fault"), /id/); // the server's words: the id cannot be changed

  // What a schema finds comes with its paths.
  await desk.page.route("**/api/v2/things/1", (route) => route.fulfill({
    status: 422, contentType: "application/json",
    body: JSON.stringify({ error: { code: "INVALID", status: 422, message: "the item breaks the schema of things", details: [{ path: "/maker/city", message: "must be a town <b>we</b> know" }, { path: "/price", message: "is missing" }] } }),
  }));
  await desk.type('{\n  "id": 1,\n  "maker": {\n    "city": "Atlantis"\n  }\n}');
  await desk.save();
  await shows(desk.page.locator("#item-fault"), "The item breaks the schema of things.");
  await shows(marks.filter({ hasText: "must be a town <b>we</b> know" }), "/maker/city");
  assert.equal(await marks.count(), 2);
  assert.equal(Number.parseFloat(await marks.filter({ hasText: "town" }).evaluate((mark) => /** @type {HTMLElement} */ (mark).style.top)) / 21, 3);
  await desk.page.getByRole("button", { name: /Line 4: .maker.city must be a town/ }).click();
  assert.equal(await desk.page.evaluate(() => {
    const { value, selectionStart, selectionEnd } = /** @type {HTMLTextAreaElement} */ (document.activeElement);
    return value.slice(selectionStart, selectionEnd);
  }), '"Atlantis"');
  await desk.picture("invalid");
});

test("nobody's write is overwritten unseen", async (t) => {
  const server = await startShop(t, []);
  await put(server, "things", [{ id: 1, name: "Lamp", price: 10 }]);
  const desk = await openConsole(t, server, "#/data/things/1", { complaints: /status of 412/ });
  const clash = desk.page.locator("#clash");
  const theirs = (/** @type {object} */ item) => api(server, "things/1", { method: "PUT", body: JSON.stringify(item) });
  await becomes(async () => (await desk.code.inputValue()).includes("Lamp"), true);

  await theirs({ id: 1, name: "Lamp", price: 99, stock: 3 });
  await desk.type('{ "id": 1, "name": "My lamp", "price": 10 }');
  await desk.save();
  await shows(clash, "Somebody saved this item");
  await becomes(() => clash.locator("tr").evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent))), [
    ["Field", "Yours", "Theirs"], ["name", '"My lamp"', '"Lamp"'], ["price", "10", "99"], ["stock", "not there", "3"],
  ]);
  await desk.picture("clash");
  assert.match((await api(server, "things/1")).text, /99/, "nothing was overwritten");
  await desk.page.getByRole("button", { name: "Take theirs" }).click();
  await becomes(async () => JSON.parse(await desk.code.inputValue()).stock, 3);

  // Mine over theirs, but only over what was shown.
  await theirs({ id: 1, name: "Second", price: 1 });
  await desk.type('{ "id": 1, "name": "Mine" }');
  await desk.save();
  await shows(clash, "Second");
  await theirs({ id: 1, name: "Third", price: 1 });
  await desk.page.getByRole("button", { name: "Save mine over it" }).click();
  await shows(clash, "Third");
  await desk.page.getByRole("button", { name: "Save mine over it" }).click();
  await desk.item.waitFor({ state: "hidden" });
  assert.deepEqual(JSON.parse((await api(server, "things/1")).text), { id: 1, name: "Mine" });

  // Deleted meanwhile, by saving and by deleting.
  await desk.open("1");
  await becomes(async () => (await desk.code.inputValue()).includes("Mine"), true);
  await api(server, "things/1", { method: "DELETE" });
  await desk.type('{ "id": 1, "name": "Kept" }');
  await desk.save();
  await shows(clash, "Somebody deleted this item");
  await desk.page.getByRole("button", { name: "Make it anew" }).last().click();
  await desk.item.waitFor({ state: "hidden" });
  assert.match((await api(server, "things/1")).text, /Kept/);
  await desk.open("1");
  await becomes(async () => (await desk.code.inputValue()).includes("Kept"), true);
  await theirs({ id: 1, name: "Changed" });
  await desk.page.locator("#item-delete").click();
  await shows(clash, "Changed");
  assert.equal((await api(server, "things/1")).status, 200, "what nobody has seen is not deleted");
});

test("what somebody else changed meanwhile can be deleted once it was seen, whatever the editor has", async (t) => {
  const server = await startShop(t, []);
  await put(server, "things", [{ id: 1, name: "Lamp" }, { id: 2, name: "Desk" }]);
  const desk = await openConsole(t, server, "#/data/things/1", { complaints: /status of 4/ });
  const clash = desk.page.locator("#clash");
  await becomes(async () => (await desk.code.inputValue()).includes("Lamp"), true);
  await api(server, "things/1", { method: "PUT", body: '{ "id": 1, "name": "Their lamp" }' });
  await desk.type('{ "id": 1, "name": ');
  await desk.page.locator("#item-delete").click();
  await shows(clash, "so it was not deleted");
  await becomes(() => clash.locator("tr").evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent))), [
    ["Field", "When it was opened", "Now"], ["name", '"Lamp"', '"Their lamp"'],
  ]);
  await desk.page.getByRole("button", { name: "Delete it nevertheless" }).click();
  await desk.item.waitFor({ state: "hidden" });
  assert.equal((await api(server, "things/1")).status, 404);
  // What comes back is what was deleted.
  await desk.notices.getByRole("button", { name: "Undo" }).click();
  await shows(desk.rows.first(), "Their lamp");

  // Where it has gone already, there is nothing left to do.
  await desk.open("2");
  await becomes(async () => (await desk.code.inputValue()).includes("Desk"), true);
  await api(server, "things/2", { method: "DELETE" });
  await desk.type("no JSON");
  await desk.page.locator("#item-delete").click();
  await shows(desk.notices, "Somebody else has deleted things / 2 already.");
  await desk.item.waitFor({ state: "hidden" });
  await becomes(() => desk.ids(), ["1"]);
});

test("an answer that comes late leaves the item alone that is open by then", async (t) => {
  const server = await startShop(t, []);
  await put(server, "things", [{ id: 1, name: "Lamp" }, { id: 2, name: "Desk" }]);
  const desk = await openConsole(t, server, "#/data/things");
  /** @type {() => void} */
  let letGo = () => {};
  const held = new Promise((resolve) => (letGo = () => resolve(undefined)));
  await desk.page.route("**/api/v2/things/1*", async (route) => {
    if (route.request().method() === "PUT") await held;
    await route.continue();
  });
  await desk.open("1");
  await becomes(async () => (await desk.code.inputValue()).includes("Lamp"), true);
  await desk.type('{ "id": 1, "name": "Bright lamp" }');
  await desk.save();
  await desk.page.locator("#item-save[aria-busy=true]").waitFor();
  await desk.page.locator("#item-close").click(); // warns
  await desk.page.locator("#item-close").click();
  await desk.item.waitFor({ state: "hidden" });
  await desk.open("2");
  await becomes(async () => (await desk.code.inputValue()).includes("Desk"), true);
  await desk.type('{ "id": 2, "name": "Typed meanwhile" }');
  letGo();
  await shows(desk.notices, "things / 1 is saved.");
  assert.ok(await desk.item.isVisible());
  assert.match(await desk.code.inputValue(), /Typed meanwhile/);
  await desk.save();
  await shows(desk.notices, "things / 2 is saved.");
  await becomes(() => desk.page.locator("#items-rows td[data-field=name]").allTextContents(), ["Bright lamp", "Typed meanwhile"]);
});

test("hostile items are text in every view", async (t) => {
  const server = await startShop(t, []);
  const evil = `"'><img src=x onerror="window.hacked=1"><script>window.hacked=1</script><svg onload=window.hacked=1>`;
  await put(server, "things", [
    { id: "<img src=x onerror=window.hacked=1>", name: evil, [evil]: { [evil]: [evil] }, constructor: 1, toString: evil },
    { id: "javascript:window.hacked=1", name: "\u202Ereversed\u0000", hasOwnProperty: null },
  ]);
  const desk = await openConsole(t, server, "#/data/things");
  await shows(desk.count, "2 items");
  await shows(desk.rows.first(), "onerror");
  for (const id of await desk.ids()) {
    await desk.open(id);
    await becomes(async () => (await desk.code.inputValue()).length > 10, true);
    await desk.page.locator("#item-close").click();
    await desk.item.waitFor({ state: "hidden" });
  }
  await desk.page.locator("#views").getByText("Stream").click();
  await desk.follows(["things"]);
  await api(server, `things/${encodeURIComponent("javascript:window.hacked=1")}?reason=${encodeURIComponent(evil)}`, { method: "PATCH", body: JSON.stringify({ name: evil }), headers: { "Content-Type": "application/merge-patch+json" } });
  await shows(desk.events, "onerror");
  const elements = await desk.page.evaluate(() => document.querySelectorAll("img, script:not([src]), svg[onload], iframe, a[href^=javascript]").length);
  assert.equal(elements, 0);
  assert.equal(await desk.page.evaluate(() => "hacked" in window), false);
});
