// Live queries over the real server: what they show, and what they ask the server for it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { writable } from "svelte/store";
import { liveOf } from "../../client/svelte.js";
import { dataFile, deadline, startServer } from "../contract/server.mjs";
import { openLine } from "./line.mjs";
import { Heard, open, shows } from "./session.mjs";

/** @type {import("../contract/server.mjs").Server} */
let server;
before(async () => (server = await startServer()));
after(() => server.stop());

/** @typedef {import("../../client/ackbase.js").Snapshot} Snapshot */

const ids = (/** @type {Snapshot} */ { items }) => items.map(({ id }) => id).join();
const ns = (/** @type {Snapshot} */ { items }) => items.map(({ n }) => n).join();

/** Keeps a live query on, and all that it shows. @param {import("node:test").TestContext} t @param {import("../../client/ackbase.js").Live<any>} live */
function follow(t, live) {
  /** @type {Snapshot[]} */
  const seen = [];
  t.after(live.subscribe((snapshot) => seen.push(snapshot)));
  return seen;
}

test("what others write is shown; what stays the same is the same object", async (t) => {
  const { collection } = open(server.url, t);
  const writer = open(server.url, t).collection("shown");
  for (const n of [3, 1, 2]) await writer.create({ n, deep: { list: [n] } });
  const live = collection("shown").live({ sort: "n" });
  assert.deepEqual(live.getSnapshot(), { items: [], status: "connecting", error: undefined, total: undefined, pending: 0 });
  const seen = follow(t, live);
  assert.equal(seen[0], live.getSnapshot(), "a subscriber is called at once");
  const first = await shows(live, ({ status }) => status === "live");
  assert.equal(ns(first), "1,2,3");
  assert.equal(first.total, 3);
  assert.equal(live.status, "live");

  await writer.update(3, { n: 2.5 });
  const second = await shows(live, (snapshot) => ns(snapshot) === "1,2.5,3");
  assert.equal(second.items[0], first.items[0]);
  assert.equal(second.items[2], first.items[2]);
  assert.notEqual(second.items, first.items);
  live.reload();
  await writer.remove(2);
  const third = await shows(live, (snapshot) => ns(snapshot) === "2.5,3");
  assert.equal(third.items[0], second.items[1], "what was read again is the same object where it is the same");
  assert.equal(third.total, 2);
  const count = seen.length;
  live.reload();
  await collection("shown").list();
  await collection("shown").list();
  assert.equal(seen.length, count, "nothing new, nobody is called");
});

test("filters, fields and the whole result: no page is read again", async (t) => {
  const { collection, sent } = open(server.url, t);
  const writer = open(server.url, t).collection("filtered");
  const live = collection("filtered").live({ filters: { n: { $gte: 2 } }, sort: "-n" });
  follow(t, live);
  await shows(live, ({ status }) => status === "live");
  for (const n of [1, 2, 3]) await writer.create({ n, name: "x" });
  await writer.update(1, { n: 9 });
  await writer.update(2, { n: 0 });
  await writer.replace({ id: 4, n: 5, name: "y" });
  const snapshot = await shows(live, (now) => ns(now) === "9,5,3");
  assert.deepEqual(snapshot.items, [{ id: 1, n: 9, name: "x" }, { id: 4, n: 5, name: "y" }, { id: 3, n: 3, name: "x" }]);
  assert.equal(snapshot.total, 3);
  assert.equal(sent("GET").length, 1);
  assert.equal(sent("SUBSCRIBE").length, 1);
});

test("a page of many: what goes over its borders is read again, what does not is not", async (t) => {
  const { collection, sent } = open(server.url, t);
  const writer = open(server.url, t).collection("paged");
  for (let n = 0; n < 20; n++) await writer.create({ n, name: "x" });
  const items = collection("paged");
  const [one, two, tail] = [items.live({ sort: "n", limit: 5 }), items.live({ sort: "n", limit: 5, page: 2 }), items.live({ sort: "-n", limit: 5, total: false })];
  for (const live of [one, two, tail]) {
    follow(t, live);
    await shows(live, ({ status }) => status === "live");
  }
  assert.equal(sent("SUBSCRIBE").length, 1, "they share a subscription");
  const reads = sent("GET").length;
  await writer.update(3, { name: "y" });
  await shows(one, ({ items: [, , third] }) => third?.name === "y");
  assert.equal(sent("GET").length, reads);

  await writer.remove(2); // n: 1
  await shows(one, (now) => ns(now) === "0,2,3,4,5" && now.total === 19);
  await shows(two, (now) => ns(now) === "6,7,8,9,10" && now.total === 19);
  await writer.create({ id: "first", n: -1 });
  await shows(one, (now) => ns(now) === "-1,0,2,3,4" && now.total === 20);
  await shows(two, (now) => ns(now) === "5,6,7,8,9");
  await writer.update("first", { n: 100 });
  await shows(one, (now) => ns(now) === "0,2,3,4,5");
  await shows(two, (now) => ns(now) === "6,7,8,9,10");
  await shows(tail, (now) => ns(now) === "100,19,18,17,16" && now.total === undefined);
  await writer.update(20, { n: 0.5 });
  await shows(one, (now) => ns(now) === "0,0.5,2,3,4");
  await shows(two, (now) => ns(now) === "5,6,7,8,9");
  await shows(tail, (now) => ns(now) === "100,18,17,16,15");
});

