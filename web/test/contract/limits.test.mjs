/**
 * The limits, each with its flag: what is over them is refused in words, and what is just below works.
 */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { call, Changes, connect, disconnectAll, ok, ways, websocket4 } from "./client.mjs";
import { deadline, startServer } from "./server.mjs";

afterEach(disconnectAll);

/** @param {import("./client.mjs").Answer} answer @param {string} code */
function refused(answer, code) {
  assert.deepEqual([answer.result, answer.error?.code], [null, code], answer.error?.message);
}

test("items", async () => {
  const server = await startServer(["--max-item", "10KB"]);
  const socket = await connect(server.url);
  /** @param {number} bytes of the item as stored */
  const item = (bytes) => ({ id: 1, t: "x".repeat(bytes - `{"id":1,"t":""}`.length) });
  assert.equal((await ok(socket, "POST", "items", item(10 * 1024))).id, 1);
  refused(await call(socket, "PUT", "items", item(10 * 1024 + 1)), "TOO_LARGE");
  refused(await call(socket, "PATCH", "items", { id: 1, more: 1 }), "TOO_LARGE");
  refused(await call(socket, "PATCH", "items", 1, [{ op: "add", path: "/more", value: 1 }]), "TOO_LARGE");
  refused(await call(socket, "PATCH", "items", Array.from({ length: 30 }, (_, i) => ({ op: "copy", from: "/1", path: `/1/c${i}` }))), "TOO_LARGE");
  assert.deepEqual(await ok(socket, "GET", "items"), [item(10 * 1024)]);
  await server.stop();
});

test("messages: a larger one closes its connection", async () => {
  const server = await startServer(["--max-message", "100KB"]);
  for (const way of ways) {
    const socket = await connect(server.url, way);
    assert.ok(await ok(socket, "POST", "items", { t: "x".repeat(90_000) }));
    const closed = new Promise((resolve) => socket.once("disconnect", resolve));
    socket.emit("POST", "items", { t: "x".repeat(110_000) });
    assert.match(String(await Promise.race([closed, deadline("disconnect")])), /^transport (close|error)$/, way.name);
  }
  const { meta } = await call(await connect(server.url), "GET", "items", { limit: 1 });
  assert.equal(meta.total, ways.length);
  await server.stop();
});

test("answers", async () => {
  const server = await startServer(["--max-answer", "100KB"]);
  const socket = await connect(server.url);
  for (let n = 0; n < 12; n++) await ok(socket, "POST", "items", { t: "x".repeat(10_000) });
  refused(await call(socket, "GET", "items"), "TOO_LARGE");
  assert.equal((await ok(socket, "GET", "items", { limit: 9 })).length, 9);
  assert.equal((await ok(socket, "GET", "items", { fields: ["id"] })).length, 12);
  refused(await call(socket, "SUBSCRIBE", "items", null, { snapshot: true }), "TOO_LARGE");
  await server.stop();
});

test("a large answer arrives whole over every transport", async () => {
  const server = await startServer();
  const writer = await connect(server.url);
  const text = "ü😀x".repeat(100_000);
  for (let n = 0; n < 10; n++) await ok(writer, "POST", "items", { n, text });
  for (const way of ways) {
    const items = await ok(await connect(server.url, way), "GET", "items");
    assert.equal(items.length, 10);
    for (const item of items) assert.equal(item.text, text, way.name);
  }
  await server.stop();
});

test("snapshots", async () => {
  const server = await startServer(["--max-snapshot", "10"]);
  const socket = await connect(server.url);
  for (let n = 0; n < 10; n++) await ok(socket, "POST", "items", { n });
  assert.equal((await ok(socket, "SUBSCRIBE", "items", null, { snapshot: true })).items.length, 10);
  await ok(socket, "UNSUBSCRIBE", "items");
  await ok(socket, "POST", "items", { n: 10 });
  refused(await call(socket, "SUBSCRIBE", "items", null, { snapshot: true }), "TOO_LARGE");
  assert.equal(await ok(socket, "UNSUBSCRIBE", "items"), false, "nothing was subscribed");
  assert.equal((await ok(socket, "SUBSCRIBE", "items", null, { snapshot: true, filters: { n: { $gt: 5 } } })).items.length, 5);
  await server.stop();
});

test("subscriptions of one socket", async () => {
  const server = await startServer(["--max-subscriptions", "5"]);
  const [socket, other] = [await connect(server.url), await connect(server.url)];
  for (let id = 1; id <= 5; id++) await ok(socket, "SUBSCRIBE", "items", id);
  const sixth = await call(socket, "SUBSCRIBE", "items", 6);
  assert.equal(sixth.result, null);
  assert.ok(sixth.error && sixth.error.status >= 400 && sixth.error.status < 500, sixth.error?.message);
  await ok(socket, "SUBSCRIBE", "items", 5); // held already
  await ok(other, "SUBSCRIBE", "items", 6); // another socket's
  await ok(socket, "UNSUBSCRIBE", "items", 1);
  await ok(socket, "SUBSCRIBE", "items", 6);
  const changes = new Changes(socket);
  await ok(other, "PUT", "items", { id: 1 });
  const change = await changes.nothingBefore(() => ok(other, "PUT", "items", { id: 6 }));
  assert.equal(change.id, 6);
  await server.stop();
});

