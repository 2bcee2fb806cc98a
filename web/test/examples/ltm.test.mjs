// The machines of examples/ltm: their state over HTTP, their snapshots over a plain WebSocket.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import jsonpatch from "fast-json-patch";
import WebSocket from "ws";
import { deadline } from "../contract/server.mjs";
import { becomes, closeBrowser, shows } from "../page/tab.mjs";
import { interrupted, isUsable, looksGood, openPage, startExample } from "./example.mjs";

after(closeBrowser);

const quick = ["--every", "30ms"];
const never = ["--every", "1h"];

/** @param {string} url @param {string} id @returns {Promise<any>} */
const get = async (url, id) => (await fetch(`${url}/api/v0/ltm/${id}`)).json();

/** The state that a list of snapshots gives, as the seed recreates it. @param {any[]} snapshots */
function recreate(snapshots) {
  const state = {};
  for (const snapshot of snapshots) jsonpatch.applyPatch(state, jsonpatch.deepClone(snapshot.patch));
  return state;
}

/** The next messages of a WebSocket. @param {WebSocket} socket @param {number} count @returns {Promise<any[]>} */
function take(socket, count) {
  /** @type {any[]} */
  const list = [];
  return Promise.race([
    new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.on("message", function hear(data) {
        list.push(JSON.parse(String(data)));
        if (list.length < count) return;
        socket.off("message", hear);
        resolve(list);
      });
    }),
    deadline("the snapshots"),
  ]);
}

