/**
 * An item's past: HISTORY, and GET as it was.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import jsonpatch from "fast-json-patch";

import { call, connect, disconnectAll, ok, ways } from "./client.mjs";
import { dataFile, deadline, startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
before(async () => (server = await startServer()));
after(() => server.stop());
afterEach(disconnectAll);

let collections = 0;
/** A collection that nothing has been written to. */
const fresh = () => `past${collections++}`;

/** @param {number} seed */
function random(seed) {
  return (/** @type {number} */ below) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
}

for (const way of ways) {
  test(`HISTORY and GET with at, ${way.name}`, async () => {
    const socket = await connect(server.url, way);
    const c = fresh();
    await ok(socket, "POST", c, { id: "a", n: 1 });
    const first = await call(socket, "PUT", c, "a", { n: 2 }, { reason: "counted" });
    await ok(socket, "DELETE", c, "a", { reason: "done with" });
    await ok(socket, "PUT", c, "a", { m: [1] });

    const { result, error, meta } = await call(socket, "HISTORY", c, "a");
    assert.equal(error, null);
    assert.deepEqual(meta, { next: null });
    assert.deepEqual(result.map((/** @type {any} */ { type, reason, item, patch }) => ({ type, reason, item, patch })), [
      { type: "ADDED", reason: undefined, item: { id: "a", n: 1 }, patch: [{ op: "add", path: "/id", value: "a" }, { op: "add", path: "/n", value: 1 }] },
      { type: "MODIFIED", reason: "counted", item: { id: "a", n: 2 }, patch: [{ op: "replace", path: "/n", value: 2 }] },
      { type: "DELETED", reason: "done with", item: { id: "a", n: 2 }, patch: [{ op: "remove", path: "/id" }, { op: "remove", path: "/n" }] },
      { type: "ADDED", reason: undefined, item: { id: "a", m: [1] }, patch: [{ op: "add", path: "/id", value: "a" }, { op: "add", path: "/m", value: [1] }] },
    ]);
    const [added, modified, deleted, again] = result;
    assert.deepEqual([modified.rev, modified.cursor], [first.meta.rev, first.meta.cursor]);
    assert.deepEqual([added.prev, modified.prev, deleted.prev, again.prev], [undefined, added.rev, modified.rev, undefined]);
    for (const { time } of result) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

    const page = await call(socket, "HISTORY", c, "a", { limit: 3 });
    assert.deepEqual([page.result, page.meta], [result.slice(0, 3), { next: deleted.cursor }]);
    assert.deepEqual((await call(socket, "HISTORY", c, "a", { after: page.meta.next })).result, [again]);
    assert.deepEqual((await call(socket, "HISTORY", c, "a", { after: again.cursor })).result, []);

    const then = await call(socket, "GET", c, "a", { at: modified.cursor });
    assert.deepEqual([then.result, then.meta], [modified.item, { rev: modified.rev, cursor: modified.cursor }]);
    assert.equal((await call(socket, "GET", c, "a", { at: deleted.cursor })).error?.code, "NOT_FOUND");
    assert.deepEqual((await call(socket, "GET", c, "a", { at: again.time })).result, again.item);
    assert.deepEqual((await call(socket, "GET", c, "a", { at: new Date(Date.now() + 3_600_000) })).result, again.item);
    assert.equal((await call(socket, "GET", c, "a", { at: new Date(Date.parse(added.time) - 1) })).error?.code, "NOT_FOUND");
    assert.equal((await call(socket, "GET", c, "a", { at: again.cursor.replace(/-\w+$/, "-zzzzz") })).error?.code, "GONE");
  });
}

