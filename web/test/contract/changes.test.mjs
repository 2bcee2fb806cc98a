/**
 * What subscribers hear: rooms, the members of a change, filters that items enter and leave, snapshots, patches, and
 * each change once.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import jsonpatch from "fast-json-patch";

import { call, Changes, connect, disconnectAll, ok, ways } from "./client.mjs";
import { startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
before(async () => (server = await startServer()));
after(() => server.stop());
afterEach(disconnectAll);

let collections = 0;
const fresh = () => `c${collections++}`;

for (const way of ways) {
  describe(way.name, () => {
    test("ADDED, MODIFIED and DELETED with all members of a change", async () => {
      const [writer, reader] = [await connect(server.url), await connect(server.url, way)];
      const changes = new Changes(reader);
      const c = fresh();
      const room = (await call(reader, "SUBSCRIBE", c)).meta.room;

      const began = Date.now();
      const posted = await call(writer, "POST", c, { n: 1 }, { reason: "the first" });
      const added = await changes.next();
      assert.deepEqual({ ...added, time: "" }, {
        type: "ADDED", room, collection: c, id: 1, rev: posted.meta.rev, cursor: posted.meta.cursor, time: "", reason: "the first", item: { id: 1, n: 1 },
      });
      assert.match(added.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.ok(Math.abs(Date.parse(added.time) - began) < 60_000, added.time);

      const patched = await call(writer, "PATCH", c, { id: 1, n: 2 });
      const modified = await changes.next();
      assert.deepEqual({ ...modified, time: "" }, {
        type: "MODIFIED", room, collection: c, id: 1, rev: patched.meta.rev, prev: posted.meta.rev, cursor: patched.meta.cursor, time: "", item: { id: 1, n: 2 },
      });

      const gone = await call(writer, "DELETE", c, 1, { reason: "sold out" });
      const deleted = await changes.next();
      assert.deepEqual({ ...deleted, time: "", rev: "" }, {
        type: "DELETED", room, collection: c, id: 1, rev: "", prev: patched.meta.rev, cursor: gone.meta.cursor, time: "", reason: "sold out", item: { id: 1, n: 2 },
      });
      assert.ok(deleted.rev && deleted.rev !== deleted.prev);
    });

    test("an item's room, and the collection's that wins over it", async () => {
      const [writer, reader] = [await connect(server.url), await connect(server.url, way)];
      const changes = new Changes(reader);
      const c = fresh();
      await ok(writer, "POST", c, { n: 1 });
      await ok(writer, "POST", c, { n: 1 });
      await ok(reader, "SUBSCRIBE", c, 1);
      await ok(reader, "SUBSCRIBE", c, "x");
      await ok(writer, "PATCH", c, { id: 2, n: 2 });
      await ok(writer, "PUT", c, { id: "x", n: 1 });
      await ok(writer, "PATCH", c, { id: 1, n: 2 });
      assert.deepEqual((await changes.take(2)).map(({ room, type, id }) => [room, type, id]), [[`${c}/x`, "ADDED", "x"], [`${c}/1`, "MODIFIED", 1]]);

      await ok(reader, "SUBSCRIBE", c);
      await ok(writer, "PATCH", c, { id: 1, n: 3 });
      await ok(writer, "PATCH", c, { id: 2, n: 3 });
      assert.deepEqual((await changes.take(2)).map(({ room, id }) => [room, id]), [[c, 1], [c, 2]], "once, and by the collection's room");

      await ok(reader, "UNSUBSCRIBE", c);
      await ok(writer, "PATCH", c, { id: 2, n: 4 });
      const next = await changes.nothingBefore(() => ok(writer, "PATCH", c, { id: 1, n: 4 }));
      assert.deepEqual([next.room, next.id, next.item.n], [`${c}/1`, 1, 4]);
    });

    test("items enter and leave a filter", async () => {
      const [writer, reader] = [await connect(server.url), await connect(server.url, way)];
      const changes = new Changes(reader);
      const c = fresh();
      const { room } = (await call(reader, "SUBSCRIBE", c, null, { filters: { price: { $gt: 10 } } })).meta;
      await ok(writer, "POST", c, { price: 5 }); // not in it
      await ok(writer, "POST", c, { price: 20 }); // written into it
      await ok(writer, "PATCH", c, { id: 1, price: 6 }); // stays out
      await ok(writer, "PATCH", c, { id: 1, price: 11 }); // enters
      await ok(writer, "PATCH", c, { id: 1, price: 12 }); // stays in
      await ok(writer, "PATCH", c, { id: 1, price: 1 }); // leaves
      await ok(writer, "DELETE", c, 1); // was out
      await ok(writer, "DELETE", c, 2); // was in
      const heard = await changes.take(5);
      assert.deepEqual(
        heard.map(({ type, id, cause, item }) => [type, id, cause, item.price]),
        [["ADDED", 2, undefined, 20], ["ADDED", 1, "filter", 11], ["MODIFIED", 1, undefined, 12], ["DELETED", 1, "filter", 12], ["DELETED", 2, undefined, 20]],
      );
      for (const change of heard) assert.equal(change.room, room);
    });

    test("each filtered subscription is a stream of its own", async () => {
      const [writer, reader] = [await connect(server.url), await connect(server.url, way)];
      const changes = new Changes(reader);
      const c = fresh();
      const rooms = [
        (await call(reader, "SUBSCRIBE", c)).meta.room,
        (await call(reader, "SUBSCRIBE", c, null, { filters: { n: { $gte: 1 } } })).meta.room,
        (await call(reader, "SUBSCRIBE", c, null, { filters: { n: { $gte: 2 } } })).meta.room,
      ];
      await ok(writer, "POST", c, { n: 1 });
      await ok(writer, "POST", c, { n: 2 });
      const heard = await changes.take(5);
      assert.deepEqual(heard.filter(({ id }) => id === 1).map(({ room }) => room).sort(), rooms.slice(0, 2).sort());
      assert.deepEqual(heard.filter(({ id }) => id === 2).map(({ room }) => room).sort(), [...rooms].sort());
      assert.deepEqual(heard.map(({ id }) => id), [1, 1, 2, 2, 2], "all of one change before the next");
    });

    test("a snapshot and what follows it make the present state", async () => {
      const [writer, reader] = [await connect(server.url), await connect(server.url, way)];
      const changes = new Changes(reader);
      const c = fresh();
      for (let n = 0; n < 30; n++) await ok(writer, "POST", c, { n });
      const writes = [];
      for (let n = 0; n < 200; n++) {
        writes.push(n % 7 === 3 ? call(writer, "DELETE", c, n % 30) : call(writer, "PUT", c, { id: (n % 40) + 1, n: n + 100 }));
      }
      const { result } = await call(reader, "SUBSCRIBE", c, null, { snapshot: true });
      writes.push(call(writer, "PUT", c, { id: "last", n: -1 }));
      await Promise.all(writes);
      const state = new Map(result.items.map((/** @type {any} */ item) => [item.id, item]));
      for (;;) {
        const change = await changes.next();
        if (change.type === "ADDED") assert.ok(!state.has(change.id), `ADDED ${change.id}, which is there already`);
        else assert.ok(state.has(change.id), `${change.type} ${change.id}, which is not there`);
        if (change.type === "DELETED") state.delete(change.id);
        else state.set(change.id, change.item);
        if (change.id === "last") break;
      }
      const now = await ok(writer, "GET", c, { limit: 1000 });
      assert.deepEqual(new Map(now.map((/** @type {any} */ item) => [item.id, item])), state);
    });

    test("a snapshot by filter, and of one item", async () => {
      const [writer, reader] = [await connect(server.url), await connect(server.url, way)];
      const c = fresh();
      for (let n = 1; n <= 5; n++) await ok(writer, "POST", c, { n });
      const filtered = await ok(reader, "SUBSCRIBE", c, null, { filters: { n: { $gt: 3 } }, snapshot: true });
      assert.deepEqual(filtered.items, [{ id: 4, n: 4 }, { id: 5, n: 5 }]);
      assert.deepEqual((await ok(reader, "SUBSCRIBE", c, 2, { snapshot: true })).items, [{ id: 2, n: 2 }]);
      assert.deepEqual((await ok(reader, "SUBSCRIBE", c, 99, { snapshot: true })).items, []);
    });

    test("patches, applied in turn, make the present state", async () => {
      const [writer, reader] = [await connect(server.url), await connect(server.url, way)];
      const changes = new Changes(reader);
      const c = fresh();
      await ok(reader, "SUBSCRIBE", c, null, { patch: true });
      const documents = [
        { a: 1, list: [1, 2, 3], deep: { x: { y: "z" } }, "sl/ash~": 1 },
        { a: "text", list: [3, 2, 1, { n: null }], deep: { x: {} } },
        { list: [], deep: null, b: [[1], [2, [3]]] },
        { list: [0, 1, 2, 3, 4, 5], "": "empty name", "sl/ash~": { "a/b": 1 } },
        {},
      ];
      for (const document of documents) await ok(writer, "PUT", c, 1, document);
      await ok(writer, "DELETE", c, 1);
      /** @type {any} */
      let state = (await changes.next()).item;
      let rev;
      for (let i = 1; i < documents.length; i++) {
        const change = await changes.next();
        assert.equal(change.type, "MODIFIED");
        assert.equal(change.item, undefined, "patch comes instead of item");
        assert.ok(rev === undefined || change.prev === rev);
        rev = change.rev;
        assert.ok(change.patch.every((/** @type {any} */ op) => op.path !== ""), "no patch has the root path");
        jsonpatch.applyPatch(state, change.patch, true);
        assert.deepEqual(state, { id: 1, ...documents[i] });
      }
      const deleted = await changes.next();
      assert.deepEqual([deleted.type, deleted.item], ["DELETED", { id: 1 }]);
    });

    test("a write's answer comes before its event on the same socket", async () => {
      const socket = await connect(server.url, way);
      const c = fresh();
      await ok(socket, "SUBSCRIBE", c);
      /** @type {string[]} */
      const heard = [];
      const done = new Promise((resolve) => {
        const note = (/** @type {string} */ what) => heard.push(what) === 400 && resolve(undefined);
        for (const type of ["ADDED", "MODIFIED"]) socket.on(type, ({ item }) => note(`event ${item.n}`));
        for (let n = 0; n < 200; n++) socket.emit("PUT", c, { id: (n % 3) + 1, n }, (/** @type {any} */ item) => note(`answer ${item.n}`));
      });
      await done;
      for (let n = 0; n < 200; n++) {
        assert.ok(heard.indexOf(`answer ${n}`) >= 0 && heard.indexOf(`answer ${n}`) < heard.indexOf(`event ${n}`), `write ${n}: ${heard.slice(0, 20)}`);
      }
      assert.deepEqual(heard.filter((what) => what.startsWith("event")), Array.from({ length: 200 }, (_, n) => `event ${n}`));
    });

    test("a patch over the collection is one event for each item", async () => {
      const [writer, reader] = [await connect(server.url), await connect(server.url, way)];
      const changes = new Changes(reader);
      const c = fresh();
      for (let n = 1; n <= 3; n++) await ok(writer, "POST", c, { n });
      await ok(reader, "SUBSCRIBE", c);
      await ok(writer, "PATCH", c, [
        { op: "replace", path: "/3/n", value: 30 },
        { op: "remove", path: "/2" },
        { op: "replace", path: "/3/n", value: 31 },
        { op: "add", path: "/new", value: { n: 4 } },
      ]);
      const heard = await changes.take(3);
      assert.deepEqual(new Set(heard.map(({ type, id, item }) => `${type} ${id} ${item.n}`)), new Set(["MODIFIED 3 31", "DELETED 2 2", "ADDED new 4"]));
      await changes.nothingBefore(() => ok(writer, "PATCH", c, { id: 1, n: 10 }));
    });

    test("subscribing again, and to what one has, changes nothing", async () => {
      const [writer, reader] = [await connect(server.url), await connect(server.url, way)];
      const changes = new Changes(reader);
      const c = fresh();
      for (let i = 0; i < 3; i++) {
        const { result, meta } = await call(reader, "SUBSCRIBE", c);
        assert.deepEqual([typeof result.cursor, meta.room], ["string", c]);
      }
      const snapshot = await ok(reader, "SUBSCRIBE", c, null, { snapshot: true });
      assert.deepEqual(snapshot.items, []);
      const change = await changes.nothingBefore(() => ok(writer, "POST", c, {}));
      assert.equal(change.id, 1);
      assert.equal(await ok(reader, "UNSUBSCRIBE", c), true);
      assert.equal(await ok(reader, "UNSUBSCRIBE", c), false);
    });
  });
}

test("a subscription ends with its socket, and another socket of the same page has its own", async () => {
  const writer = await connect(server.url);
  const c = fresh();
  const first = await connect(server.url);
  const heardByFirst = new Changes(first);
  await ok(first, "SUBSCRIBE", c);
  first.disconnect().connect();
  await new Promise((resolve) => first.once("connect", () => resolve(undefined)));
  const second = await connect(server.url);
  const heardBySecond = new Changes(second);
  await ok(second, "SUBSCRIBE", c);
  await ok(writer, "POST", c, {});
  await heardBySecond.next();
  await ok(first, "GET", c, 1); // an answer after the event would have been sent
  assert.equal(heardByFirst.all.length, 0);
});
