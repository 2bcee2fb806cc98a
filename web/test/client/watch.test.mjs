// What is watched over the real server: each change once and in order, whatever becomes of the connection.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { metaOf } from "../../client/ackbase.js";
import { dataFile, deadline, startServer } from "../contract/server.mjs";
import { openLine } from "./line.mjs";
import { Heard, open, shows } from "./session.mjs";

/** @type {import("../contract/server.mjs").Server} */
let server;
before(async () => (server = await startServer()));
after(() => server.stop());

/** @typedef {import("../../client/ackbase.js").Change} Change */

/** Handlers that put everything into one list, as "ADDED 1 0" (type, id, n, cause). */
function listener() {
  const heard = /** @type {Heard<string>} */ (new Heard());
  const tell = (/** @type {Change} */ { type, id, item, cause }) => heard.add([type, id, item.n, cause].filter((part) => part !== undefined).join(" "));
  return {
    heard,
    handlers: {
      onAdded: tell,
      onModified: tell,
      onDeleted: tell,
      onReset: (/** @type {any[] | undefined} */ items) => heard.add(`RESET ${items?.map(({ id, n }) => `${id}:${n}`)}`),
      onError: (/** @type {Error} */ error) => heard.add(String(error)),
    },
  };
}

test("a collection, an item and a filter", async (t) => {
  const { collection } = open(server.url, t);
  const items = collection("targets");
  const [all, one, big] = [listener(), listener(), listener()];
  items.watch(undefined, all.handlers);
  items.watch(1, one.handlers);
  items.watch({ filters: { n: { $gt: 5 } } }, big.handlers);
  const lamp = await items.create({ n: 1 });
  await items.create({ n: 9 });
  await items.update(1, { n: 6 });
  await items.update(1, { n: 2 });
  await items.remove(1);
  assert.deepEqual(await all.heard.count(5), ["ADDED 1 1", "ADDED 2 9", "MODIFIED 1 6", "MODIFIED 1 2", "DELETED 1 2"]);
  assert.deepEqual(await one.heard.count(4), ["ADDED 1 1", "MODIFIED 1 6", "MODIFIED 1 2", "DELETED 1 2"]);
  assert.deepEqual(await big.heard.count(3), ["ADDED 2 9", "ADDED 1 6 filter", "DELETED 1 6 filter"]);
  assert.ok(metaOf(lamp).rev);
});

test("the same target watched twice is one subscription; the last to leave ends it", async (t) => {
  const { collection, sent, socket } = open(server.url, t);
  const items = collection("twice");
  const [one, two, item] = [listener(), listener(), listener()];
  const leave = [
    items.watch({ filters: { a: 1, b: { $gt: 1, $lt: 9 } } }, one.handlers),
    items.watch({ filters: { b: { $lt: 9, $gt: 1 }, a: 1 } }, two.handlers),
  ];
  const leaveItem = [items.watch("7", item.handlers), items.watch(7, item.handlers)];
  await items.create({ id: 7, a: 1, b: 2, n: 0 });
  assert.deepEqual([await one.heard.count(1), await two.heard.count(1), await item.heard.count(2)], [["ADDED 7 0"], ["ADDED 7 0"], ["ADDED 7 0", "ADDED 7 0"]]);
  assert.equal(sent("SUBSCRIBE").length, 2);
  leave[0]?.();
  leave[0]?.();
  leaveItem[0]?.();
  await items.update(7, { n: 1 });
  await two.heard.count(2);
  assert.equal(one.heard.all.length, 1);
  assert.equal(sent("UNSUBSCRIBE").length, 0);
  leave[1]?.();
  leaveItem[1]?.();
  assert.equal(sent("UNSUBSCRIBE").length, 2);
  let events = 0;
  socket.on("MODIFIED", () => events++);
  await items.update(7, { n: 2 });
  const again = listener();
  items.watch(7, again.handlers);
  await items.update(7, { n: 3 });
  assert.deepEqual(await again.heard.count(1), ["MODIFIED 7 3"]);
  assert.equal(events, 1, "the server still tells what nobody watches");
});

