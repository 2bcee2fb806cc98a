/**
 * Every verb: its result, its error and its meta, its options, over every transport, with every version of the client.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { call, Changes, connect, disconnectAll, ok, ways } from "./client.mjs";
import { startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
before(async () => (server = await startServer()));
after(() => server.stop());
afterEach(disconnectAll);

let collections = 0;
/** A collection that nothing has been written to. */
const fresh = () => `c${collections++}`;

/**
 * Asserts a success with the members of its meta.
 *
 * @param {import("./client.mjs").Answer} answer
 * @param {unknown} result
 * @param {string[]} meta
 */
function succeeded(answer, result, meta) {
  assert.equal(answer.error, null);
  assert.deepEqual(answer.result, result);
  assert.equal(answer.values, 3);
  assert.deepEqual(Object.keys(answer.meta).sort(), [...meta].sort());
  for (const name of ["rev", "cursor"]) if (meta.includes(name)) assert.match(answer.meta[name], /^\S+$/);
}

/**
 * Asserts a failure.
 *
 * @param {import("./client.mjs").Answer} answer
 * @param {string} code
 * @param {number} status
 */
function failed(answer, code, status) {
  assert.equal(answer.result, null, `want ${code}, got the result ${JSON.stringify(answer.result)}`);
  assert.equal(answer.error?.code, code, answer.error?.message);
  assert.equal(answer.error?.status, status);
  assert.match(answer.error.message, /\w+ \w+/, "the message is a sentence");
  assert.equal(answer.meta, undefined);
}