test("what the filters of one socket take", async () => {
  const server = await startServer(["--max-filter-bytes", "50KB"]);
  const [socket, other] = [await connect(server.url), await connect(server.url)];
  const many = (/** @type {number} */ from) => ({ filters: { n: { $in: Array.from({ length: 300 }, (_, i) => from + 2 * i) } } });
  await ok(socket, "SUBSCRIBE", "items", many(0));
  const second = await call(socket, "SUBSCRIBE", "items", many(1));
  refused(second, "BAD_REQUEST");
  assert.match(second.error?.message ?? "", /UNSUBSCRIBE/);
  await ok(socket, "SUBSCRIBE", "items", many(0)); // held already
  await ok(other, "SUBSCRIBE", "items", many(1)); // another socket's
  await ok(socket, "UNSUBSCRIBE", "items", many(0));
  await ok(socket, "SUBSCRIBE", "items", many(1));
  const changes = new Changes(socket);
  await ok(other, "PUT", "items", { id: 1, n: 0 });
  const change = await changes.nothingBefore(() => ok(other, "PUT", "items", { id: 2, n: 1 }));
  assert.equal(change.id, 2);
  await server.stop();
});

test("depth of JSON", async () => {
  const server = await startServer();
  const socket = await connect(server.url);
  /** @param {number} depth @returns {any} */
  const nested = (depth) => (depth === 0 ? 1 : { n: nested(depth - 1) });
  assert.ok(await ok(socket, "POST", "items", nested(64)));
  refused(await call(socket, "POST", "items", nested(65)), "BAD_REQUEST");
  await server.stop();
});

test("a client that goes away in the middle leaves the others alone", async () => {
  const server = await startServer();
  const stays = await connect(server.url);
  const changes = new Changes(stays);
  await ok(stays, "SUBSCRIBE", "items");
  for (const way of ways) {
    const goes = await connect(server.url, way);
    await ok(goes, "SUBSCRIBE", "items", null, { filters: { n: { $gt: 0 } } });
    for (let n = 0; n < 50; n++) goes.emit("POST", "items", { n });
    await ok(goes, "GET", "items", { limit: 1 });
    goes.io.engine.close();
  }
  await ok(stays, "POST", "items", { last: true });
  for (;;) {
    const change = await changes.next();
    if (change.item.last) break;
  }
  await server.stop();
});

/** Options of a client that comes back soon. */
const again = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 20 };

test("connections: one too many hears connect_error, and comes in when there is room", async () => {
  const server = await startServer(["--max-connections", "3"]);
  const inside = [];
  for (let n = 0; n < 3; n++) inside.push(await connect(server.url));
  for (const way of ways) {
    let told = () => {};
    const refusal = new Promise((resolve) => (told = () => resolve(undefined)));
    const coming = connect(server.url, way, { ...again, prepare: (socket) => socket.once("connect_error", told) });
    await Promise.race([refusal, deadline(`connect_error, ${way.name}`)]);
    inside.shift()?.disconnect();
    const socket = await coming;
    assert.ok(await ok(socket, "POST", "items", { way: way.name }));
    inside.push(socket);
  }
  await server.stop();
});

test("a client that is cut off for being too slow comes back by itself", async () => {
  const server = await startServer(["--high-water", "64KB", "--stall-timeout", "500ms"]);
  const slow = await connect(server.url, websocket4, again);
  await ok(slow, "SUBSCRIBE", "items");
  const disconnected = new Promise((resolve) => slow.once("disconnect", resolve));
  /** @type {any} */ (slow.io.engine.transport).ws._socket.pause();
  const writer = await connect(server.url);
  const text = "x".repeat(200_000);
  for (let n = 0; !server.log().includes("reason=stalled"); n++) {
    assert.ok(n < 500, "100 MB were written, and it is not cut off");
    await ok(writer, "POST", "items", { text });
  }
  /** @type {any} */ (slow.io.engine.transport).ws._socket?.resume();
  assert.match(String(await Promise.race([disconnected, deadline("disconnect")])), /^transport (close|error)$/);
  await Promise.race([new Promise((resolve) => (slow.connected ? resolve(undefined) : slow.once("connect", () => resolve(undefined)))), deadline("the reconnection")]);
  assert.equal((await ok(slow, "GET", "items", { limit: 1, fields: ["id"] })).length, 1);
  await server.stop();
});
