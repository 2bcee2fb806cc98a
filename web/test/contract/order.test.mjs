/**
 * Nothing lost, doubled or out of order: between two clients on different transports.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { call, Changes, connect, disconnectAll, ok, polling2, polling3, polling4, upgraded2, upgraded3, upgraded4, websocket2, websocket3, websocket4 } from "./client.mjs";
import { holdUpgrades } from "./proxy.mjs";
import { deadline, startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
before(async () => (server = await startServer()));
after(() => server.stop());
afterEach(disconnectAll);

const n = 1000;
let collections = 0;

/** @param {import("./client.mjs").Way} writing @param {import("./client.mjs").Way} reading */
async function thousand(writing, reading) {
  const c = `c${collections++}`;
  const [writer, reader] = [await connect(server.url, writing), await connect(server.url, reading)];
  const changes = new Changes(reader);
  await ok(reader, "SUBSCRIBE", c);
  const answers = await Promise.all(Array.from({ length: n }, (_, i) => call(writer, "POST", c, { i })));
  assert.deepEqual(answers.map(({ result }) => result?.id), Array.from({ length: n }, (_, i) => i + 1));
  const heard = await changes.take(n);
  assert.deepEqual(heard.map(({ item }) => item.i), Array.from({ length: n }, (_, i) => i));
  assert.deepEqual(heard.map(({ rev }) => rev), answers.map(({ meta }) => meta.rev));
  const last = await changes.nothingBefore(() => ok(writer, "DELETE", c, 1));
  assert.equal(last.type, "DELETED");
}

describe("1,000 writes of one client are 1,000 events at another, in order and each once", () => {
  for (const { writing, reading } of [
    { writing: polling4, reading: websocket4 },
    { writing: websocket4, reading: polling4 },
    { writing: upgraded4, reading: upgraded3 },
    { writing: polling3, reading: websocket3 },
    { writing: websocket3, reading: polling3 },
    { writing: polling2, reading: websocket4 },
    { writing: upgraded2, reading: polling2 },
    { writing: websocket4, reading: upgraded2 },
    { writing: websocket2, reading: websocket2 },
  ]) {
    test(`${writing.name} writes, ${reading.name} reads`, () => thousand(writing, reading));
  }
});

test("two clients that write and read at the same time hear the same changes in the same order", async () => {
  const c = `c${collections++}`;
  const [a, b] = [await connect(server.url, websocket4), await connect(server.url, polling4)];
  const heard = [new Changes(a), new Changes(b)];
  for (const socket of [a, b]) await ok(socket, "SUBSCRIBE", c);
  const writes = [];
  for (let i = 0; i < 300; i++) for (const socket of [a, b]) writes.push(ok(socket, "PUT", c, { id: (i % 10) + 1, by: socket === a ? "a" : "b", i }));
  await Promise.all(writes);
  const [first, second] = await Promise.all(heard.map((changes) => changes.take(600)));
  assert.deepEqual(first, second);
  /** @type {Map<number, string>} */
  const revs = new Map();
  for (const { id, rev, prev } of first ?? []) {
    assert.equal(prev, revs.get(id), "each change follows on the one before it of the same item");
    revs.set(id, rev);
  }
});

test("1,000 writes before, during and after the upgrade are 1,000 answers and 1,000 events in order", async () => {
  for (const way of [upgraded4, upgraded3, upgraded2]) {
    const held = await holdUpgrades(server.url);
    const c = `c${collections++}`;
    const socket = await connect(held.url, way, { early: true });
    const changes = new Changes(socket);
    const upgrade = new Promise((resolve) => socket.io.engine.once("upgrade", () => resolve(undefined)));
    const subscribed = ok(socket, "SUBSCRIBE", c);
    const answers = [];
    for (let i = 0; i < n; i++) {
      if (i === n / 4) held.release();
      if (i === (n * 3) / 4) await Promise.race([upgrade, deadline("the upgrade")]);
      answers.push(ok(socket, "POST", c, { i }));
      if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all([subscribed, ...answers]);
    assert.deepEqual((await changes.take(n)).map(({ item }) => item.i), Array.from({ length: n }, (_, i) => i));
    held.close();
  }
});