for (const way of ways) {
  describe(way.name, () => {
    test("GET", async () => {
      const socket = await connect(server.url, way);
      const c = fresh();
      const item = await ok(socket, "POST", c, { name: "a", deep: { list: [1, 2.5, null, "ü 😀"] } });
      succeeded(await call(socket, "GET", c, 1), item, ["rev", "cursor"]);
      succeeded(await call(socket, "GET", c, "1"), item, ["rev", "cursor"]);
      failed(await call(socket, "GET", c, 2), "NOT_FOUND", 404);
      failed(await call(socket, "GET", c, null), "BAD_REQUEST", 400);
      failed(await call(socket, "GET", c, undefined), "BAD_REQUEST", 400);
      const page = await call(socket, "GET", c);
      succeeded(page, [item], ["total", "page", "pages", "limit", "next", "cursor"]);
      assert.deepEqual({ ...page.meta, cursor: "" }, { total: 1, page: 1, pages: 1, limit: 50, next: null, cursor: "" });
      succeeded(await call(socket, "GET", fresh()), [], ["total", "page", "pages", "limit", "next", "cursor"]);
    });

    test("POST", async () => {
      const socket = await connect(server.url, way);
      const c = fresh();
      succeeded(await call(socket, "POST", c, { name: "a" }), { id: 1, name: "a" }, ["rev", "cursor"]);
      succeeded(await call(socket, "POST", c, { id: 7, name: "b" }), { id: 7, name: "b" }, ["rev", "cursor"]);
      succeeded(await call(socket, "POST", c, { id: "x-1", name: "c" }), { id: "x-1", name: "c" }, ["rev", "cursor"]);
      succeeded(await call(socket, "POST", c, { id: 3, name: "d" }), { id: 3, name: "d" }, ["rev", "cursor"]);
      assert.equal((await ok(socket, "POST", c, {})).id, 2, "given ids do not move the running number");
      failed(await call(socket, "POST", c, { id: null }), "BAD_REQUEST", 400);
      assert.equal((await ok(socket, "POST", c, {})).id, 4, "which skips ids that exist");
      failed(await call(socket, "POST", c, { id: 7 }), "CONFLICT", 409);
      failed(await call(socket, "POST", c, { id: "7" }), "CONFLICT", 409);
      assert.equal(await ok(socket, "DELETE", c, 4), true);
      assert.equal((await ok(socket, "POST", c, {})).id, 5, "and is never used again");
    });

    test("PUT", async () => {
      const socket = await connect(server.url, way);
      const c = fresh();
      const created = await call(socket, "PUT", c, { id: "k", n: 1 });
      succeeded(created, { id: "k", n: 1 }, ["rev", "cursor", "created"]);
      assert.equal(created.meta.created, true);
      const replaced = await call(socket, "PUT", c, "k", { n: 2 });
      succeeded(replaced, { id: "k", n: 2 }, ["rev", "cursor", "created"]);
      assert.equal(replaced.meta.created, false);
      assert.notEqual(replaced.meta.rev, created.meta.rev);
      succeeded(await call(socket, "PUT", c, 5, { id: 5, n: 1 }), { id: 5, n: 1 }, ["rev", "cursor", "created"]);
      assert.equal((await ok(socket, "PUT", c, "5", { n: 2 })).id, 5, "the id keeps the type it was created with");
      failed(await call(socket, "PUT", c, { n: 1 }), "BAD_REQUEST", 400);
      failed(await call(socket, "PUT", c, 5, { id: 6 }), "BAD_REQUEST", 400);
      failed(await call(socket, "PUT", c, null, { n: 1 }), "BAD_REQUEST", 400);
    });

    test("PATCH in its three forms", async () => {
      const socket = await connect(server.url, way);
      const c = fresh();
      await ok(socket, "POST", c, { a: 1, b: { c: 2, d: 3 }, l: [1] });
      await ok(socket, "POST", c, { id: "A2", a: 2 });
      succeeded(await call(socket, "PATCH", c, { id: 1, a: null, b: { c: 9 } }), { id: 1, b: { c: 9, d: 3 }, l: [1] }, ["rev", "cursor"]);
      succeeded(await call(socket, "PATCH", c, 1, { b: null, a: 5 }), { id: 1, l: [1], a: 5 }, ["rev", "cursor"]);
      const patch = [{ op: "test", path: "/a", value: 5 }, { op: "add", path: "/l/-", value: 2 }, { op: "copy", from: "/l", path: "/m" }];
      succeeded(await call(socket, "PATCH", c, 1, patch), { id: 1, l: [1, 2], a: 5, m: [1, 2] }, ["rev", "cursor"]);
      const both = [
        { op: "replace", path: "/1/a", value: 6 },
        { op: "replace", path: "/A2/a", value: 7 },
        { op: "add", path: "/9", value: { new: true } },
      ];
      succeeded(await call(socket, "PATCH", c, both), [{ id: 1, l: [1, 2], a: 6, m: [1, 2] }, { id: "A2", a: 7 }, { id: 9, new: true }], ["cursor"]);

      failed(await call(socket, "PATCH", c, 1, [{ op: "test", path: "/a", value: 0 }]), "CONFLICT", 409);
      failed(await call(socket, "PATCH", c, 1, [{ op: "remove", path: "/zz" }]), "CONFLICT", 409);
      failed(await call(socket, "PATCH", c, { id: 44, a: 1 }), "NOT_FOUND", 404);
      failed(await call(socket, "PATCH", c, 44, [{ op: "add", path: "/a", value: 1 }]), "NOT_FOUND", 404);
      failed(await call(socket, "PATCH", c, 1, { id: 2 }), "BAD_REQUEST", 400);
      failed(await call(socket, "PATCH", c, 1, [{ op: "replace", path: "/id", value: 2 }]), "BAD_REQUEST", 400);
      const half = [{ op: "replace", path: "/1/a", value: 100 }, { op: "test", path: "/A2/a", value: 0 }];
      failed(await call(socket, "PATCH", c, half), "CONFLICT", 409);
      assert.equal((await ok(socket, "GET", c, 1)).a, 6, "all of a patch over the collection or nothing");
      await ok(socket, "PATCH", c, [{ op: "remove", path: "/9" }]);
      failed(await call(socket, "GET", c, 9), "NOT_FOUND", 404);
    });

    test("DELETE", async () => {
      const socket = await connect(server.url, way);
      const c = fresh();
      await ok(socket, "POST", c, {});
      succeeded(await call(socket, "DELETE", c, "1"), true, ["cursor"]);
      succeeded(await call(socket, "DELETE", c, 1), false, ["cursor"]);
      failed(await call(socket, "GET", c, 1), "NOT_FOUND", 404);
    });

    test("SUBSCRIBE and UNSUBSCRIBE", async () => {
      const socket = await connect(server.url, way);
      const c = fresh();
      await ok(socket, "POST", c, { n: 1 });
      const whole = await call(socket, "SUBSCRIBE", c);
      assert.deepEqual([Object.keys(whole.result), whole.meta, whole.error], [["cursor"], { room: c }, null]);
      const one = await call(socket, "SUBSCRIBE", c, 1);
      assert.deepEqual(one.meta, { room: `${c}/1` });
      const filtered = await call(socket, "SUBSCRIBE", c, null, { filters: { n: { $gt: 5 } }, snapshot: true });
      assert.deepEqual([Object.keys(filtered.result).sort(), filtered.result.items], [["cursor", "items"], []]);
      assert.equal(new Set([whole, one, filtered].map(({ meta }) => meta.room)).size, 3);
      const same = await call(socket, "SUBSCRIBE", c, null, { filters: { n: { $gt: 5.0 } } });
      assert.equal(same.meta.room, filtered.meta.room);

      assert.equal(await ok(socket, "UNSUBSCRIBE", c, null, { filters: { n: { $gt: 5 } } }), true);
      assert.equal(await ok(socket, "UNSUBSCRIBE", c, null, { filters: { n: { $gt: 5 } } }), false);
      assert.equal(await ok(socket, "UNSUBSCRIBE", c, 1), true);
      assert.equal(await ok(socket, "UNSUBSCRIBE", c, 1), false);
      assert.equal(await ok(socket, "UNSUBSCRIBE", c), true);
      assert.equal(await ok(socket, "UNSUBSCRIBE", c), false);
    });

    test("ifMatch", async () => {
      const socket = await connect(server.url, way);
      const c = fresh();
      const { meta } = await call(socket, "POST", c, { n: 1 });
      const second = await call(socket, "PUT", c, { id: 1, n: 2 }, { ifMatch: meta.rev });
      assert.equal(second.error, null);
      for (const refused of [
        await call(socket, "PUT", c, { id: 1, n: 3 }, { ifMatch: meta.rev }),
        await call(socket, "PATCH", c, { id: 1, n: 3 }, { ifMatch: meta.rev }),
        await call(socket, "PATCH", c, 1, [], { ifMatch: meta.rev }),
        await call(socket, "DELETE", c, 1, { ifMatch: meta.rev }),
        await call(socket, "PUT", c, { id: 1, n: 3 }, { ifMatch: null }),
      ]) {
        failed(refused, "PRECONDITION_FAILED", 412);
        assert.equal(refused.error?.details.rev, second.meta.rev);
      }
      failed(await call(socket, "PUT", c, { id: 2 }, { ifMatch: "*" }), "PRECONDITION_FAILED", 412);
      failed(await call(socket, "PUT", c, { id: 2 }, { ifMatch: meta.rev }), "PRECONDITION_FAILED", 412);
      assert.equal((await call(socket, "PUT", c, { id: 2 }, { ifMatch: null })).meta.created, true);
      assert.equal((await ok(socket, "PATCH", c, { id: 1, n: 4 }, { ifMatch: "*" })).n, 4);
      assert.equal((await call(socket, "GET", c, 1)).result.n, 4);
      assert.equal(await ok(socket, "DELETE", c, 2, { ifMatch: "*" }), true);
    });

    test("a write that changes nothing has the present rev and no event", async () => {
      const socket = await connect(server.url, way);
      const c = fresh();
      const changes = new Changes(socket);
      const { meta } = await call(socket, "POST", c, { n: 1, o: { a: 1, b: [2] } });
      await ok(socket, "SUBSCRIBE", c);
      for (const same of [
        await call(socket, "PUT", c, { o: { b: [2.0], a: 1 }, n: 1, id: 1 }),
        await call(socket, "PATCH", c, { id: 1, n: 1 }),
        await call(socket, "PATCH", c, 1, [{ op: "replace", path: "/n", value: 1 }]),
      ]) {
        assert.equal(same.error, null);
        assert.equal(same.meta.rev, meta.rev);
      }
      await ok(socket, "PATCH", c, [{ op: "test", path: "/1/n", value: 1 }]);
      assert.equal(await ok(socket, "DELETE", c, 99), false);
      const change = await changes.nothingBefore(() => ok(socket, "PATCH", c, { id: 1, n: 2 }));
      assert.equal(change.prev, meta.rev);
    });

    test("a write without a callback still happens", async () => {
      const socket = await connect(server.url, way);
      const c = fresh();
      const changes = new Changes(socket);
      await ok(socket, "SUBSCRIBE", c);
      socket.emit("POST", c, { n: 1 });
      socket.emit("PUT", c, { id: "b", n: 1 }, { reason: "put" });
      socket.emit("PATCH", c, { id: 1, n: 2 });
      socket.emit("PATCH", c, [{ op: "replace", path: "/b/n", value: 3 }]);
      socket.emit("DELETE", c, 1);
      socket.emit("POST", c, "no item");
      const heard = await changes.take(5);
      assert.deepEqual(heard.map(({ type, id }) => `${type} ${id}`), ["ADDED 1", "ADDED b", "MODIFIED 1", "MODIFIED b", "DELETED 1"]);
      assert.deepEqual(await ok(socket, "GET", c), [{ id: "b", n: 3 }]);
    });

    test("the writes of one socket commit in the order in which they were sent", async () => {
      const socket = await connect(server.url, way);
      const c = fresh();
      const answers = [call(socket, "POST", c, { n: 0 })];
      for (let n = 1; n <= 200; n++) answers.push(call(socket, "PATCH", c, { id: 1, n }));
      const done = await Promise.all(answers);
      assert.deepEqual(done.map(({ result }) => result?.n), Array.from({ length: 201 }, (_, n) => n));
      assert.equal((await ok(socket, "GET", c, 1)).n, 200);
    });

    if (way.version === 4) {
      test("emitWithAck sees the result alone", async () => {
        const socket = await connect(server.url, way);
        const c = fresh();
        assert.deepEqual(await socket.emitWithAck("POST", c, { n: 1 }), { id: 1, n: 1 });
        assert.deepEqual(await socket.timeout(5000).emitWithAck("GET", c, 1), { id: 1, n: 1 });
        assert.deepEqual(await socket.timeout(5000).emitWithAck("GET", c), [{ id: 1, n: 1 }]);
        assert.equal(await socket.timeout(5000).emitWithAck("GET", c, 2), null);
        assert.equal(await socket.timeout(5000).emitWithAck("DELETE", c, 1), true);
      });

      test("retries with ackTimeout do not send an answered write again", async () => {
        const socket = await connect(server.url, way, { retries: 3, ackTimeout: 10_000 });
        const c = fresh();
        for (let n = 0; n < 5; n++) await socket.emitWithAck("POST", c, { n });
        assert.equal((await call(await connect(server.url), "GET", c)).meta.total, 5);
      });
    }
  });
}