test("filters that ask for nothing are no filters: who leaves takes nothing from the others", async (t) => {
  const { collection, sent } = open(server.url, t);
  const items = collection("everything");
  const [all, none] = [listener(), listener()];
  items.watch(null, all.handlers);
  const leave = items.watch({ filters: {} }, none.handlers);
  await items.create({ n: 0 });
  assert.deepEqual(await none.heard.count(1), ["ADDED 1 0"]);
  leave();
  await items.update(1, { n: 1 });
  assert.deepEqual(await all.heard.count(2), ["ADDED 1 0", "MODIFIED 1 1"]);
  assert.equal(sent("UNSUBSCRIBE").length, 0);
});

test("filters that match everything are others than none: who leaves takes nothing from the others", async (t) => {
  const { collection, socket } = open(server.url, t);
  const items = collection("whatever");
  const all = listener();
  items.watch(null, all.handlers);
  const filters = /** @type {import("../../client/ackbase.js").Filters[]} */ ([{ $and: [{}] }, { $or: [{}] }, { $not: { $not: {} } }]);
  const watchers = filters.map((one) => {
    const own = listener();
    return { ...own, leave: items.watch({ filters: one }, own.handlers) };
  });
  const live = items.live({ filters: filters[0] });
  t.after(live.subscribe(() => {}));
  await items.create({ n: 0 });
  await shows(live, ({ items: [first], status }) => first?.n === 0 && status === "live");
  for (const { heard } of watchers) assert.deepEqual(await heard.count(1), ["ADDED 1 0"]);
  for (const { leave } of watchers) leave();
  await items.update(1, { n: 1 });
  assert.deepEqual(await all.heard.count(2), ["ADDED 1 0", "MODIFIED 1 1"]);
  await shows(live, ({ items: [first] }) => first?.n === 1);
  for (const [i, held] of [true, false, false, false].entries()) {
    assert.equal(await socket.emitWithAck("UNSUBSCRIBE", "whatever", { filters: filters[i] ?? {} }), held || i === 3, JSON.stringify(filters[i]));
  }
});

test("filters that are changed later are still those that were asked for", async (t) => {
  const { collection, sent } = open(server.url, t);
  const items = collection("mutable");
  const filters = { n: 1 };
  const { heard, handlers } = listener();
  const leave = items.watch({ filters }, handlers);
  filters.n = 2;
  await items.create({ n: 1 });
  await items.create({ n: 2 });
  assert.deepEqual(await heard.count(1), ["ADDED 1 1"]);
  leave();
  assert.deepEqual(sent("UNSUBSCRIBE"), [["UNSUBSCRIBE", "mutable", null, { filters: { n: 1 } }]]);
});

test("what is not ended, because the server says not now or the connection breaks, is ended later", async (t) => {
  const slow = await startServer(["--request-rate", "2"]);
  t.after(() => slow.stop());
  const line = await openLine(slow.url, t);
  const reader = open(line.url, t);
  const items = reader.collection("left");
  /** Whether the server still has the subscription to an item, when it can say so. @param {number} id */
  const isHeld = async (id) => {
    for (;;) {
      const [held, error] = await new Promise((resolve) => reader.socket.emit("UNSUBSCRIBE", "left", id, (/** @type {unknown[]} */ ...answer) => resolve(answer)));
      if (!error) return held;
      await new Promise((resolve) => setTimeout(resolve, error.details.retryAfter));
    }
  };
  const { heard, handlers } = listener();
  const leave = [1, 2].map((id) => items.watch(id, handlers));
  await items.create({ id: 1, n: 0 });
  await heard.count(1);

  line.down();
  leave[1]?.();
  line.up();
  await new Promise((resolve) => reader.socket.once("connect", () => resolve(undefined)));
  assert.equal(reader.socket.recovered, true);
  assert.equal(await isHeld(2), false);
  assert.equal(await isHeld(3), false);

  const asked = reader.sent("UNSUBSCRIBE").length;
  let refused = false;
  while (!refused) refused = await items.get(1).then(() => false, ({ code }) => code === "RATE_LIMITED");
  leave[0]?.();
  while (reader.sent("UNSUBSCRIBE").length < asked + 2) {
    await Promise.race([new Promise((resolve) => reader.socket.onAnyOutgoing(resolve)), deadline("a second UNSUBSCRIBE")]);
  }
  assert.equal(await isHeld(1), false);
  reader.socket.disconnect();
});