test("own writes show at once, and are taken back where they are refused", async (t) => {
  const items = open(server.url, t).collection("optimistic");
  const live = items.live({ sort: "n", filters: { hidden: { $ne: true } } });
  const seen = follow(t, live);
  await shows(live, ({ status }) => status === "live");
  seen.length = 0;

  const creating = live.create({ n: 2, name: "two" });
  assert.equal(ns(live.getSnapshot()), "2");
  assert.equal(live.getSnapshot().pending, 1);
  assert.equal(live.getSnapshot().total, 1);
  const temporary = live.getSnapshot().items[0]?.id ?? assert.fail("it is not shown");
  const updating = live.update(temporary, { name: "zwei" });
  assert.equal(live.getSnapshot().items[0]?.name, "zwei");
  assert.deepEqual(await creating, { id: 1, n: 2, name: "two" });
  assert.deepEqual(await updating, { id: 1, n: 2, name: "zwei" });
  const replacing = live.replace({ id: 1, n: 3 });
  assert.deepEqual(live.getSnapshot().items, [{ id: 1, n: 3 }]);
  await replacing;
  const patching = live.update(1, [{ op: "add", path: "/list", value: [1] }]);
  assert.deepEqual(live.getSnapshot().items, [{ id: 1, n: 3, list: [1] }]);
  await patching;

  const refused = live.create({ id: 1, n: 99 });
  assert.equal(ns(live.getSnapshot()), "99");
  await assert.rejects(refused, { code: "CONFLICT" });
  assert.equal(ns(live.getSnapshot()), "3");
  const wrong = live.update(1, { n: 50 }, { ifMatch: "*" });
  const late = live.update(1, { n: 51 }, { ifMatch: null });
  await wrong;
  await assert.rejects(late, { code: "PRECONDITION_FAILED" });
  assert.equal(ns(live.getSnapshot()), "50");
  await assert.rejects(live.update(404, { n: 1 }), { code: "NOT_FOUND" });
  await assert.rejects(live.remove(/** @type {any} */ (undefined)), { code: "BAD_REQUEST" });

  const hiding = live.update(1, { hidden: true });
  assert.equal(ns(live.getSnapshot()), "");
  await hiding;
  await live.update(1, { hidden: false });
  const removing = live.remove("1");
  assert.equal(ns(live.getSnapshot()), "");
  assert.equal(await removing, true);
  assert.equal(await live.remove(1), false);
  const last = await shows(live, ({ pending }) => pending === 0);
  assert.deepEqual([last.items, last.total], [[], 0]);
  assert.ok(seen.every(({ status }) => status === "live"));
});

test("what was refused takes with it what was to be done to it", async (t) => {
  const items = open(server.url, t).collection("cascade");
  const live = items.live();
  follow(t, live);
  await shows(live, ({ status }) => status === "live");
  const creating = live.create({ "": "x", bad: /** @type {any} */ (JSON.parse('{"__proto__": 1}')) });
  const { id } = live.getSnapshot().items[0] ?? assert.fail("it is not shown");
  const updating = live.update(id, { n: 1 });
  const replacing = live.replace({ id, n: 2 });
  await assert.rejects(creating, { code: "BAD_REQUEST" });
  await assert.rejects(updating, { code: "BAD_REQUEST" });
  await assert.rejects(replacing, { code: "BAD_REQUEST" });
  assert.deepEqual(live.getSnapshot().items, []);
  assert.deepEqual(await items.list(), []);
});

