// Writes of live queries without a connection: in order, bounded, over a reload, once in effect.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { dataFile, deadline, startServer } from "../contract/server.mjs";
import { openLine } from "./line.mjs";
import { Heard, open, shows } from "./session.mjs";

/** @type {import("../contract/server.mjs").Server} */
let server;
before(async () => (server = await startServer()));
after(() => server.stop());

/** A storage of a tab's own, as sessionStorage; over its limit it throws, as that does. */
function storageOf(limit = Infinity) {
  /** @type {Map<string, string>} */
  const texts = new Map();
  return {
    texts,
    getItem: (/** @type {string} */ name) => texts.get(name) ?? null,
    setItem(/** @type {string} */ name, /** @type {string} */ text) {
      if (text.length > limit) throw new Error("QuotaExceededError");
      texts.set(name, text);
    },
    removeItem: (/** @type {string} */ name) => void texts.delete(name),
  };
}

const live = ({ status = "" }) => status === "live";

test("writes wait for the connection, show meanwhile, and are done in order", async (t) => {
  const line = await openLine(server.url, t);
  const { collection, sent } = open(line.url, t);
  const items = collection("waiting").live();
  t.after(items.subscribe(() => {}));
  await shows(items, live);
  await items.create({ name: "Lamp" });
  const heard = new Heard();
  const tell = (/** @type {any} */ change) => heard.add(change);
  const witness = open(server.url, t).collection("waiting");
  witness.watch(null, { onAdded: tell, onModified: tell, onDeleted: tell });
  await witness.list();

  line.down();
  await shows(items, ({ status }) => status === "offline");
  const writes = [items.create({ name: "Tea" })];
  const { id } = items.getSnapshot().items[1] ?? assert.fail("the tea is not shown");
  writes.push(items.update(1, { rrp: 5 }), items.update({ id, rrp: 3 }), items.replace({ id, name: "Green tea" }), items.update(1, [{ op: "replace", path: "/name", value: "Light" }]), items.create({ name: "Jam" }));
  const removing = items.remove(items.getSnapshot().items[2]?.id ?? "");
  assert.deepEqual(items.getSnapshot().items.map(({ name, rrp }) => [name, rrp]), [["Light", 5], ["Green tea", undefined]]);
  assert.equal(items.getSnapshot().pending, 7);
  const before = sent("POST").length;
  line.up();
  await Promise.all(writes);
  assert.equal(await removing, true);
  assert.equal(sent("POST").length, before + 2);
  const changes = (await heard.count(7)).map(({ type, id: of, item }) => `${type} ${of} ${item.name} ${item.rrp}`);
  assert.deepEqual(changes, ["ADDED 2 Tea undefined", "MODIFIED 1 Lamp 5", "MODIFIED 2 Tea 3", "MODIFIED 2 Green tea undefined", "MODIFIED 1 Light 5", "ADDED 3 Jam undefined", "DELETED 3 Jam undefined"]);
  const now = await shows(items, ({ pending, status }) => pending === 0 && status === "live");
  assert.deepEqual(now.items, await witness.list());
  assert.deepEqual(await items.update(id, { stock: 1 }), { id: 2, name: "Green tea", stock: 1 }, "the temporary id still leads to the item");
});

test("they outlive a reload; what was refused is told", async (t) => {
  const storage = storageOf();
  const line = await openLine(server.url, t);
  const first = open(line.url, t, { client: { storage } });
  const before = first.collection("reload").live();
  const stop = before.subscribe(() => {});
  await before.create({ name: "Lamp" });
  await shows(before, live);
  line.down();
  const writes = [before.create({ name: "Tea" }), before.create({ id: 1, name: "taken" })];
  const { id } = before.getSnapshot().items.find(({ name }) => name === "Tea") ?? assert.fail();
  writes.push(before.update(id, { rrp: 3 }));
  for (const write of writes) write.then(() => assert.fail("this page is gone"), () => {});
  stop();
  first.client.close();
  first.socket.disconnect();

  const refused = new Heard();
  const second = open(line.url, t, { client: { storage, onRefused: (error, { verb, body }) => refused.add([error.code, verb, body]) } });
  const items = second.collection("reload").live();
  t.after(items.subscribe(() => {}));
  assert.equal(items.getSnapshot().pending, 3);
  line.up();
  assert.deepEqual(await refused.count(1), [["CONFLICT", "POST", { id: 1, name: "taken" }]]);
  const now = await shows(items, ({ pending, status }) => pending === 0 && status === "live");
  assert.deepEqual(now.items, [{ id: 1, name: "Lamp" }, { id: 2, name: "Tea", rrp: 3 }]);
  assert.deepEqual(await second.collection("reload").list(), now.items);
  assert.equal(storage.texts.size, 0);
});