test("who is ended by another that hears the same hears nothing more", async (t) => {
  const items = open(server.url, t).collection("ended");
  const two = listener();
  items.watch(null, { onAdded: () => leave() });
  const leave = items.watch(null, two.handlers);
  const three = listener();
  items.watch(null, three.handlers);
  await items.create({ n: 0 });
  assert.deepEqual(await three.heard.count(1), ["ADDED 1 0"]);
  assert.deepEqual(two.heard.all, []);
});

test("whatever is watched at once, and in whatever order: each hears each change once", async (t) => {
  const { collection } = open(server.url, t);
  const items = collection("mixed");
  await items.create({ n: 0 });
  const watchers = [1, null, 1, null].map((target) => ({ target, ...listener() }));
  const leaves = watchers.map(({ target, handlers }) => items.watch(target, handlers));
  await items.update(1, { n: 1 });
  await watchers[1]?.heard.count(1);
  leaves[1]?.();
  leaves[3]?.(); // the item's watchers hear by the collection's room until the server has done this
  const writing = [items.update(1, { n: 2 }), items.update(1, { n: 3 })];
  const late = listener();
  items.watch(null, late.handlers);
  await Promise.all(writing);
  await items.update(1, { n: 4 });
  for (const at of [0, 2]) assert.deepEqual(await watchers[at]?.heard.count(4), ["MODIFIED 1 1", "MODIFIED 1 2", "MODIFIED 1 3", "MODIFIED 1 4"]);
  assert.equal((await late.heard.count(1)).at(-1), "MODIFIED 1 4");
  assert.deepEqual(watchers[1]?.heard.all, ["MODIFIED 1 1"]);
});

test("a break of the connection loses and doubles nothing", async (t) => {
  const line = await openLine(server.url, t);
  const reader = open(line.url, t);
  const writer = open(server.url, t).collection("breaks");
  const [all, odd, first] = [listener(), listener(), listener()];
  reader.collection("breaks").watch(null, all.handlers);
  reader.collection("breaks").watch({ filters: { odd: true } }, odd.handlers);
  reader.collection("breaks").watch(1, first.handlers);
  await reader.collection("breaks").list();
  let n = 0;
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 10; i++, n++) {
      if (i === 3) line.cut();
      if (i === 7) reader.cut();
      await writer.replace({ id: 1, n, odd: n % 2 === 1 });
    }
    await reader.connected();
  }
  const told = (/** @type {number} */ at) => `${at ? "MODIFIED" : "ADDED"} 1 ${at}`;
  const expected = Array.from({ length: n }, (_, at) => told(at));
  assert.deepEqual(await all.heard.count(n), expected);
  assert.deepEqual(await first.heard.count(n), expected);
  assert.deepEqual(await odd.heard.count(n - 1), expected.slice(1).map((_, i) => (i % 2 ? `DELETED 1 ${i} filter` : `ADDED 1 ${i + 1} filter`)));
});