describe("random histories of 1,000 changes", () => {
  for (const seed of [1, 2, Date.now() % 2147483648]) {
    test(`applied in turn to {}, give what GET gives, now and then; seed ${seed}`, async () => {
      const socket = await connect(server.url);
      const c = fresh();
      const rnd = random(seed);
      const ids = [1, "x", "ü b"];
      const content = () => ({ n: rnd(1e6), deep: { list: Array.from({ length: rnd(6) }, () => rnd(3)), [`m${rnd(3)}`]: null }, "a/~b": rnd(2), "": [rnd(2)] });
      const writes = [];
      for (let n = 0; n < 4000; n++) {
        const id = ids[rnd(ids.length)];
        const options = { reason: `r${n}` };
        switch (rnd(8)) {
          case 0: writes.push(ok(socket, "DELETE", c, id, options)); break;
          case 1: writes.push(call(socket, "PATCH", c, id, { n, deep: { other: rnd(2) } }, options)); break; // NOT_FOUND after a DELETE
          case 2: writes.push(call(socket, "PATCH", c, [{ op: "add", path: `/${id}`, value: content() }], options)); break;
          default: writes.push(ok(socket, "PUT", c, rnd(2) ? id : String(id), content(), options));
        }
      }
      await Promise.all(writes);
      for (const id of ids) {
        const whole = [];
        /** @type {any} */
        let after = null;
        do {
          const { result, error, meta } = await call(socket, "HISTORY", c, id, { after, limit: 1 + rnd(500) });
          assert.equal(error, null, error?.message);
          whole.push(...result);
          after = meta.next;
        } while (after);
        assert.ok(whole.length > 1000, `${whole.length} changes of ${id}`);
        const item = {};
        let [rev, last] = [/** @type {undefined | string} */ (undefined), -1];
        for (const [i, entry] of whole.entries()) {
          assert.equal(entry.type === "ADDED", rev === undefined, `${entry.type} number ${i} of ${id}`);
          assert.equal(entry.prev, rev);
          rev = entry.type === "DELETED" ? undefined : entry.rev;
          const n = Number(entry.reason.slice(1));
          assert.ok(n > last, `r${n} after r${last}`);
          last = n;
          jsonpatch.applyPatch(item, entry.patch, true); // what it returns is ignored
          assert.deepEqual(item, rev ? entry.item : {});
          if (rnd(50)) continue;
          const then = await call(socket, "GET", c, id, { at: entry.cursor });
          if (rev) assert.deepEqual([then.result, then.meta], [entry.item, { rev, cursor: entry.cursor }]);
          else assert.equal(then.error?.code, "NOT_FOUND");
        }
        const now = await call(socket, "GET", c, id);
        if (now.error) assert.deepEqual([now.error.code, item], ["NOT_FOUND", {}]);
        else assert.deepEqual([now.result, now.meta.rev], [item, rev]);
      }
    });
  }
});

test("a history is there after a restart, and of a deleted item too", async () => {
  const data = dataFile();
  const before = await startServer(["--data", data]);
  let socket = await connect(before.url);
  await ok(socket, "POST", "items", { n: 1 });
  await ok(socket, "DELETE", "items", 1);
  const past = await ok(socket, "HISTORY", "items", 1);
  assert.deepEqual(past.map((/** @type {any} */ { type }) => type), ["ADDED", "DELETED"]);
  socket.disconnect();
  await before.stop();
  const again = await startServer(["--data", data]);
  socket = await connect(again.url);
  assert.deepEqual(await ok(socket, "HISTORY", "items", "1"), past);
  assert.deepEqual(await ok(socket, "GET", "items", 1, { at: past[0].cursor }), past[0].item);
  assert.match((await call(socket, "GET", "items", 1, { at: past[1].cursor })).error?.message ?? "", / then$/);
  await again.stop();
});

/**
 * Asks for the history of item 1 until enough of it was pruned.
 *
 * @param {import("./client.mjs").Socket} socket
 * @param {(past: any[]) => boolean} enough
 */
async function pruned(socket, enough) {
  const late = deadline("the log to be pruned");
  for (;;) {
    const past = await Promise.race([ok(socket, "HISTORY", "items", 1), late]);
    if (enough(past)) return past;
    await new Promise((resolve) => setTimeout(resolve, 20)); // no event tells of it
  }
}

test("where the log does not reach back, a history begins with a patch from {}, and the past is GONE", async () => {
  const short = await startServer(["--keep-changes", "items=10"]);
  const socket = await connect(short.url);
  const cursors = [];
  for (let n = 0; n < 40; n++) {
    const { error, meta } = await call(socket, "PUT", "items", 1, { n, list: [n % 3, { deep: n }] });
    assert.equal(error, null);
    cursors.push(meta.cursor);
  }
  await ok(socket, "PUT", "items", 2, { once: true });
  let past = await pruned(socket, (past) => past.length <= 9);
  const now = await ok(socket, "GET", "items", 1);
  const item = {};
  for (const { patch } of past) jsonpatch.applyPatch(item, patch, true);
  assert.deepEqual(item, now);
  assert.deepEqual([past[0].type, past[0].prev, past[0].item.n, past.at(-1).item.n], ["MODIFIED", undefined, 31, 39]);
  assert.equal(past[1].prev, past[0].rev);
  assert.match(past[0].time, /Z$/);
  for (const [verb, options] of /** @type {[string, any][]} */ ([["GET", { at: cursors[5] }], ["HISTORY", { after: cursors[5] }], ["GET", { at: "2001-01-01T00:00:00Z" }]])) {
    assert.equal((await call(socket, verb, "items", 1, options)).error?.code, "GONE");
  }
  assert.deepEqual(await ok(socket, "GET", "items", 1, { at: past[2].cursor }), past[2].item);

  for (let n = 0; n < 40; n++) await ok(socket, "PUT", "items", 3, { n }); // until nothing of the others is left
  past = await pruned(socket, (past) => past.length === 1 && !past[0].time);
  assert.deepEqual([past[0].type, past[0].prev, past[0].item], ["ADDED", undefined, now]);
  assert.deepEqual(jsonpatch.applyPatch({}, past[0].patch, true).newDocument, now);
  await short.stop();
});
