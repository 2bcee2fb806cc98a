/**
 * Lists: pages, order, filters, fields, and the same answers with an index and without.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { call, connect, disconnectAll, ok, ways } from "./client.mjs";
import { startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
before(async () => {
  server = await startServer(["--seed", "catalogue:2000", "--index", "items.category+rrp", "--index", "items.stock"]);
});
after(() => server.stop());
afterEach(disconnectAll);

/** Values of every kind, one each; ids 1 to 13. The order of kinds is theirs. */
const kinds = [
  {}, { v: null }, { v: false }, { v: true }, { v: -5 }, { v: 0 }, { v: 9.5 }, { v: 10 }, { v: "" }, { v: "10" }, { v: "b" }, { v: [1, "x"] }, { v: { w: 1 } },
];

/** @param {import("./client.mjs").Socket} socket @param {string} c */
async function fill(socket, c) {
  await Promise.all(kinds.map((item) => ok(socket, "POST", c, item)));
}

for (const way of ways) {
  describe(way.name, () => {
    test("pages by number and by key", async () => {
      const socket = await connect(server.url, way);
      const first = await call(socket, "GET", "items", { limit: 300, sort: "name" });
      assert.deepEqual([first.meta.total, first.meta.page, first.meta.pages, first.meta.limit], [2000, 1, 7, 300]);
      const names = first.result.map((/** @type {any} */ i) => i.name);
      for (let page = 2; page <= 8; page++) {
        const next = await call(socket, "GET", "items", { limit: 300, sort: "name", page });
        assert.equal(next.result.length, page < 7 ? 300 : page === 7 ? 200 : 0);
        names.push(...next.result.map((/** @type {any} */ i) => i.name));
      }
      assert.deepEqual(names, [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
      assert.equal(new Set(names).size, 2000);

      const byKey = [];
      let after;
      do {
        const { result, meta, error } = await call(socket, "GET", "items", { limit: 300, sort: "name", total: false, ...(after && { after }) });
        assert.equal(error, null);
        assert.deepEqual([meta.total, meta.pages], [null, null]);
        byKey.push(...result.map((/** @type {any} */ i) => i.name));
        after = meta.next;
      } while (after);
      assert.deepEqual(byKey, names);
    });
  });
}

test("the default is 50 items by id, numbers before texts", async () => {
  const socket = await connect(server.url);
  const page = await call(socket, "GET", "items");
  assert.deepEqual(page.result.map((/** @type {any} */ i) => i.id), Array.from({ length: 50 }, (_, i) => i + 1));
  for (const id of ["b", 10, 9, "a", "Z", 2]) await ok(socket, "POST", "ids", { id });
  assert.deepEqual((await ok(socket, "GET", "ids")).map((/** @type {any} */ i) => i.id), [2, 9, 10, "Z", "a", "b"]);
});

test("a keyset page is stable while others write", async () => {
  const socket = await connect(server.url);
  for (let n = 0; n < 20; n++) await ok(socket, "POST", "moving", { n });
  const first = await call(socket, "GET", "moving", { sort: "-n", limit: 5 });
  await ok(socket, "POST", "moving", { n: 100 });
  await ok(socket, "DELETE", "moving", first.result[4].id);
  const second = await call(socket, "GET", "moving", { sort: "-n", limit: 5, after: first.meta.next });
  assert.deepEqual(second.result.map((/** @type {any} */ i) => i.n), [14, 13, 12, 11, 10]);
  assert.equal(second.meta.page, null);
});

test("the order of kinds, both ways, with ties by id", async () => {
  const socket = await connect(server.url);
  await fill(socket, "kinds");
  const up = (await ok(socket, "GET", "kinds", { sort: "v" })).map((/** @type {any} */ i) => i.id);
  assert.deepEqual(up, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  const down = (await ok(socket, "GET", "kinds", { sort: "-v" })).map((/** @type {any} */ i) => i.id);
  assert.deepEqual(down, [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  for (const [n, name] of [[1, "b"], [1, "a"], [0, "c"], [1, "a"]]) await ok(socket, "POST", "ties", { n, name });
  const ids = async (/** @type {string} */ sort) => (await ok(socket, "GET", "ties", { sort })).map((/** @type {any} */ i) => i.id);
  assert.deepEqual(await ids("-n,name"), [2, 4, 1, 3]);
  assert.deepEqual(await ids("n,-name"), [3, 1, 2, 4]);
  assert.deepEqual(await ids("-n"), [1, 2, 4, 3]);
});

/** Filters over the items of kinds and the ids that they match. @type {[unknown, number[]][]} */
const filters = [
  [{}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]],
  [{ v: 10 }, [8]],
  [{ v: "10" }, [8, 10]],
  [{ v: "true" }, [4]],
  [{ v: true }, [4]],
  [{ v: "null" }, [2]],
  [{ v: null }, [2]],
  [{ v: { $eq: "b" } }, [11]],
  [{ v: { $ne: 10 } }, [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13]],
  [{ v: { $gt: 0 } }, [7, 8]],
  [{ v: { $gte: 0 } }, [6, 7, 8]],
  [{ v: { $lt: 9.5 } }, [5, 6]],
  [{ v: { $lte: 9.5, $gt: -5 } }, [6, 7]],
  [{ v: { $gt: "a" } }, [11]],
  [{ v: { $in: [0, "b", null] } }, [2, 6, 11]],
  [{ v: { $nin: [0, "b", null] } }, [1, 3, 4, 5, 7, 8, 9, 10, 12, 13]],
  [{ v: { $exists: true } }, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]],
  [{ v: { $exists: false } }, [1]],
  [{ v: { $contains: "1" } }, [10, 12]],
  [{ v: { $contains: "x" } }, [12]],
  [{ v: { $contains: 1 } }, [12]],
  [{ v: { $startsWith: "1" } }, [10]],
  [{ v: { $startsWith: "" } }, [9, 10, 11]],
  [{ "v.w": 1 }, [13]],
  [{ "v.0": 1 }, [12]],
  [{ id: { $lte: 2 } }, [1, 2]],
  [{ $or: [{ v: 0 }, { v: "b" }] }, [6, 11]],
  [{ $and: [{ v: { $gte: 0 } }, { v: { $lt: 10 } }] }, [6, 7]],
  [{ $not: { v: { $exists: true } } }, [1]],
  [{ v: { $not: { $gt: 0 } } }, [1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13]],
  [{ v: { $gte: 0 }, id: { $gt: 6 } }, [7, 8]],
];

test("filters", async () => {
  const socket = await connect(server.url);
  await fill(socket, "filtered");
  for (const [filter, want] of filters) {
    const { result, error, meta } = await call(socket, "GET", "filtered", { filters: filter });
    assert.equal(error, null, `${JSON.stringify(filter)}: ${error?.message}`);
    assert.deepEqual(result.map((/** @type {any} */ i) => i.id), want, JSON.stringify(filter));
    assert.equal(meta.total, want.length, JSON.stringify(filter));
  }
});

test("an index changes no answer", async () => {
  const plain = await startServer(["--seed", "catalogue:2000"]);
  const [indexed, scanned] = [await connect(server.url), await connect(plain.url)];
  for (const query of [
    { filters: { category: "electronics" }, sort: "rrp" },
    { filters: { category: "electronics" }, sort: "-rrp", page: 7 },
    { filters: { category: "electronics", rrp: { $gt: 100, $lte: 200 } }, sort: "-rrp" },
    { filters: { category: "confectionery" }, sort: "rrp", limit: 1000, fields: ["rrp"] },
    { filters: { category: { $in: ["confectionery", "electronics"] }, rrp: { $lt: 5 } }, sort: "name" },
    { filters: { stock: { $gte: 10, $lt: 20 } }, sort: "-stock,name" },
    { filters: { stock: "15" } },
    { filters: { stock: 15, category: "electronics" }, sort: "rrp" },
    { filters: { category: "none" }, sort: "rrp" },
    { filters: { $or: [{ stock: 15 }, { rrp: { $lt: 2 } }] }, sort: "stock" },
    { sort: "-stock", limit: 1000, page: 2 },
  ]) {
    const [a, b] = [await call(indexed, "GET", "items", query), await call(scanned, "GET", "items", query)];
    assert.equal(a.error, null, a.error?.message);
    assert.deepEqual(a.result, b.result, JSON.stringify(query));
    assert.deepEqual({ ...a.meta, cursor: "" }, { ...b.meta, cursor: "" }, JSON.stringify(query));
  }
  await plain.stop();
});

test("fields picks fields, and the id is always there", async () => {
  const socket = await connect(server.url);
  await ok(socket, "POST", "picked", { name: "a", maker: { city: "x", street: "y" }, n: 1 });
  assert.deepEqual(await ok(socket, "GET", "picked", { fields: ["name", "maker.city"] }), [{ id: 1, name: "a", maker: { city: "x" } }]);
  assert.deepEqual(await ok(socket, "GET", "picked", { fields: [] }), await ok(socket, "GET", "picked"));
  assert.deepEqual(await ok(socket, "GET", "picked", { fields: ["missing"] }), [{ id: 1 }]);
});