test("ids of both kinds, and what is none", async () => {
  const socket = await connect(server.url);
  const c = fresh();
  for (const id of [1, 2 ** 53 - 1, "a", "A/b".replace("/", "-"), "ü 😀", "x".repeat(256), "1.5", "-1", "0", " "]) {
    assert.equal((await ok(socket, "POST", c, { id })).id, id);
    assert.equal((await ok(socket, "GET", c, id)).id, id);
  }
  for (const id of [0, -1, 1.5, 2 ** 53, 1e300, true, {}, [], "", "a/b", "a\u0000b", "a\u007fb", "a\nb", "x".repeat(257), "ü".repeat(129)]) {
    failed(await call(socket, "POST", c, { id }), "BAD_REQUEST", 400);
    if (typeof id !== "object" || Array.isArray(id)) failed(await call(socket, "GET", c, id), "BAD_REQUEST", 400);
  }
});

test("ids by uuid and by prefix", async () => {
  const configured = await startServer(["--ids", "uuids=uuid", "--ids", "prefixed=prefix:A"]);
  const socket = await connect(configured.url);
  const uuids = [];
  for (let i = 0; i < 20; i++) uuids.push((await ok(socket, "POST", "uuids", {})).id);
  for (const id of uuids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual([...uuids].sort(), uuids, "they sort by time");
  assert.deepEqual(new Set(uuids).size, uuids.length);
  assert.equal((await ok(socket, "POST", "prefixed", {})).id, "A1");
  await ok(socket, "POST", "prefixed", { id: "A2" });
  assert.equal((await ok(socket, "POST", "prefixed", {})).id, "A3");
  await configured.stop();
});

test("--declared-only serves what is declared and nothing else", async () => {
  const declared = await startServer(["--declared-only", "--ids", "orders=number", "--index", "items.price"]);
  const socket = await connect(declared.url);
  assert.equal((await ok(socket, "POST", "orders", {})).id, 1);
  assert.equal((await ok(socket, "POST", "items", { price: 1 })).id, 1);
  for (const args of [["GET", "users", 1], ["GET", "users"], ["POST", "users", {}], ["PUT", "users", { id: 1 }], ["PATCH", "users", { id: 1 }],
    ["PATCH", "users", []], ["DELETE", "users", 1], ["SUBSCRIBE", "users"], ["UNSUBSCRIBE", "users"]]) {
    failed(await call(socket, .../** @type {[string]} */ (args)), "NOT_FOUND", 404);
  }
  await declared.stop();
});
