// Writes of live queries without a connection: in order, bounded, over a reload, once in effect.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient } from "../../client/ackbase.js";
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

test("what was deleted does not show again when its ADDED comes after the answers", async (t) => {
  const { collection, socket } = open(server.url, t);
  const items = collection("late").live();
  /** @type {string[][]} */
  const shown = [];
  t.after(items.subscribe(() => shown.push(items.getSnapshot().items.map(({ name }) => name))));
  await shows(items, live);
  // Events leave in rounds, so that answers may come before several of them: here all of them wait.
  const inner = /** @type {any} */ (socket);
  const take = inner.onevent;
  /** @type {any[]} */
  const late = [];
  const come = new Heard();
  inner.onevent = (/** @type {any} */ packet) => (/^(ADDED|DELETED)$/.test(packet.data[0]) ? come.add(late.push(packet)) : take.call(socket, packet));
  const { id } = await items.create({ name: "Jam" });
  assert.equal(await items.remove(id), true);
  await come.count(2);
  shown.length = 0;
  for (const packet of late) {
    take.call(socket, packet);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(items.getSnapshot().items, [], `after ${packet.data[0]}`);
  }
  assert.deepEqual(shown.flat(), []);
  inner.onevent = take;
  await collection("late").create({ id, name: "Other jam" });
  await shows(items, ({ items: [first] }) => first?.name === "Other jam");
});

test("a patch over the collection names what has a temporary id, also over a reload", async (t) => {
  const line = await openLine(server.url, t);
  const first = open(line.url, t);
  await first.collection("wide").create({ name: "Lamp" });
  line.down();
  const storage = storageOf();
  const page = open(line.url, t, { client: { storage } });
  const before = page.collection("wide").live();
  const stop = before.subscribe(() => {});
  const creating = before.create({ name: "Tea", rrp: 3 });
  const { id } = before.getSnapshot().items[0] ?? assert.fail("the tea is not shown");
  const operations = /** @type {import("../../client/ackbase.js").JSONPatch[]} */ ([
    { op: "replace", path: `/${id}/name`, value: "Green tea" },
    { op: "copy", from: `/${id}/rrp`, path: "/1/rrp" },
    { op: "move", from: `/${id}/rrp`, path: `/${id}/price` },
  ]);
  const asked = structuredClone(operations);
  const patching = before.update(operations);
  for (const write of [creating, patching]) write.then(() => assert.fail("this page is gone"), () => {});
  stop();
  page.client.close();
  page.socket.disconnect();

  const items = open(line.url, t, { client: { storage } }).collection("wide").live();
  t.after(items.subscribe(() => {}));
  line.up();
  const now = await shows(items, ({ items: [lamp, tea], pending }) => pending === 0 && lamp?.rrp === 3 && tea?.price === 3);
  assert.deepEqual(now.items, [{ id: 1, name: "Lamp", rrp: 3 }, { id: 2, name: "Green tea", price: 3 }]);

  const making = items.create({ name: "Jam" });
  const { id: temporary } = items.getSnapshot().items[2] ?? assert.fail("the jam is not shown");
  const path = `/${temporary}/rrp`;
  const added = items.update([{ op: "add", path, value: 5 }]);
  assert.deepEqual([await making, await added], [{ id: 3, name: "Jam" }, [{ id: 3, name: "Jam", rrp: 5 }]]);
  assert.deepEqual(await items.update([{ op: "replace", path, value: 6 }]), [{ id: 3, name: "Jam", rrp: 6 }], "the temporary id still leads to the item");
  assert.deepEqual(operations, asked, "what was given is as it was");
});

test("a refused create takes with it what was to be done to its item, and nothing else", async (t) => {
  const { collection, socket, connected } = open(server.url, t);
  const items = collection("refused");
  for (const id of [1, 2]) await items.create({ id, name: "as it was" });
  socket.disconnect();
  const live = items.live();
  t.after(live.subscribe(() => {}));
  const other = collection("refused-too").live();
  const before = live.update(1, { before: true });
  const creating = live.create({ id: 1, name: "taken" });
  const gone = [
    live.update("1", { n: 1 }), live.replace({ id: 1, n: 2 }), live.update(1, [{ op: "add", path: "/n", value: 3 }]),
    live.update([{ op: "add", path: "/2/n", value: 4 }, { op: "add", path: "/1/n", value: 4 }]), live.update([{ op: "copy", from: "/1/name", path: "/2/n" }]), live.remove(1),
  ];
  const unnamed = live.create({ name: "without" });
  const done = [live.update(2, { n: 5 }), live.update([{ op: "add", path: "/2/m", value: 6 }]), other.replace({ id: 1, n: 7 })];
  for (const write of gone) write.catch(() => {});
  socket.connect();
  await connected();
  await before;
  await assert.rejects(creating, { code: "CONFLICT" });
  for (const write of gone) await assert.rejects(write, { code: "CONFLICT", message: /already/ });
  await unnamed;
  await Promise.all(done);
  const now = await shows(live, ({ pending, status }) => pending === 0 && status === "live");
  assert.deepEqual(now.items, [{ id: 1, name: "as it was", before: true }, { id: 2, name: "as it was", n: 5, m: 6 }, { id: 3, name: "without" }]);
  assert.deepEqual(await items.list(), now.items);
});

