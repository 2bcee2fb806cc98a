// What happens now: the stream, the clients, the charts; and what becomes of them when the server goes and comes back.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { io } from "socket.io-client";
import { openLine } from "../client/line.mjs";
import { dataFile, startServer } from "../contract/server.mjs";
import { atEnd, becomes, closeBrowser, shows, startShop } from "../page/tab.mjs";
import { api, openConsole, put } from "./desk.mjs";

after(closeBrowser);

test("the stream shows every change, can be held, and looked through", async (t) => {
  const server = await startShop(t, []);
  await put(server, "things", [{ id: 1, name: "Lamp" }]);
  await put(server, "orders", [{ id: "A1" }]);
  const desk = await openConsole(t, server, "#/stream");
  const { page } = desk;
  await desk.follows(["orders", "things"]);
  await page.waitForFunction(() => document.querySelector("#stream-nothing")?.checkVisibility());

  await put(server, "things", [{ id: 1, name: "Bright lamp" }, { id: 2, name: "Desk" }]);
  await api(server, "orders/A1?reason=paid%20back", { method: "DELETE" });
  await shows(desk.events.first(), /DELETED\s*orders\/A1.*“paid back”/);
  assert.equal(await desk.events.count(), 3);
  await shows(desk.events.nth(2), /MODIFIED\s*things\/1\s*name → "Bright lamp"/);
  await shows(page.locator("#stream-rate"), "3 changes");
  // A collection that comes later is followed as well, from its first item on.
  await put(server, "visits", [{ id: 1, page: "home" }]);
  await desk.follows(["orders", "things", "visits"]);
  await shows(desk.events.first(), "home");

  await page.getByLabel("Contains").fill("BRIGHT");
  await becomes(() => desk.events.count(), 1);
  await page.getByLabel("Contains").fill("");
  await page.getByLabel("Modified").click();
  await becomes(() => desk.events.locator(".type").allTextContents(), ["ADDED", "DELETED", "ADDED"]);
  await page.getByLabel("Modified").click();
  await page.locator("#stream-of").selectOption("things");
  await becomes(() => desk.events.count(), 2);
  await page.locator("#stream-of").selectOption("");

  await page.getByRole("button", { name: "Pause" }).click();
  const before = await desk.events.count();
  await put(server, "things", [{ id: 3, name: "Held" }]);
  await page.getByRole("button", { name: "Go on (1 new)" }).waitFor();
  assert.equal(await desk.events.count(), before, "nothing moves while it is held");
  await page.getByRole("button", { name: /Go on/ }).click();
  await shows(desk.events.first(), "Held");

  // From an event to the item's past.
  await desk.events.first().getByRole("link").click();
  await shows(page.locator("#item-title"), "things / 3");
});

test("thousands of changes at once are counted, and a screenful is shown", async (t) => {
  const server = await startShop(t, []);
  await put(server, "things", [{ id: 1 }]);
  const desk = await openConsole(t, server, "#/stream");
  await desk.follows(["things"]);
  const many = Array.from({ length: 5000 }, (_, i) => ({ id: i + 2, text: "x".repeat(200) }));
  await put(server, "things", many);
  await shows(desk.page.locator("#stream-rate"), "5,000 changes");
  await shows(desk.events.first(), "things/5001");
  assert.equal(await desk.events.count(), 100);
  // What is beyond the screenful can be looked for, as far as it is kept.
  await desk.page.getByLabel("Contains").fill("things/4500 ");
  await shows(desk.events.first(), "things/4500");
  await desk.page.getByLabel("Contains").fill("things/12 ");
  await shows(desk.page.locator("#stream-nothing"), "None of the changes");
});

test("clients are shown with what they have subscribed to", async (t) => {
  const server = await startShop(t, []);
  const polling = io(server, { transports: ["polling"], forceNew: true });
  const websocket = io(server, { transports: ["websocket"], forceNew: true, extraHeaders: { "User-Agent": "<i>agent</i>" } });
  atEnd(t, async () => void (polling.close(), websocket.close()));
  const desk = await openConsole(t, server, "#/clients");
  const rows = desk.page.locator("#clients-rows tr");
  await polling.timeout(30_000).emitWithAck("SUBSCRIBE", "things", null, { filters: { price: { $gt: 10 } } });
  await polling.timeout(30_000).emitWithAck("SUBSCRIBE", "orders", "A1");
  await websocket.timeout(30_000).emitWithAck("SUBSCRIBE", "things");
  await shows(desk.page.locator("#clients-count"), "3 connections");
  const one = rows.filter({ hasText: "Long-polling" });
  await becomes(() => one.locator(".chip").allTextContents(), ["orders/A1", 'things?{"price":{"$gt":10}}']);
  await shows(one, "127.0.0.1");
  await shows(rows.filter({ hasText: "<i>agent</i>" }).locator(".chip"), /^things$/);
  await rows.filter({ hasText: "Chrome" }).waitFor();
  // The order, and what has changed, is shown without a reload.
  const oldest = await rows.first().textContent();
  await desk.page.getByLabel("Order").selectOption("newest");
  await becomes(async () => (await rows.last().textContent())?.slice(0, 20), oldest?.slice(0, 20));
  polling.close();
  await shows(desk.page.locator("#clients-count"), "2 connections");
  await one.waitFor({ state: "detached" });
});

