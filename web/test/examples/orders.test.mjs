// The shop of examples/orders: its products over HTTP, its orders over a plain WebSocket and over Socket.IO.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import WebSocket from "ws";
import { connect, disconnectAll, ok } from "../contract/client.mjs";
import { deadline } from "../contract/server.mjs";
import { becomes, closeBrowser, shows } from "../page/tab.mjs";
import { interrupted, isUsable, looksGood, openPage, startExample } from "./example.mjs";

after(closeBrowser);
after(disconnectAll);

const never = ["--every", "1h"]; // the totals stand still

/** @param {string} url @param {string} category @param {unknown} product @param {Record<string, string>} [headers] */
const post = (url, category, product, headers = { "Content-Type": "application/json" }) =>
  fetch(`${url}/${category}`, { method: "POST", headers, body: typeof product === "string" ? product : JSON.stringify(product) });

/** The messages of a category's WebSocket, as they come. @param {string} url @param {string} category */
async function* listen(url, category) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/orders/${category}`);
  /** @type {{ id: string, total: number }[]} */
  const waiting = [];
  let wake = () => {};
  socket.on("message", (data) => {
    waiting.push(JSON.parse(String(data)));
    wake();
  });
  socket.on("close", () => wake());
  try {
    for (;;) {
      const message = waiting.shift();
      if (message) yield message;
      else if (socket.readyState === WebSocket.CLOSED) return;
      else await Promise.race([new Promise((resolve) => (wake = () => resolve(undefined))), deadline("an order")]);
    }
  } finally {
    socket.close();
  }
}

/** @template T @param {AsyncGenerator<T>} messages @param {number} count @returns {Promise<T[]>} */
async function take(messages, count) {
  const list = [];
  while (list.length < count) {
    const { value, done } = await messages.next();
    if (done) throw new Error(`the socket closed after ${list.length} messages`);
    list.push(value);
  }
  return list;
}

test("GET and POST of a category, as the page of the seed asks", async (t) => {
  const { url } = await startExample(t, "orders", never);
  const first = /** @type {any[]} */ (await (await fetch(`${url}/electronics`)).json());
  assert.deepEqual(first.map(({ id }) => id), ["A1", "A2", "A3"]);
  assert.deepEqual((await (await fetch(`${url}/confectionery`)).json()).map((/** @type {any} */ { id }) => id), ["B1", "B2"]);

  const messages = listen(url, "electronics");
  assert.deepEqual(await take(messages, 3), first.map(({ id, orders }) => ({ id, total: orders })), "the present totals come first");

  // A form has its price as a text; the answer is the whole category.
  const answer = await post(url, "electronics", { name: "Torch", rrp: "12.50", info: "Bright." });
  assert.equal(answer.status, 201);
  assert.deepEqual(await answer.json(), [...first, { id: "A4", name: "Torch", rrp: 12.5, info: "Bright.", orders: 0 }]);
  assert.deepEqual(await take(messages, 1), [{ id: "A4", total: 0 }]);
  // What comes and goes by the verbs is told too.
  await fetch(`${url}/api/v2/electronics`, { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"id":"A9","name":"Rope"}' });
  await fetch(`${url}/api/v2/electronics/A9`, { method: "DELETE" });
  assert.deepEqual(await take(messages, 2), [{ id: "A9", total: 0 }, { id: "A9", total: null }]);
  await messages.return(undefined);

  // A2 comes before A10. A9 is free again.
  for (let i = 5; i <= 11; i++) await post(url, "electronics", { name: `Part ${i}`, rrp: i, info: "-" });
  const ids = (await (await fetch(`${url}/electronics`)).json()).map((/** @type {any} */ { id }) => id);
  assert.deepEqual(ids, Array.from({ length: 11 }, (_, i) => `A${i + 1}`));
});

test("what is no product is refused in words, and nothing is stored", async (t) => {
  const { url } = await startExample(t, "orders", never);
  const good = { name: "Torch", rrp: 1, info: "Bright." };
  for (const [product, status, path] of /** @type {[unknown, number, string?][]} */ ([
    [{ ...good, name: " " }, 422, "/name"],
    [{ rrp: 1, info: "x" }, 422, "/name"],
    [{ ...good, name: "x".repeat(101) }, 422, "/name"],
    [{ ...good, rrp: -1 }, 422, "/rrp"],
    [{ ...good, rrp: "cheap" }, 422, "/rrp"],
    [{ ...good, rrp: "NaN" }, 422, "/rrp"],
    [{ ...good, rrp: null }, 422, "/rrp"],
    [{ ...good, info: 7 }, 422, "/info"],
    ["", 400],
    ["[1]", 400],
    ['{"name":"a","name":"b","rrp":1,"info":"c"}', 400],
    [{ ...good, info: "x".repeat(20_000) }, 413],
  ])) {
    const answer = await post(url, "electronics", product);
    const { error } = await answer.json();
    assert.equal(answer.status, status, JSON.stringify(product).slice(0, 80));
    assert.equal(error.status, status);
    assert.ok(error.message.length > 10);
    if (path) assert.deepEqual(error.details.map((/** @type {any} */ mistake) => mistake.path), [path]);
  }
  assert.equal((await post(url, "electronics", good, { "Content-Type": "text/plain" })).status, 415);
  assert.equal((await post(url, "gardening", good)).status, 404);
  assert.match((await (await fetch(`${url}/gardening`)).json()).error.message, /electronics and confectionery/);
  assert.equal((await fetch(`${url}/orders/gardening`)).status, 404);
  assert.equal((await fetch(`${url}/electronics`, { method: "DELETE" })).status, 405);
  assert.equal((await (await fetch(`${url}/electronics`)).json()).length, 3);
});

test("a page of another port of this machine may use the shop, one from elsewhere may not", async (t) => {
  const { url } = await startExample(t, "orders", never);
  for (const [origin, allowed] of /** @type {[string, boolean][]} */ ([["http://localhost:5050", true], ["https://elsewhere.example", false]])) {
    const asked = await fetch(`${url}/electronics`, { method: "OPTIONS", headers: { Origin: origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type" } });
    assert.equal(asked.status, allowed ? 204 : 403);
    assert.equal(asked.headers.get("access-control-allow-origin"), allowed ? origin : null);
    assert.equal((await post(url, "electronics", { name: "Torch", rrp: 1, info: "-" }, { Origin: origin, "Content-Type": "application/json" })).status, allowed ? 201 : 403);
    const opened = await new Promise((resolve) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}/orders/electronics`, { origin });
      socket.on("error", () => resolve(false));
      socket.on("open", () => {
        resolve(true);
        socket.close();
      });
    });
    assert.equal(opened, allowed);
  }
});