test("the initial state and successive snapshots give the latest state", async (t) => {
  const { url } = await startExample(t, "ltm", quick);
  for (const id of ["1", "2"]) {
    const ltm = await get(url, id);
    assert.equal(ltm.id, Number(id));
    assert.deepEqual(recreate(ltm.snapshots), ltm.state);
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws/${id}?since=${ltm.cursor}`);
    const messages = await take(socket, 40);
    socket.close();
    for (const { id: of, snapshot } of messages) {
      assert.equal(of, Number(id));
      assert.ok(Date.parse(snapshot.time) > 0);
      assert.ok(snapshot.reason.length > 3, "each step says why");
      ltm.snapshots.push(snapshot);
      assert.deepEqual(recreate(ltm.snapshots), snapshot.item);
    }
  }
});

test("a machine goes on over a restart, and its past stays", async (t) => {
  const ltm = await startExample(t, "ltm", quick);
  await becomes(async () => (await get(ltm.url, "1")).snapshots.length > 10, true);
  await ltm.stop();
  await ltm.start(never);
  const before = await get(ltm.url, "1");
  await ltm.stop();
  await ltm.start();
  await becomes(async () => (await get(ltm.url, "1")).snapshots.length > before.snapshots.length + 5, true);
  const then = await get(ltm.url, "1");
  assert.deepEqual(then.snapshots.slice(0, before.snapshots.length), before.snapshots);
  assert.deepEqual(recreate(then.snapshots), then.state);
  assert.equal(before.snapshots[0].reason, "installed");
});

test("the past that is told is bounded, and still gives the state", async (t) => {
  const { url } = await startExample(t, "ltm", ["--every", "2ms"]);
  await becomes(async () => {
    const { snapshots } = await get(url, "3");
    return snapshots.length === 300 && snapshots[0].reason !== "installed";
  }, true);
  const { snapshots, state } = await get(url, "3");
  assert.deepEqual(recreate(snapshots), state);
});

test("a machine that stood still for longer than the log reaches is told as it is", async (t) => {
  const ltm = await startExample(t, "ltm", never);
  const before = await get(ltm.url, "2");
  // More changes of something else than the log keeps, ten thousand a write.
  const headers = { "Content-Type": "application/json-patch+json" };
  for (let turn = 0; turn < 4; turn++) {
    const patch = Array.from({ length: 7000 }, (_, i) => ({ op: "add", path: `/${i + 1}`, value: { turn } }));
    const answer = await fetch(`${ltm.url}/api/v2/other`, { method: "PATCH", headers, body: JSON.stringify(patch) });
    assert.equal(answer.status, 200);
  }
  assert.deepEqual(await get(ltm.url, "2").then(({ state }) => state), before.state);
  await ltm.stop();
  await becomes(async () => {
    await ltm.start();
    const { state, snapshots } = await get(ltm.url, "2");
    assert.deepEqual(state, before.state);
    assert.deepEqual(recreate(snapshots), before.state);
    if (snapshots[0].reason === "as it was found") return true;
    await ltm.stop(); // not all that is too old is cut at once
    return false;
  }, true);
  // And it moves on from there.
  await ltm.stop();
  await ltm.start(quick);
  await becomes(async () => (await get(ltm.url, "2")).snapshots.length > 5, true);
  const { state, snapshots } = await get(ltm.url, "2");
  assert.deepEqual(recreate(snapshots), state);
});

test("a machine that is not there is an answer in words", async (t) => {
  const { url } = await startExample(t, "ltm", never);
  for (const path of ["/api/v0/ltm/99", "/api/v0/ltm/x%20y", "/ws/99"]) {
    const answer = await fetch(url + path);
    assert.equal(answer.status, 404, path);
    assert.match((await answer.json()).error.message, /there is no machine/);
  }
  assert.equal((await fetch(`${url}/api/v0/ltm/1`, { method: "DELETE" })).status, 405);

  const tab = await openPage(t, `${url}/?ltm=99`, { complaints: /404/ });
  await shows(tab.page.locator("#banner"), 'there is no machine "99"');
  await isUsable(tab);
  await tab.page.getByText("Test kiln").click();
  await shows(tab.state, "Live");
  assert.ok(await tab.page.locator("#banner").isHidden());
});

test("the page follows a machine live and steps through its past", async (t) => {
  const ltm = await startExample(t, "ltm", ["--every", "80ms"]);
  const tab = await openPage(t, ltm.url);
  const { page } = tab;
  await shows(tab.state, "Live");
  await becomes(async () => Number(await page.locator("#at").getAttribute("max")) > 8, true);
  await shows(page.locator("#name"), "Stoneware kiln");

  // Back to the beginning, by keyboard: from there on the page stands still while the machine goes on.
  await page.getByLabel("Moment").focus();
  await page.keyboard.press("Home");
  await shows(page.locator("#reason"), "installed");
  await shows(page.locator("#place"), /^1 of/);
  await shows(page.locator("#patch"), "/name");
  assert.equal(await page.locator("#follow").getAttribute("aria-pressed"), "false");
  const then = Number(await page.locator("#at").getAttribute("max"));
  await becomes(async () => Number(await page.locator("#at").getAttribute("max")) > then + 3, true);
  assert.equal(await page.locator("#at").inputValue(), "0");
  await page.getByRole("button", { name: "One step on" }).click();
  await shows(page.locator("#reason"), "shelf 1 of 4");
  await shows(page.locator("#patch [data-op=add]"), "/load/0");
  await isUsable(tab);

  // What the page recreates is what the server says of that moment.
  const { snapshots } = await get(ltm.url, "1");
  await shows(page.locator("#fields"), snapshots[1].item.load[0]);
  await page.getByRole("button", { name: "Follow live" }).click();
  await becomes(async () => (await page.locator("#at").inputValue()) === (await page.locator("#at").getAttribute("max")), true);
  await page.getByText("Test kiln").click();
  await shows(page.locator("#name"), "Test kiln");
  assert.match(page.url(), /ltm=3/);
});

test("a page that was open over a restart misses nothing", async (t) => {
  const ltm = await startExample(t, "ltm", never);
  const tab = await openPage(t, `${ltm.url}/?ltm=2`, { complaints: interrupted });
  await shows(tab.page.locator("#place"), "1 of 1");
  await ltm.stop();
  await shows(tab.state, "Reconnecting");
  let there = 0;
  await ltm.whileAway(async (url) => {
    await becomes(async () => (await get(url, "2")).snapshots.length > 10, true);
  }, quick);
  await ltm.start();
  there = (await get(ltm.url, "2")).snapshots.length;
  await shows(tab.state, "Live");
  await shows(tab.page.locator("#place"), `${there} of ${there}`);
});

test("the page is good to look at and to use", async (t) => {
  const ltm = await startExample(t, "ltm", ["--every", "5ms"]);
  await becomes(async () => (await get(ltm.url, "1")).snapshots.length > 120, true);
  await ltm.stop();
  await ltm.start(never);
  const { snapshots } = await get(ltm.url, "1");
  const at = snapshots.findIndex((/** @type {any} */ { item }) => item.state === "holding" && item.stage === 1);
  await looksGood(t, ltm.url, "ltm", async (tab) => {
    await shows(tab.state, "Live");
    await becomes(async () => Number(await tab.page.locator("#at").getAttribute("max")) > 100, true);
    await tab.page.locator("#at").fill(String(at));
  });
});
