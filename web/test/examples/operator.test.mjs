// The desk of examples/operator: a store that stays connected, and commands that run on the server.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { call, connect, disconnectAll, ok } from "../contract/client.mjs";
import { becomes, closeBrowser, shows } from "../page/tab.mjs";
import { interrupted, isUsable, looksGood, openPage, startExample } from "./example.mjs";

after(closeBrowser);
after(disconnectAll);

/** Opens a session by its name. @param {import("../page/tab.mjs").Tab} tab @param {string} name */
async function open(tab, name) {
  await tab.page.getByRole("button", { name, exact: true }).click();
  await shows(tab.page.locator("#session-name"), name);
}

/** @param {import("../page/tab.mjs").Tab} tab @param {string} command */
async function run(tab, command) {
  await tab.page.getByLabel("Command").fill(command);
  await tab.page.keyboard.press("Enter");
}

/** @param {import("../page/tab.mjs").Tab} tab */
const log = (tab) => tab.page.locator("#log li").allTextContents();

test("a command runs on the server and answers into the session, for all who have it open", async (t) => {
  const { url } = await startExample(t, "operator");
  const [one, two] = [await openPage(t, url), await openPage(t, url)];
  await shows(one.page.locator("#sessions"), "Night shift");
  await isUsable(one); // with no session open yet
  await open(one, "Night shift");
  await open(two, "Night shift");
  await run(one, "echo all quiet");
  for (const tab of [one, two]) await becomes(() => log(tab), ["echo all quiet", "all quiet"]);
  await run(two, "set lights off");
  await shows(one.page.locator("#keys"), "off");
  await run(two, "count 3");
  await becomes(() => log(one).then((lines) => lines.slice(-4)), ["count 3", "1", "2", "3"]);
  await run(two, "rm -rf /");
  await shows(one.page.locator("#log [data-kind=error]"), 'there is no command "rm"');
  await isUsable(one);

  // session-delete-key, by its button.
  await one.page.getByRole("button", { name: "Delete lights" }).click();
  await becomes(() => two.page.locator("#keys li").count(), 0);

  // A session that one makes is there for the other, and its log is its own.
  await one.page.getByLabel("New session").fill("Tide gate");
  await one.page.keyboard.press("Enter");
  await shows(one.page.locator("#session-name"), "Tide gate");
  await open(two, "Tide gate");
  assert.deepEqual(await log(two), []);
  await one.page.getByText("Orchard").click();
  await open(one, "Frost watch");
  await shows(one.page.locator("#keys"), "threshold");
});

test("what is asked wrongly is answered with what would be right", async (t) => {
  const { url } = await startExample(t, "operator");
  const socket = await connect(url);
  for (const [event, request, code] of /** @type {[string, unknown, string][]} */ ([
    ["command", undefined, "BAD_REQUEST"],
    ["command", "help", "BAD_REQUEST"],
    ["command", { sessionId: "x", command: "help" }, "BAD_REQUEST"],
    ["command", { sessionId: -1, command: "help" }, "BAD_REQUEST"],
    ["command", { sessionId: 99, command: "help" }, "NOT_FOUND"],
    ["command", { sessionId: 1, command: " " }, "BAD_REQUEST"],
    ["command", { sessionId: 1, command: "x".repeat(501) }, "TOO_LARGE"],
    ["session-delete-key", { sessionId: 1, key: "nothing" }, "NOT_FOUND"],
    ["session-delete-key", { sessionId: 99, key: "nothing" }, "NOT_FOUND"],
  ])) {
    const { result, error } = await call(socket, event, request);
    assert.equal(result, null);
    assert.equal(error?.code, code, `${event} ${JSON.stringify(request)}`);
    assert.ok(error && error.message.length > 10);
  }
  // What a command itself refuses is said in the session.
  for (const command of ["set lights", `set ${"k".repeat(65)} v`, "get nothing", "count 21", "delete nothing", "set __proto__ x"]) {
    assert.equal((await call(socket, "command", { sessionId: 2, command })).result, true);
    const [last] = await ok(socket, "GET", "lines", { filters: { session: 2 }, sort: "-id", limit: 1 });
    assert.equal(last.kind, "error", command);
  }
  // A session that somebody wrote as something else is no reason to fall.
  await ok(socket, "PUT", "sessions", { id: 7, keys: [1] });
  assert.equal((await call(socket, "command", { sessionId: 7, command: "keys" })).error?.code, "BAD_REQUEST");
});