test("a write's time goes on over a reload", async (t) => {
  const text = () => storage.getItem("ackbase") ?? assert.fail("nothing is kept");
  const storage = storageOf();
  const page = open(server.url, t, { client: { storage }, socket: { autoConnect: false } });
  const before = page.collection("patience").live();
  const late = before.create({ n: 1 }, { timeout: 40 });
  const lateToo = before.create({ n: 2 }, { timeout: 40 });
  for (const write of [late, lateToo, before.create({ n: 3 }, { timeout: Infinity }), before.create({ n: 4 }, { timeout: 600_000 })]) write.catch(() => {});
  const kept = text();
  const copy = () => {
    const own = storageOf();
    own.setItem("ackbase", kept);
    return own;
  };
  /** @type {import("./session.mjs").Heard<unknown[]>} */
  const refused = new Heard();
  const onRefused = (/** @type {any} */ { code, message }, /** @type {{ body?: any }} */ { body }) => refused.add([code, /within (.*) ms/.exec(message)?.[1], body.n]);
  const reloaded = open(server.url, t, { client: { storage: copy(), onRefused }, socket: { autoConnect: false } });
  const shown = reloaded.collection("patience").live();
  assert.equal(shown.getSnapshot().pending, 4);
  assert.deepEqual(await refused.count(2), [["TIMEOUT", "40", 1], ["TIMEOUT", "40", 2]]);
  t.after(shown.subscribe(() => {}));
  assert.equal(shown.getSnapshot().pending, 2);
  for (const write of [late, lateToo]) await assert.rejects(write, { code: "TIMEOUT", message: /within 40 ms/ });

  // Their time was over before this page began: they are not sent, though there is a connection already.
  const connected = open(server.url, t);
  await connected.connected();
  const client = createClient(connected.socket, { storage: copy(), onRefused });
  t.after(() => client.close());
  const items = client.collection("patience").live();
  t.after(items.subscribe(() => {}));
  await shows(items, ({ pending, status }) => pending === 0 && status === "live");
  assert.deepEqual(refused.all.slice(2), [["TIMEOUT", "40", 1], ["TIMEOUT", "40", 2]]);

  // The pages before send them too, as soon as they can: that changes nothing, and none of them waits any longer.
  for (const [{ socket }, items] of /** @type {const} */ ([[page, before], [reloaded, shown]])) {
    socket.connect();
    await shows(items, ({ pending }) => pending === 0);
  }
  assert.deepEqual(await connected.collection("patience").list(), [{ id: 1, n: 3 }, { id: 2, n: 4 }]);
});

test("what is no write at all is refused as others are, and waits for nothing", async (t) => {
  const { collection, sent } = open(server.url, t, { socket: { autoConnect: false } });
  const items = /** @type {any} */ (collection("nothing"));
  const live = items.live();
  t.after(live.subscribe(() => {}));
  for (const through of [items, live]) {
    for (const write of [
      () => through.update(null), () => through.update(undefined), () => through.update(null, { n: 1 }), () => through.update({ n: 1 }), () => through.update(1), () => through.update(1, null), () => through.update(1, "n"),
      () => through.create(null), () => through.create(), () => through.create(5), () => through.create({ id: null }),
      () => through.replace(null), () => through.replace(), () => through.replace({ n: 1 }),
      () => through.remove(null), () => through.remove(), () => through.update(1, { n: 1 }, { ifMatch: undefined }),
    ]) {
      await assert.rejects(write(), { name: "AckbaseError", code: "BAD_REQUEST", status: 400 }, String(write));
    }
  }
  assert.equal(live.getSnapshot().pending, 0);
  assert.deepEqual(sent("PATCH"), []);
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

test("what is no queue in a storage is none", (t) => {
  for (const text of ["", "{", "null", "{}", '""', '"x"', "[1]", "[null]"]) {
    const storage = storageOf();
    storage.setItem("ackbase", text);
    const { collection } = open(server.url, t, { client: { storage }, socket: { autoConnect: false } });
    assert.equal(collection("storage").live().getSnapshot().pending, 0, text);
  }
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
