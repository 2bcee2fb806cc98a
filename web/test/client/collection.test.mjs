// A collection's calls over the real server: results, errors, keys, and what breaks on the way.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AckbaseError, metaOf } from "../../client/ackbase.js";
import { deadline, startServer } from "../contract/server.mjs";
import { openLine } from "./line.mjs";
import { Heard, open } from "./session.mjs";

/** @type {import("../contract/server.mjs").Server} */
let server;
before(async () => (server = await startServer()));
after(() => server.stop());

test("the verbs", async (t) => {
  const items = open(server.url, t).collection("verbs");
  const lamp = await items.create({ name: "Lamp", maker: { city: "Rome", country: "IT" } });
  assert.deepEqual(lamp, { id: 1, name: "Lamp", maker: { city: "Rome", country: "IT" } });
  assert.deepEqual(await items.get(1), lamp);
  assert.equal(await items.get(404), undefined);
  assert.deepEqual(await items.replace({ id: "A1", name: "Tea" }), { id: "A1", name: "Tea" });
  assert.deepEqual(await items.update({ id: "A1", rrp: 4 }), { id: "A1", name: "Tea", rrp: 4 });
  assert.deepEqual(await items.update("A1", { rrp: null }), { id: "A1", name: "Tea" });
  assert.deepEqual(await items.update("A1", [{ op: "add", path: "/stock", value: 2 }]), { id: "A1", name: "Tea", stock: 2 });
  assert.deepEqual(await items.update([{ op: "add", path: "/1/stock", value: 3 }, { op: "remove", path: "/A1/stock" }]), [{ ...lamp, stock: 3 }, { id: "A1", name: "Tea" }]);
  const page = await items.list({ sort: "-name", limit: 1 });
  assert.deepEqual(page, [{ id: "A1", name: "Tea" }]);
  assert.equal(metaOf(page).total, 2);
  assert.deepEqual((await items.list({ sort: "-name", limit: 1, after: metaOf(page).next })).map(({ id }) => id), [1]);
  assert.equal((await items.list()).length, 2);
  assert.equal(await items.remove(1), true);
  assert.equal(await items.remove(1), false);
});

test("a revision guards a write", async (t) => {
  const items = open(server.url, t).collection("revisions");
  const lamp = await items.create({ name: "Lamp" });
  const read = await items.get(1);
  assert.equal(metaOf(read).rev, metaOf(lamp).rev);
  await items.update({ id: 1, rrp: 1 }, { ifMatch: metaOf(read).rev });
  await assert.rejects(items.update({ id: 1, rrp: 2 }, { ifMatch: metaOf(read).rev }), (error) => {
    assert.ok(error instanceof AckbaseError && error instanceof Error);
    assert.equal(error.code, "PRECONDITION_FAILED");
    assert.equal(error.status, 412);
    assert.ok(error.details.rev);
    return true;
  });
  await assert.rejects(items.create({ id: 1 }), { code: "CONFLICT", status: 409 });
  await assert.rejects(items.get(/** @type {any} */ (undefined)), { code: "BAD_REQUEST" });
  await assert.rejects(items.update(/** @type {any} */ (undefined), [{ op: "remove", path: "/1" }]), { code: "BAD_REQUEST" });
  await assert.rejects(items.list(/** @type {any} */ ({ size: 1 })), { code: "BAD_REQUEST" });
});

test("an item's history", async (t) => {
  const items = open(server.url, t).collection("past");
  await items.create({ id: 7, n: 1 });
  await items.update(7, { n: 2 }, { reason: "more" });
  await items.remove(7);
  const all = await items.history(7);
  assert.deepEqual(all.map(({ type, reason }) => [type, reason]), [["ADDED", undefined], ["MODIFIED", "more"], ["DELETED", undefined]]);
  const first = await items.history(7, { limit: 2 });
  assert.deepEqual(first, all.slice(0, 2));
  assert.deepEqual(await items.history(7, { after: metaOf(first).next }), all.slice(2));
  await items.create({ id: 8, n: 1 });
  const then = metaOf(await items.get(8)).cursor;
  await items.update(8, { n: 2 });
  assert.deepEqual(await items.get(8, { at: then }), { id: 8, n: 1 });
});

test("a condition that is not there is no condition: it is refused", async (t) => {
  const { collection, sent } = open(server.url, t);
  const items = collection("conditions");
  await items.create({ n: 1 });
  const rev = metaOf(undefined).rev;
  await assert.rejects(items.update({ id: 1, n: 2 }, /** @type {any} */ ({ ifMatch: rev })), { code: "BAD_REQUEST", status: 400 });
  await assert.rejects(items.live().update({ id: 1, n: 2 }, /** @type {any} */ ({ ifMatch: rev })), { code: "BAD_REQUEST" });
  assert.equal(sent("PATCH").length, 0);
});