test("own writes never flicker: neither before their answer, nor between it and the change", async (t) => {
  for (const transports of [["websocket"], ["polling"]]) {
    const { collection } = open(server.url, t, { socket: { transports } });
    const name = `steady-${transports}`;
    const live = collection(name).live({ limit: 3 });
    for (let n = 0; n < 9; n++) await collection(name).create({ n: 0 });
    const seen = follow(t, live);
    await shows(live, ({ status }) => status === "live");
    seen.length = 0;
    const others = open(server.url, t).collection(name);
    for (let n = 1; n <= 40; n++) {
      const writing = live.update(1, { n });
      if (n % 4 === 0) await writing;
      if (n % 5 === 0) await others.update(2, { n });
    }
    await shows(live, ({ pending }) => pending === 0);
    const shown = seen.map(({ items }) => items[0].n);
    assert.deepEqual(shown, [...shown].sort((a, b) => a - b), "an older value was shown after a newer one");
    assert.equal(shown.at(-1), 40);

    seen.length = 0;
    for (let n = 0; n < 10; n++) await live.remove(n + 1);
    const left = seen.map((snapshot) => snapshot.items.map(({ id }) => id));
    for (const [i, now] of left.entries()) for (const id of left[i - 1] ?? []) assert.ok(now.includes(id) || !left.slice(i).flat().includes(id), `${id} came back: ${left.join(" | ")}`);
  }
});

test("a create whose change comes before its answer shows once", async (t) => {
  const line = await openLine(server.url, t);
  const { collection, connected, socket } = open(line.url, t, { socket: { transports: ["websocket"] } });
  const live = collection("once").live();
  const seen = follow(t, live);
  await shows(live, ({ status }) => status === "live");
  const witness = open(server.url, t).collection("once");
  const heard = new Promise((resolve) => witness.watch(null, { onAdded: resolve }));
  await Promise.all([witness.list(), connected()]);
  line.mute();
  const creating = live.create({ name: "Lamp" });
  await Promise.race([heard, deadline("the change")]);
  line.cut();
  assert.deepEqual(await creating, { id: 1, name: "Lamp" });
  await shows(live, ({ status, pending }) => status === "live" && !pending);
  assert.deepEqual(live.getSnapshot().items, [{ id: 1, name: "Lamp" }]);
  assert.ok(seen.every(({ items }) => items.length < 2), JSON.stringify(seen.map(({ items }) => items)));
  assert.equal(socket.connected, true);
});

test("its state: connecting, live, offline, stale, live again; error", async (t) => {
  const line = await openLine(server.url, t);
  line.down();
  const { collection } = open(line.url, t);
  const writer = open(server.url, t).collection("states");
  const live = collection("states").live();
  const seen = follow(t, live);
  assert.equal(live.status, "connecting");
  await shows(live, ({ status }) => status === "offline");
  line.up();
  await shows(live, ({ status }) => status === "live");
  line.down();
  await shows(live, ({ status }) => status === "offline");
  await writer.create({ n: 1 });
  line.up();
  const back = await shows(live, ({ status, items }) => status === "live" && items.length === 1);
  assert.equal(ns(back), "1");
  const states = seen.map(({ status }) => status).filter((status, i, all) => status !== all[i - 1]);
  assert.deepEqual(states.filter((status) => status !== "stale"), ["connecting", "offline", "connecting", "live", "offline", "live"]);

  const wrong = collection("states").live({ sort: "n,n" });
  follow(t, wrong);
  const { error } = await shows(wrong, ({ status }) => status === "error");
  assert.equal(error?.code, "BAD_REQUEST");
  for (const query of /** @type {any[]} */ ([{ filters: { n: { $near: 1 } } }, { filters: { $or: "n" } }, { filters: { n: { $in: 1 } } }, { sort: 5 }, { limit: 0 }])) {
    const unknown = collection("states").live(query);
    follow(t, unknown);
    await shows(unknown, ({ status, error: why }) => status === "error" && why?.code === "BAD_REQUEST");
  }
});

test("who throws keeps nobody else from hearing", async (t) => {
  const thrown = /** @type {unknown[]} */ ([]);
  const items = open(server.url, t).collection("throwing");
  const [live, other] = [items.live(), items.live({ sort: "n" })];
  const fault = new Error("a fault of the page");
  t.mock.method(Promise, "reject", (/** @type {unknown} */ error) => thrown.push(error));
  let armed = false;
  t.after(live.subscribe(() => {
    if (armed) throw fault;
  }));
  follow(t, other);
  await shows(other, ({ status }) => status === "live");
  items.watch(null, {
    onAdded() {
      throw fault;
    },
  });
  armed = true;
  await items.create({ n: 1 });
  await shows(other, (now) => ns(now) === "1");
  armed = false;
  await shows(live, (now) => ns(now) === "1");
  assert.ok(thrown.length >= 2 && thrown.every((one) => one === fault), `${thrown}`);
});

