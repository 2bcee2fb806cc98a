/**
 * What was missed: SUBSCRIBE with `since` after a disconnection, after a restart of the server, and where the log
 * cannot be gone on from.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { call, Changes, connect, disconnectAll, ok, ways } from "./client.mjs";
import { dataFile, deadline, startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
before(async () => (server = await startServer()));
after(() => server.stop());
afterEach(disconnectAll);

let collections = 0;
const fresh = () => `c${collections++}`;

/** @param {import("./client.mjs").Change} change */
const brief = ({ type, id, item, cause }) => [type, id, item?.n, cause].filter((part) => part !== undefined).join(" ");

/**
 * Subscribes the writer too: once it was told of its changes, a replay has them all before its BOOKMARK. A change that
 * was only answered may still come behind that.
 *
 * @param {import("./client.mjs").Socket} writer
 * @param {string} collection
 */
async function toldOf(writer, collection) {
  const told = new Changes(writer);
  await ok(writer, "SUBSCRIBE", collection);
  return told;
}

for (const way of ways) {
  describe(way.name, () => {
    test("everything after the cursor, a BOOKMARK, then live", async () => {
      const c = fresh();
      const writer = await connect(server.url);
      const told = await toldOf(writer, c);
      const before = await connect(server.url, way);
      const heard = new Changes(before, { bookmarks: true });
      await ok(before, "SUBSCRIBE", c);
      await ok(writer, "PUT", c, { id: 1, n: 1 });
      const { cursor } = await heard.next();
      before.disconnect();

      await ok(writer, "PUT", c, { id: 1, n: 2 });
      await ok(writer, "PUT", c, { id: 2, n: 3 });
      const last = await call(writer, "DELETE", c, 1);
      await told.take(4);

      const again = await connect(server.url, way);
      const changes = new Changes(again, { bookmarks: true });
      const { result, meta } = await call(again, "SUBSCRIBE", c, { since: cursor });
      assert.deepEqual(result, { cursor });
      assert.equal(meta.room, c);
      await ok(writer, "PUT", c, { id: 3, n: 4 });
      const all = await changes.take(5);
      assert.deepEqual(all.map(brief), ["MODIFIED 1 2", "ADDED 2 3", "DELETED 1 2", "BOOKMARK", "ADDED 3 4"]);
      assert.deepEqual(all[3], { type: "BOOKMARK", collection: c, room: c, cursor: last.meta.cursor });
      assert.equal(all[2]?.cursor, last.meta.cursor);
    });

    test("a filter's replay tells what entered and left; an item's only its own; patches on request", async () => {
      const c = fresh();
      const [writer, reader] = [await connect(server.url), await connect(server.url, way)];
      const told = await toldOf(writer, c);
      const { meta } = await call(writer, "POST", c, { n: 0 });
      for (const n of [5, 6, 1]) await ok(writer, "PATCH", c, { id: 1, n });
      await ok(writer, "POST", c, { n: 7 });
      await told.take(5);
      const changes = new Changes(reader, { bookmarks: true });
      await ok(reader, "SUBSCRIBE", c, { since: meta.cursor, filters: { n: { $gt: 4 } } });
      assert.deepEqual((await changes.take(5)).map(brief), ["ADDED 1 5 filter", "MODIFIED 1 6", "DELETED 1 6 filter", "ADDED 2 7", "BOOKMARK"]);
      await ok(reader, "SUBSCRIBE", c, 1, { since: meta.cursor, patch: true });
      const own = await changes.take(4);
      assert.deepEqual(own.map(({ patch }) => patch?.[0]?.value), [5, 6, 1, undefined]);
      assert.equal(own[3]?.type, "BOOKMARK");
    });
  });
}

test("a cursor outlives the server's restart, but not its data", async () => {
  const data = dataFile();
  const first = await startServer(["--data", data]);
  const writer = await connect(first.url);
  const { meta } = await call(writer, "POST", "items", { n: 1 });
  await ok(writer, "POST", "items", { n: 2 });
  await first.stop();

  const second = await startServer(["--data", data]);
  const reader = await connect(second.url);
  const changes = new Changes(reader, { bookmarks: true });
  await ok(reader, "SUBSCRIBE", "items", { since: meta.cursor });
  assert.deepEqual((await changes.take(2)).map(brief), ["ADDED 2 2", "BOOKMARK"]);
  await second.stop();

  const elsewhere = await connect(server.url);
  const { error } = await call(elsewhere, "SUBSCRIBE", "items", { since: meta.cursor });
  assert.equal(error?.code, "GONE");
  assert.match(error?.message ?? "", /new snapshot/);
});

test("what is no longer kept of a collection is GONE, and takes nothing of another", async () => {
  const data = dataFile();
  const flags = ["--data", data, "--keep-changes", "few=3"];
  const first = await startServer(flags);
  const writer = await connect(first.url);
  const cursors = [];
  for (let n = 0; n < 10; n++) {
    cursors.push((await call(writer, "POST", "few", { n })).meta.cursor);
    await ok(writer, "POST", "many", { n });
  }
  await first.stop(); // and with it what it had in memory

  const second = await startServer(flags);
  const pruned = async () => /^ackbase_store_log_pruned_total (\d+)$/m.exec(await (await fetch(`${second.url}/metrics`)).text())?.[1];
  const late = deadline("the pruning");
  while ((await pruned()) !== "7" && (await Promise.race([new Promise((resolve) => setTimeout(resolve, 10)), late])) === undefined);

  const reader = await connect(second.url);
  const changes = new Changes(reader, { bookmarks: true });
  // A cursor that came with a change which has gone itself.
  await ok(reader, "SUBSCRIBE", "many", { since: cursors[0] });
  assert.deepEqual((await changes.take(11)).map(brief), [...Array.from({ length: 10 }, (_, n) => `ADDED ${n + 1} ${n}`), "BOOKMARK"]);
  await ok(reader, "SUBSCRIBE", "few", { since: cursors[6] });
  assert.deepEqual((await changes.take(4)).map(brief), ["ADDED 8 7", "ADDED 9 8", "ADDED 10 9", "BOOKMARK"]);
  assert.equal((await call(reader, "SUBSCRIBE", "few", { since: cursors[5] })).error?.code, "GONE");

  const events = await fetch(`${second.url}/api/v2/few?watch`, { headers: { "Last-Event-ID": cursors[5] } });
  assert.equal(events.status, 410);
  await second.stop();
});

test("a quiet subscription is told how far it has come", async () => {
  const quick = await startServer(["--bookmark", "50ms"]);
  const [writer, reader] = [await connect(quick.url), await connect(quick.url)];
  const bookmark = new Promise((resolve) => reader.once("BOOKMARK", resolve));
  await ok(reader, "SUBSCRIBE", "quiet");
  const { meta } = await call(writer, "POST", "items", { n: 1 });
  assert.deepEqual(await bookmark, { collection: "quiet", room: "quiet", cursor: meta.cursor });
  await quick.stop();
});