test("a session's log is bounded", async (t) => {
  const { url } = await startExample(t, "operator");
  const socket = await connect(url);
  for (let i = 0; i < 105; i++) socket.emit("command", { sessionId: 1, command: `echo ${i}` });
  // Those of one session run in turn, so that this is the last. More than 32 that wait are refused.
  await becomes(async () => (await call(socket, "command", { sessionId: 1, command: "echo last" })).error?.code ?? "ran", "ran");
  for (let i = 0; i < 100; i++) await call(socket, "command", { sessionId: 1, command: `echo ${i}` });
  const lines = await ok(socket, "GET", "lines", { filters: { session: 1 }, sort: "-id", limit: 1000 });
  assert.equal(lines.length, 200);
  assert.equal(lines[0].text, "99");
});

test("a reconnection and a restart bring all subscriptions back, and what was missed", async (t) => {
  const desk = await startExample(t, "operator");
  const tab = await openPage(t, desk.url, { complaints: interrupted });
  await open(tab, "Night shift");
  await run(tab, "echo before");
  await becomes(() => log(tab), ["echo before", "before"]);
  await desk.stop();
  await shows(tab.state, "Reconnecting");
  assert.equal(await tab.page.getByLabel("Command").isDisabled(), true);
  await desk.whileAway(async (url) => {
    const socket = await connect(url);
    await ok(socket, "command", { sessionId: 2, command: "echo meanwhile" });
    await ok(socket, "session-delete-key", { sessionId: 2, key: "lights" });
    await ok(socket, "POST", "sessions", { project: "harbour", name: "Made meanwhile", keys: {} });
    socket.disconnect();
  });
  await desk.start();
  await shows(tab.state, "Live");
  await becomes(() => log(tab), ["echo before", "before", "echo meanwhile", "meanwhile"]);
  await becomes(() => tab.page.locator("#keys li").count(), 0);
  await shows(tab.page.locator("#sessions"), "Made meanwhile");
  await run(tab, "echo after"); // and it is live again
  await becomes(() => log(tab).then((lines) => lines.slice(-1)), ["after"]);
});

test("a deliberate disconnect does not come back", async (t) => {
  const { url } = await startExample(t, "operator");
  const tab = await openPage(t, url);
  await open(tab, "Night shift");
  await tab.page.getByRole("button", { name: "Disconnect" }).click();
  await shows(tab.state, "Disconnected");
  const left = await tab.page.evaluate(async () => {
    const path = "/page/store.js";
    const { createWebsocketStore } = await import(path);
    const store = createWebsocketStore();
    await store.subscribeToProject("harbour");
    await store.subscribeToSession(2);
    const ended = new Promise((resolve) => store.ws.once("disconnect", resolve));
    store.disconnect();
    const reason = await ended.catch(() => "");
    // A closed manager would try again at once where it were to try at all.
    const active = store.ws.active;
    const refused = await store.sendCommand(2, "help").then(() => "", (/** @type {Error} */ error) => error.message);
    return { reason, active, connected: store.ws.connected, refused, count: store.listenerCount };
  });
  assert.deepEqual(left, { reason: "io client disconnect", active: false, connected: false, refused: "not connected: the command was not sent", count: { store: 0, socket: 0 } });
  await shows(tab.state, "Disconnected");
  await tab.page.getByRole("button", { name: "Connect", exact: true }).click();
  await shows(tab.state, "Live");
  await open(tab, "Night shift");
});

test("a part of the page that is destroyed leaves no listener", async (t) => {
  const { url } = await startExample(t, "operator");
  const tab = await openPage(t, url);
  await shows(tab.page.locator("#sessions"), "Night shift");
  const [before, during, then] = await tab.page.evaluate(async () => {
    const [storePath, panelPath] = ["/page/store.js", "/page/panel.js"];
    const { createWebsocketStore } = await import(storePath);
    const { openPanel } = await import(panelPath);
    const store = createWebsocketStore();
    await store.subscribeToProject("harbour");
    const first = openPanel(store, 1);
    await store.subscribeToSession(1);
    first.destroy();
    const counts = [store.listenerCount];
    for (let i = 0; i < 10; i++) {
      const panel = openPanel(store, 1 + (i % 2));
      if (i === 5) counts.push(store.listenerCount);
      panel.destroy();
    }
    counts.push(store.listenerCount);
    store.disconnect();
    return counts;
  });
  assert.deepEqual(then, before);
  assert.equal(during?.store, /** @type {any} */ (before).store + 1);
});

test("the page is good to look at and to use", async (t) => {
  const { url } = await startExample(t, "operator");
  await looksGood(t, url, "operator", async (tab) => {
    await open(tab, "Crane 4, calibration");
    await run(tab, "set operator Mina");
    await shows(tab.page.locator("#keys"), "Mina");
    await run(tab, "count 2");
    await run(tab, "calibrate");
    await shows(tab.page.locator("#log li:last-child"), "calibrate");
  });
});
