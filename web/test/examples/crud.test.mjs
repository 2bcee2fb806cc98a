// The two clients of examples/crud: a request is answered to who asked, a change is told to both.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { patience } from "../contract/server.mjs";
import { becomes, closeBrowser, shows } from "../page/tab.mjs";
import { interrupted, isUsable, looksGood, openPage, startExample } from "./example.mjs";

after(closeBrowser);

/** What went over the wire: who to whom, and what. @param {import("../page/tab.mjs").Tab} tab @returns {Promise<string[]>} */
const wire = (tab) => tab.page.locator("#wire li").evaluateAll((lines) => lines.map((line) => `${/** @type {HTMLElement} */ (line).dataset.way} ${line.querySelector(".words")?.textContent}`));

/** @param {import("../page/tab.mjs").Tab} tab @param {1 | 2} client */
function clientOf(tab, client) {
  const panel = tab.page.getByRole("region", { name: `Client ${client}` });
  return {
    panel,
    result: panel.locator(".result"),
    items: panel.locator(".items"),
    id: panel.getByLabel("Id"),
    name: panel.getByLabel("Name"),
    /** @param {string} verb */
    call: (verb) => panel.getByRole("button", { name: verb, exact: true }).click(),
  };
}

for (const way of ["socket.io-client alone", "with the helpers"]) {
  test(`GET, then POST with the change that reaches both: ${way}`, async (t) => {
    const { url } = await startExample(t, "crud");
    const tab = await openPage(t, url);
    await shows(tab.state, "Live");
    const [one, two] = [clientOf(tab, 1), clientOf(tab, 2)];
    await becomes(() => two.items.locator("li").count(), 5);
    await tab.page.getByLabel(way).check();

    await one.call("getItem");
    await shows(one.result, "Halden");
    assert.deepEqual((await wire(tab)).map((line) => line.slice(0, 16)), ["c1-s GET items 1", 's-c1 {"id":1,"na']);

    await tab.page.getByRole("button", { name: "Clear" }).click();
    await one.name.fill("Nougat");
    await one.call("postItem");
    await becomes(() => tab.page.locator("#wire li").count(), 4);
    const said = await wire(tab);
    assert.deepEqual(said.filter((line) => line.includes("c1")), ['c1-s POST items {"name":"Nougat"}', 's-c1 {"id":6,"name":"Nougat"}', "s-c1 ADDED 6"], "the answer, then the change");
    assert.deepEqual(said.filter((line) => line.includes("c2")), ["s-c2 ADDED 6"]);
    await shows(two.items, "Nougat");

    // The others of the six, by the other client.
    await two.id.fill("6");
    await two.name.fill("Soft nougat");
    await two.call("patchItem");
    await shows(one.items, "Soft nougat");
    await two.id.fill("box");
    await two.call("putItem");
    await shows(one.items.locator("[data-id=box]"), "Soft nougat");
    await two.call("getItems");
    await shows(two.result, /^\[\{.*"id":"box".*\}\]$/);
    await two.call("deleteItem");
    await becomes(() => one.items.locator("[data-id=box]").count(), 0);
    await shows(two.result, "true");

    // What goes wrong is said.
    await two.call("getItem");
    await shows(two.result, "there is no such item");
    await two.id.fill("a/b");
    await two.call("deleteItem");
    await shows(two.result, "/");
    assert.notEqual(await two.result.getAttribute("data-fault"), null);
    await shows(tab.page.locator("#wire li[data-kind=refusal]"), "BAD_REQUEST");
    await isUsable(tab);
  });
}

test("a build without npm's files says in words what to run", async (t) => {
  const { url } = await startExample(t, "crud");
  const tab = await openPage(t, "about:blank", { complaints: /404|Failed to fetch dynamically/ });
  // As such a build answers: web's own tests hold that.
  await tab.page.route("**/socket.io.esm.min.js", (route) => route.fulfill({ status: 404, contentType: "text/plain; charset=utf-8", body: "This build has no client: run `npm --prefix web run dist`." }));
  await tab.page.goto(url);
  await shows(tab.page.locator("#banner"), "npm --prefix web run dist");
});

test("by keyboard alone", async (t) => {
  const { url } = await startExample(t, "crud");
  const tab = await openPage(t, url);
  await shows(tab.state, "Live");
  const one = clientOf(tab, 1);
  await one.name.focus();
  await tab.page.keyboard.type("Typed");
  await tab.page.keyboard.press("Tab");
  await tab.page.keyboard.press("Tab");
  await tab.page.keyboard.press("Tab");
  await tab.page.keyboard.press("Enter"); // postItem
  await shows(clientOf(tab, 2).items, "Typed");
});