test("both ways say the same", async (t) => {
  const { url } = await startExample(t, "orders", ["--every", "20ms"]);
  const socket = await connect(url);
  /** @type {{ id: string, total: number }[]} */
  const bySocketIO = [];
  socket.on("MODIFIED", ({ id, item }) => bySocketIO.push({ id, total: item.orders }));
  await ok(socket, "SUBSCRIBE", "electronics");
  const messages = listen(url, "electronics");
  const byWebSocket = (await take(messages, 23)).slice(3);
  await messages.return(undefined);
  await becomes(async () => bySocketIO.length >= 23, true);
  const at = bySocketIO.findIndex(({ id, total }) => id === byWebSocket[0]?.id && total === byWebSocket[0].total);
  assert.ok(at >= 0, "the first order is among those of Socket.IO");
  await becomes(async () => bySocketIO.slice(at, at + 20).length, 20);
  assert.deepEqual(byWebSocket, bySocketIO.slice(at, at + 20));
});

test("the page shows products and live totals, adds a product, and says what is wrong", async (t) => {
  const shop = await startExample(t, "orders", ["--every", "100ms"]);
  const tab = await openPage(t, shop.url, { complaints: /422/ });
  await tab.page.getByText("Choose a category to see").waitFor();
  await isUsable(tab);
  await tab.page.getByLabel("Category").selectOption("electronics");
  const item = tab.page.locator("product-item");
  const total = (/** @type {string} */ id) => tab.page.locator(`product-item[data-id=${id}] [slot=orders]`);
  await becomes(() => item.count(), 3);
  await shows(tab.state, "Live · WebSocket");
  const before = Number(await total("A1").textContent());
  assert.ok(before >= 3);
  await becomes(async () => Number(await total("A1").textContent()) > before, true);
  await tab.page.getByRole("radio", { name: "Socket.IO" }).check();
  await shows(tab.state, "Live · Socket.IO");
  const then = Number(await total("A2").textContent());
  await becomes(async () => Number(await total("A2").textContent()) > then, true);

  await tab.page.getByLabel("Name").fill("Torch");
  await tab.page.getByLabel("RRP").fill("-3");
  await tab.page.getByLabel("Info").fill("Bright, even by day.");
  await tab.page.getByRole("button", { name: "Add" }).click();
  await shows(tab.page.locator("#rrp-wrong"), "a number from 0 on");
  assert.equal(await tab.page.getByLabel("RRP").getAttribute("aria-invalid"), "true");
  await isUsable(tab);

  const other = await openPage(t, shop.url);
  await other.page.getByLabel("Category").selectOption("electronics");
  await becomes(() => other.page.locator("product-item").count(), 3);
  await tab.page.getByLabel("RRP").fill("12,5");
  await tab.page.keyboard.press("Enter");
  await shows(tab.page.locator("product-item[data-id=A4]"), "12.50");
  assert.equal(await tab.page.getByLabel("Name").inputValue(), "");
  await shows(other.page.locator("product-item[data-id=A4] [slot=name]"), "Torch"); // who only listens sees it too
  await becomes(async () => Number(await total("A4").textContent()) > 0, true);

  // A product opens by keyboard.
  await tab.page.locator("product-item[data-id=A1] summary").focus();
  await tab.page.keyboard.press("Enter");
  await tab.page.locator("product-item[data-id=A1] [slot=info]").waitFor({ state: "visible" });
});

