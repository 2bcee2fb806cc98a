// An item's history: what each change did, and the way back.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { becomes, closeBrowser, shows, startShop } from "../page/tab.mjs";
import { api, openConsole, put } from "./desk.mjs";

after(closeBrowser);

test("a history is told change by change, and each version can be restored", async (t) => {
  const server = await startShop(t, []);
  const first = '{"id":1,"name":"Lamp","big":12345678901234567890,"tags":["a","b"]}';
  await api(server, "things/1", { method: "PUT", body: first });
  await api(server, `things/1?reason=${encodeURIComponent("<b>spring</b> prices")}`, { method: "PUT", body: first.replace('"Lamp"', '"<i>Bright</i> lamp","price":29').replace('"b"', '"c"') });
  await api(server, "things/1", { method: "PUT", body: '{"id":1,"name":"Old lamp"}' });
  const desk = await openConsole(t, server, "#/data/things/1?tab=history");
  const { page } = desk;
  await shows(page.locator("#history-note"), "3 changes.");
  assert.deepEqual(await desk.versions.locator(".type").allTextContents(), ["Modified", "Modified", "Added"]);
  const middle = desk.versions.nth(1);
  await shows(middle, "“<b>spring</b> prices”");
  await becomes(() => middle.locator(".diff li").allTextContents(), ['name "Lamp" "<i>Bright</i> lamp"', 'tags.1 "b" "c"', "price 29"]);
  await becomes(async () => (await desk.versions.first().locator(".diff li").allTextContents()).sort(), [
    "big 12345678901234567000", 'name "<i>Bright</i> lamp" "Old lamp"', "price 29", 'tags ["a", "c"]',
  ]);
  await desk.picture("history");

  await desk.versions.last().getByRole("button", { name: /^Show/ }).click();
  await shows(desk.versions.last().locator(".whole"), "12345678901234567890");
  await desk.versions.last().getByRole("button", { name: "Restore this version" }).click();
  await shows(desk.notices, "is again what it was");
  await shows(page.locator("#history-note"), "4 changes.");
  await shows(desk.versions.first(), "restored the version of");
  assert.equal((await api(server, "things/1")).text.replace(/\s/g, ""), first, "digit by digit");
  await page.getByRole("tab", { name: "Edit" }).click();
  await becomes(async () => (await desk.code.inputValue()).includes("12345678901234567890"), true);
});

test("what was deleted can be brought back from its history", async (t) => {
  const server = await startShop(t, []);
  await put(server, "things", [{ id: "a b/c?".replace("/", "-"), name: "Lamp" }]);
  await api(server, `things/${encodeURIComponent("a b-c?")}`, { method: "DELETE" });
  const desk = await openConsole(t, server, `#/data/things/${encodeURIComponent("a b-c?")}?tab=history`, { complaints: /status of 404/ });
  await becomes(() => desk.versions.locator(".type").allTextContents(), ["Deleted", "Added"]);
  await desk.versions.last().getByRole("button", { name: "Restore this version" }).click();
  await becomes(() => desk.versions.locator(".type").allTextContents(), ["Added", "Deleted", "Added"]);
  await desk.page.locator("#item-close").click();
  await shows(desk.rows.first(), "Lamp");

  const none = await openConsole(t, server, "#/data/things/never?tab=history", { complaints: /status of 404/ });
  await shows(none.page.locator("#history-note"), "no change of this item");
});

test("nothing is restored over a change that nobody has seen here", async (t) => {
  const server = await startShop(t, []);
  await put(server, "things", [{ id: 1, name: "First" }]);
  await put(server, "things", [{ id: 1, name: "Second" }]);
  const desk = await openConsole(t, server, "#/data/things/1?tab=history", { complaints: /status of 412/ });
  await shows(page(desk), "2 changes.");
  await put(server, "things", [{ id: 1, name: "Third" }]);
  await desk.versions.last().getByRole("button", { name: "Restore this version" }).click();
  await shows(desk.notices, "Nothing was restored");
  await shows(page(desk), "3 changes.");
  assert.match((await api(server, "things/1")).text, /Third/);
});

test("of a long history the newest changes come first, and the others when they are asked for", async (t) => {
  const server = await startShop(t, []);
  for (let n = 1; n <= 230; n++) await put(server, "things", [{ id: 1, n }]);
  const desk = await openConsole(t, server, "#/data/things/1?tab=history");
  await shows(page(desk), "230 changes.");
  assert.equal(await desk.versions.count(), 50);
  await shows(desk.versions.first(), /n:?\s*229\s*230/);
  await desk.page.getByRole("button", { name: "Show older" }).click();
  assert.equal(await desk.versions.count(), 100);
});

/** What is said of the history as a whole. @param {import("./desk.mjs").Desk} desk */
const page = (desk) => desk.page.locator("#history-note");