test("a page that was open over a restart misses nothing", async (t) => {
  const example = await startExample(t, "crud");
  const tab = await openPage(t, example.url, { complaints: interrupted });
  const two = clientOf(tab, 2);
  await becomes(() => two.items.locator("li").count(), 5);
  await example.stop();
  await shows(tab.state, "Reconnecting");
  await example.whileAway(async (url) => {
    const headers = { "Content-Type": "application/json" };
    assert.equal((await fetch(`${url}/api/v2/items`, { method: "POST", headers, body: '{"name":"While away"}' })).status, 201);
    assert.equal((await fetch(`${url}/api/v2/items/1`, { method: "DELETE" })).status, 200);
  });
  await example.start();
  await shows(tab.state, "Live");
  await shows(two.items, "While away");
  await becomes(() => two.items.locator("[data-id='1']").count(), 0);
  assert.deepEqual((await wire(tab)).filter((line) => line.startsWith("s-c2")), ["s-c2 ADDED 6", "s-c2 DELETED 1"]);
});

test("who was not told yet asks again in a session that was recovered", async (t) => {
  const { url } = await startExample(t, "crud");
  const tab = await openPage(t, "about:blank", { complaints: interrupted });
  await tab.page.routeWebSocket(/socket\.io/, () => {}); // nothing answers: the clients stay on polling
  /** Which session each CONNECT was answered with. @type {string[]} */
  const sessions = [];
  let lost = 0;
  await tab.page.route("**/socket.io/?*", async (route) => {
    if (route.request().method() !== "GET") return route.continue();
    const answer = await route.fetch({ timeout: patience }).catch(() => null);
    const body = (await answer?.text().catch(() => null)) ?? "";
    if (!answer || (lost < 2 && body.includes('"items":['))) {
      lost += Number(!!answer);
      return route.abort().catch(() => {}); // the page may have gone
    }
    for (const [, pid = ""] of body.matchAll(/40\{[^}]*"pid":"([^"]+)"/g)) sessions.push(pid);
    await route.fulfill({ response: answer }).catch(() => {});
  });
  await tab.page.goto(url);
  for (const client of [clientOf(tab, 1), clientOf(tab, 2)]) await becomes(() => client.items.locator("li").count(), 5);
  assert.equal(lost, 2, "both clients lost the answer to SUBSCRIBE");
  assert.deepEqual([sessions.length, new Set(sessions).size], [4, 2], "both came back to the session that they had");
  await clientOf(tab, 1).call("postItem");
  for (const client of [clientOf(tab, 1), clientOf(tab, 2)]) await becomes(() => client.items.locator("li").count(), 6);
});

test("where the server does not tell, the page says so, and goes on once it does", async (t) => {
  const { url } = await startExample(t, "crud");
  const headers = { "Content-Type": "application/json-patch+json" };
  // More than a snapshot has.
  for (const from of [1, 5001]) {
    const patch = Array.from({ length: 5000 }, (_, i) => ({ op: "add", path: `/x${from + i}`, value: { name: `Part ${from + i}` } }));
    assert.equal((await fetch(`${url}/api/v2/items`, { method: "PATCH", headers, body: JSON.stringify(patch) })).status, 200);
  }
  const tab = await openPage(t, url);
  const one = clientOf(tab, 1);
  await shows(one.panel.locator(".fault"), "TOO_LARGE");
  await isUsable(tab);
  for (const id of [1, 2, 3, 4, 5]) assert.equal((await fetch(`${url}/api/v2/items/${id}`, { method: "DELETE" })).status, 200);
  await shows(one.panel, "and 9992 before them");
  assert.ok(await one.panel.locator(".fault").isHidden());
  await one.call("postItem");
  await shows(clientOf(tab, 2).items, "Clotted cream fudge");
});

test("the page is good to look at and to use", async (t) => {
  const { url } = await startExample(t, "crud");
  await looksGood(t, url, "crud", async (tab) => {
    await shows(tab.state, "Live");
    const one = clientOf(tab, 1);
    await one.call("getItem");
    await shows(one.result, "Halden");
    await one.call("postItem");
    await becomes(() => tab.page.locator("#wire li").count(), 6);
    await one.id.fill("a/b");
    await one.call("deleteItem");
    await becomes(() => tab.page.locator("#wire li").count(), 8);
  });
});