/** Counts how often a page asks for a list. @param {import("playwright-core").Page} page @param {string} category */
function countAsks(page, category) {
  let asks = 0;
  page.on("request", (request) => (asks += Number(request.method() === "GET" && new URL(request.url()).pathname === `/${category}`)));
  return () => asks;
}

test("a product beyond those that are shown is asked for once, and comes when there is room", async (t) => {
  const { url } = await startExample(t, "orders", never);
  const api = (/** @type {string} */ path, /** @type {RequestInit} */ request) => fetch(`${url}/api/v2/electronics${path}`, request).then((answer) => assert.equal(answer.status, 200));
  const change = (/** @type {string} */ path, /** @type {string} */ type, /** @type {unknown} */ patch) => api(path, { method: "PATCH", headers: { "Content-Type": `application/${type}+json` }, body: JSON.stringify(patch) });
  const product = { name: "Part", rrp: 1, info: "-", orders: 0 };
  await change("", "json-patch", ["Z1", ...Array.from({ length: 997 }, (_, i) => `A${1001 + i}`)].map((id) => ({ op: "add", path: `/${id}`, value: product })));

  const tab = await openPage(t, url);
  const asks = countAsks(tab.page, "electronics");
  await tab.page.getByLabel("Category").selectOption("electronics");
  await shows(tab.page.locator("#count"), "1000 products");
  for (let orders = 1; orders <= 20; orders++) await change("/Z1", "merge-patch", { orders });
  await shows(tab.page.locator("#websocket"), "Z1 → 20");
  assert.ok(asks() <= 4, `the list was asked for ${asks()} times: for the category, for either connection, and for Z1`);
  assert.equal(await tab.page.locator("product-item[data-id=Z1]").count(), 0);
  await api("/A1", { method: "DELETE" });
  await shows(tab.page.locator("product-item[data-id=Z1] [slot=orders]"), "20");
  await shows(tab.page.locator("#count"), "1000 products");
});

