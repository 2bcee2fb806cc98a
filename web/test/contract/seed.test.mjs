/**
 * The client that ackbase promises to serve unchanged: a promise around one `emit`, and the five other calls written
 * the same way, by someone who knows nothing of ackbase but the verbs.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { Changes, connect, disconnectAll, ways } from "./client.mjs";
import { startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
before(async () => (server = await startServer()));
after(() => server.stop());
afterEach(disconnectAll);

for (const way of ways.filter(({ version }) => version === 4)) {
  describe(way.name, () => {
    /** @type {import("./client.mjs").Socket} */
    let socket;

    // This function is the document's own, character for character but for its types.
    /** @param {number} id @param {string} collection @param {number} [timeout] @returns {Promise<any>} */
    async function getItem(id, collection, timeout) {
        return new Promise((resolve, reject) => {
            socket.timeout(timeout ?? 5000).emit('GET', collection, id, (/** @type {Error | undefined} */ err, /** @type {any} */ item) => {
                if (err) {
                    reject(err)
                    return
                }
                resolve(item)
            })
        })
    }

    /** Any call in the same manner. @param {[string, ...unknown[]]} args @returns {Promise<any>} */
    const emit = (...args) =>
      new Promise((resolve, reject) => {
        socket.timeout(5000).emit(...args, (/** @type {Error | null} */ err, /** @type {any} */ result) => {
          if (err) reject(err);
          else resolve(result);
        });
      });
    /** @param {{ page?: number, sort?: string, filters?: Record<string, string> }} options @param {string} collection */
    const getItems = (options, collection) => emit("GET", collection, options);
    /** @param {object} item @param {string} collection */
    const postItem = (item, collection) => emit("POST", collection, item);
    /** @param {object} item @param {string} collection */
    const putItem = (item, collection) => emit("PUT", collection, item);
    /** @param {object} item @param {string} collection */
    const patchItem = (item, collection) => emit("PATCH", collection, item);
    /** @param {number} id @param {string} collection */
    const deleteItem = (id, collection) => emit("DELETE", collection, id);

    test("the six calls work", async () => {
      socket = await connect(server.url, way);
      const collection = `items${ways.indexOf(way)}`;

      const posted = await postItem({ name: "Toffee", rrp: 2.99 }, collection);
      assert.deepEqual(posted, { id: 1, name: "Toffee", rrp: 2.99 });
      assert.deepEqual(await getItem(1, collection), posted);
      assert.deepEqual(await getItem(1, collection, 1000), posted);

      assert.deepEqual(await putItem({ id: 1, name: "Toffee", rrp: 3.49 }, collection), { id: 1, name: "Toffee", rrp: 3.49 });
      assert.deepEqual(await patchItem({ id: 1, rrp: 3.29 }, collection), { id: 1, name: "Toffee", rrp: 3.29 });
      await patchItem([{ op: "replace", path: "/1/name", value: "Treacle toffee" }], collection);
      assert.deepEqual(await getItem(1, collection), { id: 1, name: "Treacle toffee", rrp: 3.29 });

      for (const name of ["Fudge", "Caramel", "Drops"]) await postItem({ name, rrp: name.length }, collection);
      assert.deepEqual(
        (await getItems({ page: 1, sort: "name", filters: {} }, collection)).map((/** @type {any} */ i) => i.name),
        ["Caramel", "Drops", "Fudge", "Treacle toffee"],
      );
      assert.deepEqual(
        (await getItems({ page: 1, sort: "-name", filters: { rrp: "5" } }, collection)).map((/** @type {any} */ i) => i.name),
        ["Fudge", "Drops"],
        "a text filters numbers by their text",
      );

      assert.equal(await deleteItem(1, collection), true);
      assert.equal(await deleteItem(1, collection), false);
    });

    test("a missing item, and any error, is an answer without an item and never an err", async () => {
      socket = await connect(server.url, way);
      assert.equal((await getItem(404, "nothing")) ?? undefined, undefined);
      assert.equal((await getItem(/** @type {any} */ (undefined), "nothing")) ?? undefined, undefined);
      assert.equal((await getItem(1, "not a name")) ?? undefined, undefined);
      assert.equal((await postItem(/** @type {any} */ ("text"), "items")) ?? undefined, undefined);
    });

    test("err is set where no answer can come in time", async () => {
      socket = await connect(server.url, way);
      socket.disconnect();
      await assert.rejects(getItem(1, "items", 50), /timed out/);
    });

    test("both clients hear of a POST", async () => {
      socket = await connect(server.url, way);
      const other = await connect(server.url);
      const [mine, others] = [new Changes(socket), new Changes(other)];
      const collection = `heard${ways.indexOf(way)}`;
      await emit("SUBSCRIBE", collection);
      await new Promise((resolve) => other.emit("SUBSCRIBE", collection, resolve));

      const item = await postItem({ name: "Nougat" }, collection);
      const [a, b] = [await mine.next(), await others.next()];
      assert.equal(a.type, "ADDED");
      assert.deepEqual(a.item, item);
      assert.deepEqual(a, b);
    });
  });
}