test("lost answers, a reload in between and a killed server: each write takes effect once", async (t) => {
  const data = dataFile();
  let own = await startServer(["--data", data]);
  const line = await openLine(own.url, t);
  const storage = storageOf();
  let page = open(line.url, t, { client: { storage }, socket: { transports: ["websocket"] } });
  const witness = open(own.url, t).collection("effect");
  const heard = new Heard();
  witness.watch(null, { onAdded: heard.add, onModified: heard.add });
  await witness.list();
  await page.connected();

  /** Makes writes without waiting, of which the first takes effect but its answer is lost. @param {number} n */
  const lose = async (n) => {
    const list = page.collection("effect").live();
    line.mute();
    for (let i = 0; i < 3; i++) list.create({ n: n + i }).catch(() => {});
    await heard.count(n + 1);
    line.down();
  };
  await lose(0);
  page.client.close();
  page.socket.disconnect();
  page = open(line.url, t, { client: { storage }, socket: { transports: ["websocket"] } });
  line.up();
  await heard.count(3);
  assert.equal(await page.collection("effect").list().then(({ length }) => length), 3);
  await lose(3);
  await own.kill();
  own = await startServer(["--data", data]);
  line.up(own.url);
  const items = page.collection("effect").live();
  t.after(items.subscribe(() => {}));
  const now = await shows(items, ({ pending, status }) => pending === 0 && status === "live");
  assert.deepEqual(now.items, [0, 1, 2, 3, 4, 5].map((n) => ({ id: n + 1, n })));
  page.socket.disconnect();
  await own.kill();
});

test("the queue has a bound, and so has its storage", async (t) => {
  const { collection, socket } = open(server.url, t, { client: { queue: 3 }, socket: { autoConnect: false } });
  const items = collection("bound").live();
  t.after(items.subscribe(() => {}));
  const writes = [1, 2, 3].map((n) => items.create({ n }));
  await assert.rejects(items.create({ n: 4 }), { name: "AckbaseError", code: "QUEUE_FULL", status: 0, message: /3 others wait/ });
  const small = open(server.url, t, { client: { storage: storageOf(100) }, socket: { autoConnect: false } });
  await assert.rejects(small.collection("bound").live().create({ text: "x".repeat(100) }), { code: "QUEUE_FULL", message: /not made: QuotaExceededError/ });
  assert.equal(items.getSnapshot().items.length, 3);
  socket.connect();
  assert.deepEqual((await Promise.all(writes)).map(({ id }) => id), [1, 2, 3]);
});

test("what waits too long, or is given up, is not sent", async (t) => {
  const { collection, socket } = open(server.url, t, { socket: { autoConnect: false } });
  const items = collection("given-up").live();
  t.after(items.subscribe(() => {}));
  const control = new AbortController();
  const late = items.create({ n: 1 }, { timeout: 10 });
  const left = items.create({ n: 2 }, { signal: control.signal });
  const { id } = items.getSnapshot().items[1] ?? assert.fail();
  const change = items.update(id, { n: 3 });
  await assert.rejects(late, { code: "TIMEOUT" });
  control.abort(new Error("left"));
  await assert.rejects(left, /left/);
  await assert.rejects(change, /left/);
  assert.deepEqual(items.getSnapshot().items, []);
  const made = items.create({ n: 4 });
  socket.connect();
  assert.deepEqual(await Promise.race([made, deadline("the answer")]), { id: 1, n: 4 });
});

test("where the server says not now, it is asked again", async (t) => {
  const slow = await startServer(["--request-rate", "5"]);
  t.after(() => slow.stop());
  const { collection, socket, sent } = open(slow.url, t);
  const items = collection("rate").live();
  t.after(items.subscribe(() => {}));
  const writes = Array.from({ length: 53 }, (_, n) => items.create({ n }));
  assert.deepEqual((await Promise.all(writes)).map(({ id, n }) => [id, n]), writes.map((_, n) => [n + 1, n]));
  assert.ok(sent("POST").length > 53);
  socket.disconnect();
});