test("a connection that recovered is gone on with: nothing is asked, nothing is lost", async (t) => {
  const line = await openLine(server.url, t);
  const reader = open(line.url, t, { socket: { transports: ["websocket"] } });
  const items = reader.collection("recovered");
  const { heard, handlers } = listener();
  items.watch(null, handlers);
  const live = items.live({ sort: "n" });
  t.after(live.subscribe(() => {}));
  await items.create({ n: 1 });
  await shows(live, ({ status, items: { length } }) => status === "live" && length === 1);
  await heard.count(1);
  const asked = reader.sent("SUBSCRIBE").length;
  const reads = reader.sent("GET").length;
  line.down();
  await shows(live, ({ status }) => status === "offline");
  await open(server.url, t).collection("recovered").create({ n: 2 });
  line.up();
  assert.deepEqual(await heard.count(2), ["ADDED 1 1", "ADDED 2 2"]);
  await shows(live, ({ status, items: { length } }) => status === "live" && length === 2);
  assert.equal(reader.socket.recovered, true);
  assert.equal(reader.sent("SUBSCRIBE").length, asked);
  assert.equal(reader.sent("GET").length, reads);
});

test("a server that is killed and started again on its file", async (t) => {
  const data = dataFile();
  let own = await startServer(["--data", data]);
  const line = await openLine(own.url, t);
  const reader = open(line.url, t);
  const { heard, handlers } = listener();
  reader.collection("killed").watch(null, handlers);
  await reader.collection("killed").create({ n: 1 });
  await heard.count(1);
  line.down();
  await open(own.url, t).collection("killed").create({ n: 2 });
  await own.kill();
  own = await startServer(["--data", data]);
  line.up(own.url);
  await reader.collection("killed").create({ n: 3 });
  assert.deepEqual(await heard.count(3), ["ADDED 1 1", "ADDED 2 2", "ADDED 3 3"]);
  await own.kill();
});

test("where the past is gone, it begins anew with a snapshot and says so", async (t) => {
  const [one, other] = [await startServer(), await startServer(["--max-snapshot", "2"])];
  const line = await openLine(one.url, t);
  const reader = open(line.url, t);
  const { heard, handlers } = listener();
  const small = listener();
  const items = reader.collection("gone");
  items.watch(null, handlers);
  items.watch({ filters: { n: 2 } }, small.handlers);
  await items.create({ n: 1 });
  await heard.count(1);
  const elsewhere = open(other.url, t).collection("gone");
  for (const n of [1, 2, 3]) await elsewhere.create({ n });
  line.down();
  line.up(other.url);
  await heard.count(2);
  await small.heard.count(1);
  await items.create({ n: 4 });
  await items.create({ n: 2 });
  assert.deepEqual(await heard.count(4), ["ADDED 1 1", "RESET undefined", "ADDED 4 4", "ADDED 5 2"], "three items are too many for this server's snapshot");
  assert.deepEqual(await small.heard.count(2), ["RESET 2:2", "ADDED 5 2"]);
  reader.socket.disconnect();
  await one.stop();
  await other.stop();
});

test("a break while it begins anew: the items are told after it", async (t) => {
  const [one, other] = [await startServer(), await startServer()];
  const line = await openLine(one.url, t);
  const reader = open(line.url, t);
  const { heard, handlers } = listener();
  reader.collection("gone").watch(null, handlers);
  await reader.collection("gone").create({ n: 1 });
  await heard.count(1);
  for (const n of [7, 8]) await open(other.url, t).collection("gone").create({ n });
  let snapshots = 0;
  reader.socket.onAnyOutgoing((verb, _collection, _id, options) => {
    if (verb === "SUBSCRIBE" && options.snapshot && ++snapshots === 1) queueMicrotask(reader.cut);
  });
  line.down();
  line.up(other.url);
  assert.deepEqual(await heard.count(2), ["ADDED 1 1", "RESET 1:7,2:8"]);
  assert.equal(snapshots, 2);
  await reader.collection("gone").create({ n: 9 });
  assert.deepEqual((await heard.count(3)).at(-1), "ADDED 3 9");
  reader.socket.disconnect();
  await one.stop();
  await other.stop();
});

test("what cannot be watched is said", async (t) => {
  const { collection } = open(server.url, t);
  const { heard, handlers } = listener();
  const leave = collection("faults").watch({ filters: { n: /** @type {any} */ ({ $near: 1 }) } }, handlers);
  assert.match((await heard.count(1))[0] ?? "", /AckbaseError: unknown operator/);
  leave();
});
