/**
 * Each write takes effect once, with an idempotency key: for a client that sends a write again until it has an answer,
 * whatever gets lost, and for one that sends it again though it has been answered.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { call, Changes, connect, disconnectAll, ok, websocket4 } from "./client.mjs";
import { loseAcks } from "./proxy.mjs";
import { deadline, startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
before(async () => (server = await startServer()));
after(() => server.stop());
afterEach(disconnectAll);

/**
 * Writes of every verb, of which each would show a second effect.
 *
 * @type {{ verb: string, args: unknown[], result: unknown, type: string }[]}
 */
const writes = [
  { verb: "POST", args: [{ list: [] }], result: { id: 1, list: [] }, type: "ADDED" },
  { verb: "PATCH", args: [1, [{ op: "add", path: "/list/-", value: "a" }]], result: { id: 1, list: ["a"] }, type: "MODIFIED" },
  { verb: "PATCH", args: [[{ op: "add", path: "/1/list/-", value: "b" }]], result: [{ id: 1, list: ["a", "b"] }], type: "MODIFIED" },
  { verb: "PATCH", args: [{ id: 1, name: "Lamp" }], result: { id: 1, list: ["a", "b"], name: "Lamp" }, type: "MODIFIED" },
  { verb: "PUT", args: [{ id: "A1", name: "Tea" }], result: { id: "A1", name: "Tea" }, type: "ADDED" },
  { verb: "DELETE", args: ["A1"], result: true, type: "DELETED" },
  { verb: "POST", args: [{ id: "A1" }], result: { id: "A1" }, type: "ADDED" },
  { verb: "POST", args: [{}], result: { id: 2 }, type: "ADDED" },
];

/**
 * Emits all of them, each with a key of its own, and resolves with what the callbacks get.
 *
 * @param {import("./client.mjs").Socket} socket
 * @param {string} collection
 * @returns {Promise<any[][]>}
 */
function emitAll(socket, collection) {
  const answers = writes.map(
    ({ verb, args }) =>
      new Promise((resolve) => {
        socket.emit(verb, collection, ...args, { key: crypto.randomUUID() }, (/** @type {any[]} */ ...values) => resolve(values));
      }),
  );
  return Promise.race([Promise.all(answers), deadline("the answers to all writes")]);
}

/** @param {string} collection */
async function watch(collection) {
  const socket = await connect(server.url);
  const changes = new Changes(socket);
  await ok(socket, "SUBSCRIBE", collection);
  return {
    /** Fails unless each write was one event, and the items are what the writes make of them. */
    async tookEffectOnce() {
      const heard = await changes.take(writes.length);
      assert.deepEqual(heard.map(({ type }) => type), writes.map(({ type }) => type));
      await changes.nothingBefore(() => ok(socket, "POST", collection, { id: "last" }));
      assert.deepEqual(await ok(socket, "GET", collection), [{ id: 1, list: ["a", "b"], name: "Lamp" }, { id: 2 }, { id: "A1" }, { id: "last" }]);
    },
  };
}

test("retries with ackTimeout: two of three answers get lost, and each write takes effect once", async () => {
  const seen = await watch("lost");
  let acks = 0;
  const lossy = await loseAcks(server.url, () => ++acks % 3 !== 0);
  const socket = await connect(lossy.url, websocket4, { retries: 20, ackTimeout: 100 });
  const answers = await emitAll(socket, "lost");
  for (const [i, [error, result, fault, meta]] of answers.entries()) {
    assert.equal(error, null);
    assert.equal(fault, null);
    assert.deepEqual(result, writes[i]?.result);
    assert.ok(meta.cursor);
  }
  assert.ok(acks >= 3 * writes.length, `${acks} answers to ${writes.length} writes: none was sent again`);
  await seen.tookEffectOnce();
  lossy.close();
});

test("retries without ackTimeout: the client repeats what was answered, and each write takes effect once", async () => {
  const seen = await watch("again");
  const socket = await connect(server.url, websocket4, { retries: 3 });
  let sent = 0;
  socket.onAnyOutgoing(() => sent++);
  const answers = await emitAll(socket, "again");
  // The client takes the first value for an error, and gives it to the callback when it has tried often enough.
  assert.deepEqual(answers, writes.map(({ result }) => [result]));
  assert.equal(sent, 4 * writes.length, "each was to be sent 4 times");
  await seen.tookEffectOnce();
});

test("without a key, what is sent again takes effect again", async () => {
  const socket = await connect(server.url, websocket4, { retries: 3 });
  await Promise.race([new Promise((resolve) => socket.emit("POST", "free", { name: "Lamp" }, resolve)), deadline("the answer")]);
  const reader = await connect(server.url);
  const { meta } = await call(reader, "GET", "free");
  assert.equal(meta.total, 4);
});

test("the same key with another content is CONFLICT; in another collection it is another key", async () => {
  const socket = await connect(server.url);
  const key = crypto.randomUUID();
  const first = await call(socket, "POST", "one", { name: "Lamp", rrp: 29 }, { key });
  assert.deepEqual(await call(socket, "POST", "one", { rrp: 29.0, name: "Lamp" }, { key }), first);
  for (const [verb, ...args] of [
    ["POST", "one", { name: "Lamp", rrp: 30 }, { key }],
    ["POST", "one", { name: "Lamp", rrp: 29 }, { key, reason: "because" }],
    ["PUT", "one", 1, { name: "Lamp", rrp: 29 }, { key }],
    ["DELETE", "one", 1, { key }],
  ]) {
    const { error } = await call(socket, /** @type {string} */ (verb), ...args);
    assert.equal(error?.code, "CONFLICT");
    assert.equal(error?.status, 409);
  }
  assert.deepEqual(await ok(socket, "POST", "two", { name: "Tea" }, { key }), { id: 1, name: "Tea" });
  assert.equal((await call(socket, "GET", "one")).meta.total, 1);
});

test("--max-keys: the newest keys are known", async () => {
  const small = await startServer(["--max-keys", "3"]);
  try {
    const socket = await connect(small.url);
    const post = (/** @type {number} */ n) => ok(socket, "POST", "items", { n }, { key: `key ${n}` });
    const first = [];
    for (let n = 0; n < 6; n++) first.push(await post(n));
    for (let n = 3; n < 6; n++) assert.deepEqual(await post(n), first[n]);
    assert.deepEqual(await post(0), { id: 7, n: 0 });
  } finally {
    disconnectAll();
    await small.stop();
  }
});

test("--keep-keys and --max-keys-bytes: a key is forgotten", async () => {
  for (const flags of [["--keep-keys", "50ms"], ["--max-keys-bytes", "2KB"]]) {
    const forgetful = await startServer(flags);
    try {
      const socket = await connect(forgetful.url);
      const late = deadline(`a server with ${flags} that forgets`);
      const post = () => ok(socket, "POST", "items", { name: "Lamp" }, { key: "key" });
      const first = await post();
      for (let item = first; item.id === first.id; item = await post()) {
        await Promise.race([ok(socket, "POST", "others", { text: "x".repeat(500) }, { key: crypto.randomUUID() }), late]);
      }
    } finally {
      disconnectAll();
      await forgetful.stop();
    }
  }
});