test("each write has a key of its own, a UUID of version 7 in order of time", async (t) => {
  const { collection, sent } = open(server.url, t);
  const items = collection("keys");
  await items.create({ id: 1 });
  await items.replace({ id: 1, a: 1 });
  await items.update({ id: 1, a: 2 });
  await items.update(1, { a: 3 });
  await items.update([{ op: "replace", path: "/1/a", value: 4 }], { reason: "four" });
  await items.remove(1, { key: "my own" });
  const keys = ["POST", "PUT", "PATCH", "DELETE"].flatMap((verb) => sent(verb).map((args) => args.findLast((arg) => arg?.key).key));
  assert.equal(keys.length, 6);
  assert.equal(keys.pop(), "my own");
  assert.equal(new Set(keys).size, 5);
  assert.deepEqual(keys, [...keys].sort(), "in order of time");
  for (const key of keys) {
    assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const time = parseInt(key.replace("-", "").slice(0, 12), 16);
    assert.ok(Math.abs(time - Date.now()) < 60_000, `${key} is of ${new Date(time).toISOString()}`);
  }
});

test("a write whose answer is lost with the connection is sent again, and takes effect once", async (t) => {
  const line = await openLine(server.url, t);
  const writer = open(line.url, t, { socket: { transports: ["websocket"] } });
  const reader = open(server.url, t).collection("lost");
  const heard = new Heard();
  reader.watch(null, { onAdded: heard.add, onModified: heard.add });
  await reader.list(); // the subscription was sent before
  const items = writer.collection("lost");
  await items.create({ n: 0 });

  line.mute();
  const writes = [items.create({ n: 1 }), items.update(1, [{ op: "add", path: "/list", value: [] }]), items.create({ n: 2 })];
  await heard.count(4);
  line.cut();
  assert.deepEqual(await Promise.all(writes), [{ id: 2, n: 1 }, { id: 1, n: 0, list: [] }, { id: 3, n: 2 }]);
  assert.equal(writer.sent("POST").length, 5, "the two without an answer are sent again");
  await items.create({ n: 3 });
  assert.deepEqual((await heard.count(5)).map(({ id }) => id), [1, 2, 1, 3, 4]);
});

test("what is asked before there is a connection is done in order", async (t) => {
  const { collection, socket } = open(server.url, t, { socket: { autoConnect: false } });
  const items = collection("order");
  const posted = Array.from({ length: 50 }, (_, n) => items.create({ n }));
  socket.connect();
  assert.deepEqual(await Promise.all(posted), Array.from({ length: 50 }, (_, n) => ({ n, id: n + 1 })));
});

test("without an answer in time it rejects, and is not sent later", async (t) => {
  const { collection, socket, sent } = open(server.url, t, { socket: { autoConnect: false } });
  const items = collection("late");
  await assert.rejects(items.create({ n: 1 }, { timeout: 10 }), { name: "AckbaseError", code: "TIMEOUT", status: 0, message: /no answer to POST within 10 ms/ });
  socket.connect();
  assert.deepEqual(await items.list(), []);
  assert.equal(sent("POST").length, 0);
});

test("a signal ends the wait with its reason", async (t) => {
  const { collection, socket } = open(server.url, t, { socket: { autoConnect: false } });
  const items = collection("aborted");
  const control = new AbortController();
  const asked = items.create({ n: 1 }, { signal: control.signal });
  const page = items.list({}, { signal: control.signal });
  const why = new Error("left the page");
  control.abort(why);
  await assert.rejects(asked, why);
  await assert.rejects(page, why);
  await assert.rejects(items.get(1, { signal: AbortSignal.abort(why) }), why);
  socket.connect();
  assert.deepEqual(await items.list(), []);
});

test("a client that is closed hears nothing, and leaves no listener", async (t) => {
  const { client, socket, connected } = open(server.url, t);
  await connected();
  const names = ["connect", "disconnect", "connect_error", "ADDED", "MODIFIED", "DELETED", "BOOKMARK"];
  client.collection("closed").watch(null, { onAdded: () => assert.fail("heard after the end") });
  await client.collection("closed").list();
  client.close();
  assert.deepEqual(names.map((name) => socket.listeners(name).length), names.map(() => 0));
  assert.ok(socket.connected);
  const heard = new Promise((resolve) => socket.once("ADDED", resolve));
  await Promise.race([socket.emitWithAck("POST", "closed", {}), deadline("the answer")]);
  await Promise.race([heard, deadline("the event")]);
});
