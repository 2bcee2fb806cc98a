/**
 * PUBLISH: events that are not stored, from stock clients to stock clients.
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

test("nobody may publish unless the server allows it", async () => {
  const socket = await connect(server.url);
  await ok(socket, "SUBSCRIBE", "chat");
  const { result, error, meta, values } = await call(socket, "PUBLISH", "chat", "typing", {});
  assert.deepEqual([result, error?.code, error?.status, meta, values], [null, "FORBIDDEN", 403, undefined, 2]);
  assert.match(error?.message ?? "", /--publish 'chat'/);
});

describe("where it is allowed", () => {
  /** @type {Promise<import("./server.mjs").Server> | undefined} */
  let started;
  // Within a test, where a stand-in without the flag is known for one.
  const allowing = () => (started ??= startServer(["--publish", "chat", "--publish", "chat/*"]));
  after(async () => (await started?.catch(() => undefined))?.stop());

  for (const way of ways) {
    test(way.name, async () => {
      const { url } = await allowing();
      const [whole, item, stranger] = [await connect(url, way), await connect(url, way), await connect(url)];
      /** @type {unknown[][]} */
      const heard = [];
      /** @type {Promise<void>} */
      const last = new Promise((resolve) => {
        for (const [name, socket] of Object.entries({ whole, item, stranger })) {
          for (const event of ["typing", "say \"hi\"", "last"]) {
            socket.on(event, (/** @type {unknown[]} */ ...args) => {
              heard.push([name, event, args[0]]);
              if (event === "last") resolve();
            });
          }
        }
      });
      const changes = new Changes(whole);
      await ok(whole, "SUBSCRIBE", "chat");
      await ok(item, "SUBSCRIBE", "chat", "lobby");
      assert.equal(await ok(stranger, "PUBLISH", "chat", "typing", { who: "Ada", list: [1, null, "ü\u2028"] }), 1);
      assert.equal(await ok(item, "PUBLISH", "chat/lobby", "say \"hi\"", "a text"), 1);
      assert.equal(await ok(stranger, "PUBLISH", "chat/nobody", "typing", null), 0);
      assert.equal((await call(stranger, "PUBLISH", "other", "typing", 1)).error?.code, "FORBIDDEN");
      assert.equal((await call(stranger, "PUBLISH", "chat", "MODIFIED", 1)).error?.code, "BAD_REQUEST");
      assert.equal((await call(stranger, "PUBLISH", "chat", "disconnect", 1)).error?.code, "BAD_REQUEST");
      assert.equal((await call(stranger, "PUBLISH", whole.id, "typing", 1)).error?.code === undefined, false);
      item.emit("PUBLISH", "chat/lobby", "last", false);
      await last;
      assert.deepEqual(
        heard.toSorted((a, b) => String(a[0]).localeCompare(String(b[0]))),
        [
          ["item", "say \"hi\"", "a text"],
          ["item", "last", false],
          ["whole", "typing", { who: "Ada", list: [1, null, "ü\u2028"] }],
        ],
      );
      await ok(stranger, "PUT", "chat", { id: way.name, n: 1 }); // nothing of it was a change
      assert.equal((await changes.next()).id, way.name);
    });
  }
});