test("who writes while it is told leaves nobody with what was before", async (t) => {
  const { collection, socket } = open(server.url, t);
  const live = collection("nested").live();
  /** @type {unknown} */
  let last;
  t.after(live.subscribe(({ items }) => {
    if (items.length === 1) live.create({ n: 2 }).catch(() => {});
  }));
  t.after(live.subscribe((snapshot) => (last = snapshot)));
  await shows(live, ({ status }) => status === "live");
  socket.disconnect(); // nothing but the writes is told from here on
  await shows(live, ({ status }) => status === "offline");
  live.create({ n: 1 }).catch(() => {});
  assert.equal(ns(live.getSnapshot()), "1,2");
  assert.equal(last, live.getSnapshot());
});

test("it is off while nobody subscribes, and goes on where somebody does again", async (t) => {
  const { collection, sent, socket } = open(server.url, t);
  const items = collection("off");
  const live = items.live({ filters: { n: { $gt: 0 } } });
  await items.create({ n: 1 });
  const stop = live.subscribe(() => {});
  await shows(live, ({ status }) => status === "live");
  stop();
  stop();
  assert.equal(sent("UNSUBSCRIBE").length, 1);
  await items.create({ n: 2 });
  assert.equal(ns(live.getSnapshot()), "1");
  assert.equal(live.status, "stale");
  /** @type {Snapshot[]} */
  const seen = [];
  t.after(live.subscribe((now) => seen.push(now)));
  assert.equal(ns(/** @type {Snapshot} */ (seen[0])), "1", "what it knew last is shown meanwhile");
  await shows(live, (now) => ns(now) === "1,2" && now.status === "live");
  assert.ok(socket.connected);
});

test("a query that is changed later, in place, is another one only for who is told of it", async (t) => {
  const { collection, sent } = open(server.url, t);
  const items = collection("in-place");
  for (const n of [1, 2]) await items.create({ n });
  const query = { filters: { n: 1 }, sort: "n" };
  const live = items.live(query);
  const store = writable(query);
  const list = liveOf(items, store);
  const seen = /** @type {import("./session.mjs").Heard<string>} */ (new Heard());
  const stop = list.subscribe(({ items: shown, status }) => status === "live" && seen.add(shown.map(({ n }) => n).join()));
  assert.equal((await seen.count(1)).at(-1), "1");
  store.update((now) => {
    now.filters.n = 2;
    return now;
  });
  assert.equal((await seen.count(2)).at(-1), "2");
  const leave = live.subscribe(() => {});
  await shows(live, (now) => ns(now) === "1" && now.status === "live");
  leave();
  stop();
  const filters = [{ n: 1 }, { n: 2 }];
  assert.deepEqual(sent("SUBSCRIBE").map(([, , , options]) => options.filters), [{ n: 1 }, { n: 2 }, { n: 1 }]);
  assert.deepEqual(sent("UNSUBSCRIBE").map(([, , , options]) => options.filters), [{ n: 1 }, { n: 1 }, { n: 2 }]);
  await items.list();
  for (const one of filters) assert.equal(await collection("in-place").list({ filters: one }).then(({ length }) => length), 1);
});

test("another database behind the same address", async (t) => {
  const [one, other] = [await startServer(["--data", dataFile()]), await startServer(["--data", dataFile()])];
  const line = await openLine(one.url, t);
  const { collection, socket } = open(line.url, t);
  const all = collection("moved").live();
  const page = collection("moved").live({ limit: 2, sort: "-n" });
  for (const live of [all, page]) follow(t, live);
  for (const n of [1, 2, 3]) await collection("moved").create({ n });
  await shows(all, (now) => ns(now) === "1,2,3");
  await shows(page, (now) => ns(now) === "3,2" && now.total === 3);
  for (const n of [7, 8]) await open(other.url, t).collection("moved").create({ n });
  line.down();
  line.up(other.url);
  await shows(all, (now) => ns(now) === "7,8" && now.status === "live");
  await shows(page, (now) => ns(now) === "8,7" && now.total === 2 && now.status === "live");
  assert.equal(ids(all.getSnapshot()), "1,2");
  socket.disconnect();
  await one.stop();
  await other.stop();
});