test("a product that was added fills no other shelf than its own", async (t) => {
  const { url } = await startExample(t, "orders", never);
  const { page } = await openPage(t, url);
  let answer = () => {};
  const answered = new Promise((resolve) => (answer = () => resolve(undefined)));
  await page.route("**/electronics", async (route) => {
    const response = await route.fetch();
    if (route.request().method() === "POST") await answered;
    await route.fulfill({ response });
  });
  const ids = () => page.locator("product-item").evaluateAll((items) => items.map((item) => item.getAttribute("data-id")));
  await page.getByLabel("Category").selectOption("electronics");
  await becomes(ids, ["A1", "A2", "A3"]);
  for (const field of ["Name", "RRP", "Info"]) await page.getByLabel(field).fill("7");
  await page.getByRole("button", { name: "Add" }).click();
  await becomes(ids, ["A1", "A2", "A3", "A4"]); // it is on the shelf already, its answer is not there yet
  await page.getByLabel("Category").selectOption("confectionery");
  await becomes(ids, ["B1", "B2"]);
  const shown = await page.locator("#products").evaluateHandle((products) => {
    /** @type {(string | null)[]} */
    const list = [];
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const item of addedNodes) list.push(/** @type {Element} */ (item).getAttribute("data-id"));
    }).observe(products, { childList: true });
    return list;
  });
  answer();
  await becomes(() => page.getByLabel("Name").inputValue(), "");
  assert.deepEqual(await shown.jsonValue(), []);
  await shows(page.locator("#count"), "2 products");
});

test("what is open and has the focus stays so where others add and delete", async (t) => {
  const { url } = await startExample(t, "orders", never);
  const { page } = await openPage(t, url);
  await page.getByLabel("Category").selectOption("electronics");
  await page.locator("product-item[data-id=A2] summary").click();
  await post(url, "electronics", { name: "Torch", rrp: 1, info: "-" });
  await shows(page.locator("product-item[data-id=A4]"), "Torch");
  await fetch(`${url}/api/v2/electronics/A1`, { method: "DELETE" });
  await shows(page.locator("#count"), "3 products");
  assert.equal(await page.locator("product-item:focus").getAttribute("data-id"), "A2");
  assert.ok(await page.locator("product-item[data-id=A2] [slot=info]").isVisible());
});

test("a category that is chosen while the page still loads is shown", async (t) => {
  const { url } = await startExample(t, "orders", never);
  const { page } = await openPage(t, "about:blank");
  let load = () => {};
  const chosen = new Promise((resolve) => (load = () => resolve(undefined)));
  await page.route("**/page/app.js", async (route) => {
    await chosen;
    await route.continue();
  });
  await page.goto(url);
  await page.getByLabel("Category").selectOption("confectionery");
  load();
  await becomes(() => page.locator("product-item").count(), 2);
});

test("a page that was open over a restart misses nothing", async (t) => {
  const shop = await startExample(t, "orders", never);
  const tab = await openPage(t, shop.url, { complaints: interrupted });
  await tab.page.getByLabel("Category").selectOption("confectionery");
  await becomes(() => tab.page.locator("product-item").count(), 2);
  await shows(tab.page.locator("product-item[data-id=B1] [slot=orders]"), "101");
  await shop.stop();
  await shows(tab.state, "Reconnecting");
  await shop.whileAway(async (url) => {
    await post(url, "confectionery", { name: "Nougat", rrp: 3, info: "Soft." });
    const patch = { method: "PATCH", headers: { "Content-Type": "application/json" }, body: '{"orders":222}' };
    assert.equal((await fetch(`${url}/api/v2/confectionery/B1`, patch)).status, 200);
  });
  await shop.start();
  await shows(tab.state, "Live");
  await shows(tab.page.locator("product-item[data-id=B1] [slot=orders]"), "222");
  await shows(tab.page.locator("product-item[data-id=B3] [slot=orders]"), "0");
});

test("the page is good to look at and to use", async (t) => {
  const { url } = await startExample(t, "orders", ["--every", "50ms"]);
  await looksGood(t, url, "orders", async (tab) => {
    await tab.page.getByLabel("Category").selectOption("electronics");
    await becomes(() => tab.page.locator("product-item").count(), 3);
    await tab.page.locator("product-item[data-id=A2] summary").click();
    await becomes(() => tab.page.locator("#websocket li").count().then((n) => n > 5), true);
    await becomes(() => tab.page.locator("#socketio li").count().then((n) => n > 5), true);
  });
});