test("charts are drawn from what the server counts", async (t) => {
  const server = await startShop(t, []);
  const desk = await openConsole(t, server, "#/charts");
  const legend = (/** @type {string} */ title, /** @type {string} */ name) => desk.page.locator(".chart").filter({ hasText: title }).locator("li").filter({ hasText: name }).locator("b");
  await shows(legend("Connections", "Socket.IO"), /^1$/);
  await shows(legend("Memory", "of the process"), /MB$/);
  let writing = true;
  const writes = (async () => {
    for (let i = 1; writing; i++) await put(server, "things", [{ id: 1, n: i }]);
  })();
  await shows(legend("Requests", "writes"), /[1-9]/);
  await shows(legend("Events", "changes written"), /[1-9]/);
  await shows(legend("Latency of writes", "99 % under"), /(µs|ms|s)$/);
  writing = false;
  await writes;
  // Something is drawn: more than a few pixels are neither ground nor grid.
  const drawn = await desk.page.locator(".chart canvas").evaluateAll((canvases) => canvases.map((canvas) => {
    const { width, height } = /** @type {HTMLCanvasElement} */ (canvas);
    const data = /** @type {HTMLCanvasElement} */ (canvas).getContext("2d")?.getImageData(0, 0, width, height).data ?? [];
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) if ((data[i + 3] ?? 0) > 200) colours.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
    return colours.size;
  }));
  assert.equal(drawn.length, 6);
  for (const colours of drawn) assert.ok(colours > 2, `${colours} colours`);
  // Who comes back finds what was before.
  await desk.page.reload();
  await desk.live();
  await desk.page.waitForFunction(() => (document.querySelectorAll(".chart").length === 6));
  await shows(desk.page.locator("#charts-about"), /up for/);
});

test("charts ask for nothing while they are not shown", async (t) => {
  const server = await startShop(t, []);
  const desk = await openConsole(t, server, "#/charts");
  const { page } = desk;
  await shows(page.locator(".chart").filter({ hasText: "Memory" }), "MB");
  await page.locator("#views").getByText("Data").click();
  await page.locator("#shelf-hush").waitFor();
  let asked = 0;
  page.on("request", (request) => {
    if (request.url().includes("/console/api/series")) asked++;
  });
  // They are drawn anew when the page's colours change; but not now.
  await page.emulateMedia({ colorScheme: "dark" });
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  await page.evaluate(() => fetch("/console/api/collections"));
  assert.equal(asked, 0);
  await page.locator("#views").getByText("Charts").click();
  await shows(page.locator(".chart").filter({ hasText: "Memory" }), "MB");
});

test("charts whose library could not be loaded are drawn when it can be", async (t) => {
  const server = await startShop(t, []);
  const desk = await openConsole(t, server, "", { complaints: /ERR_|Failed to load resource/ });
  const { page } = desk;
  await page.route(/uPlot\.esm\.js/, (route) => route.abort());
  await page.locator("#views").getByText("Charts").click();
  await shows(page.locator("#charts-fault"), "could not be loaded from this server");
  await page.unroute(/uPlot\.esm\.js/);
  await shows(page.locator(".chart").filter({ hasText: "Memory" }), "MB");
  await page.locator("#charts-fault").waitFor({ state: "hidden" });
});

test("the server goes and comes back, and nothing is missed", async (t) => {
  const data = dataFile();
  const first = await startServer(["--data", data]);
  const line = await openLine(first.url); // the address stays: another process may take a server's port while it is away
  atEnd(t, async () => line.close());
  await put(first.url, "things", [{ id: 1, name: "Lamp" }]);
  const complaints = /ERR_|WebSocket connection|Failed to load resource/;
  const desk = await openConsole(t, line.url, "#/stream", { complaints });
  const table = await openConsole(t, line.url, "#/data/things", { complaints });
  await desk.follows(["things"]);
  await put(first.url, "things", [{ id: 2, name: "Before" }]);
  await shows(desk.events.first(), "Before");
  await shows(table.rows.first(), "Lamp");
  await table.open("1");
  await becomes(async () => (await table.code.inputValue()).includes("Lamp"), true);
  await first.stop();
  line.down();
  await desk.live(/^Reconnecting…$/);
  await shows(desk.page.locator("#banner"), /lost|does not answer/);
  // What was typed stays, and is saved when that can be done again.
  await table.type('{ "id": 1, "name": "Typed meanwhile" }');
  await table.save();
  await shows(table.page.locator("#item-fault"), "The server does not answer.");

  const second = await startServer(["--data", data]);
  atEnd(t, () => second.stop());
  line.up(second.url);
  await put(second.url, "things", [{ id: 3, name: "After" }]);
  await desk.live();
  await shows(desk.events.first(), "After");
  assert.deepEqual(await desk.events.locator(".ident").allTextContents(), ["things/3", "things/2"], "each once");
  await desk.page.locator("#banner").waitFor({ state: "hidden" });
  await table.live();
  await table.save();
  await table.item.waitFor({ state: "hidden" });
  await shows(table.rows.first(), "Typed meanwhile");
  await becomes(() => table.ids(), ["1", "2", "3"]);
});
