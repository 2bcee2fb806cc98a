/**
 * The Socket.IO server by itself, as examples/custom uses it: events and acknowledgements each way, text and binary
 * mixed, also while the transport changes.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { Changes, connect, disconnectAll, ok, ways } from "./client.mjs";
import { holdUpgrades } from "./proxy.mjs";
import { deadline, startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
before(async () => (server = await startServer([], { pkg: "./examples/custom" })));
after(() => server.stop());
afterEach(disconnectAll);

const n = 2000;

/**
 * The i-th message: every tenth has binary parts.
 *
 * @param {number} i
 * @returns {unknown[]}
 */
const message = (i) => (i % 10 === 5 ? [i, Buffer.from(`binary ${i}`), { deep: [Buffer.alloc(i % 50, i % 256)] }] : [i, `text ${i} ü😀`, { n: [i, null] }]);

/**
 * Connects, and waits for the program's greeting: over the zishang520 library, which loses what comes before the program
 * has its handlers (package crud/zishang tells of it), events may be sent from then on.
 *
 * @param {string} url
 * @param {import("./client.mjs").Way} way
 * @param {Record<string, unknown>} [options]
 */
async function greeted(url, way, options) {
  /** @type {Promise<unknown>} */
  let auth = Promise.resolve();
  const socket = await connect(url, way, { ...options, prepare: (socket) => (auth = new Promise((resolve) => socket.once("auth", resolve))) });
  return { socket, auth: await Promise.race([auth, deadline("auth")]) };
}

for (const way of ways) {
  describe(way.name, () => {
    for (const early of way.transports.length > 1 ? [false, true] : [false]) {
      test(`2,000 events each way in order, binary ones and acks mixed in${early ? ", during the upgrade" : ""}`, async () => {
        const held = await holdUpgrades(server.url);
        if (!early) held.release();
        const socket = await connect(held.url, way, { early });
        const upgraded = early && new Promise((resolve) => socket.io.engine.once("upgrade", () => resolve(undefined))); // it is held back until now
        /** @type {unknown[][]} */
        const back = [];
        const all = new Promise((resolve) => {
          socket.on("message-back", (...args) => back.push(args) === n && resolve(undefined));
        });
        const acks = [];
        for (let i = 0; i < n; i++) {
          if (i === n / 4) held.release();
          socket.emit("message", ...message(i));
          if (i % 7 === 0) acks.push(new Promise((resolve) => socket.emit("message-with-ack", ...message(i), (/** @type {unknown[]} */ ...args) => resolve([i, args]))));
          if (early && i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        await Promise.race([all, deadline(`${n} events`)]);
        assert.equal(back.length, n);
        for (let i = 0; i < n; i++) assert.deepEqual(back[i], message(i));
        for (const [i, args] of /** @type {[number, unknown[]][]} */ (await Promise.race([Promise.all(acks), deadline("the acks")]))) {
          assert.deepEqual(args, message(i));
        }
        if (early) await Promise.race([upgraded, deadline("the upgrade")]); // which the last events may have been faster than
        assert.equal(socket.io.engine.transport.name, way.transports.at(-1));
        held.close();
      });
    }

    test("binary as text, for a client that wants it so", async () => {
      const { socket } = await greeted(server.url, way, { forceBase64: true });
      for (let i = 0; i < 30; i++) {
        const back = new Promise((resolve) => socket.emit("message-with-ack", ...message(i), (/** @type {unknown[]} */ ...args) => resolve(args)));
        assert.deepEqual(await Promise.race([back, deadline("the ack")]), message(i));
      }
    });

    // What 2.x has instead is a query, which is the auth where it is not for the whole connection.
    const authOf = (/** @type {object | undefined} */ auth) => (way.version === 2 ? { query: auth } : { auth });

    test("each namespace gets its own auth", async () => {
      for (const { namespace, auth } of [
        { namespace: "/" },
        { namespace: "/", auth: { token: "t" } },
        { namespace: "/custom", auth: { n: "1", text: "größe &=" } },
      ]) {
        const { auth: heard } = await greeted(`${server.url}${namespace}`, way, authOf(auth));
        assert.deepEqual(heard, way.version === 2 && namespace === "/" ? {} : (auth ?? {}));
      }
    });

    test("middleware refuses with its data, or lets in", async () => {
      await assert.rejects(connect(`${server.url}/members`, way, authOf({ token: "please" })), (/** @type {any} */ err) => {
        assert.deepEqual(err.data, { code: "UNAUTHENTICATED" });
        return true;
      });
      const { socket } = await greeted(`${server.url}/members`, way, authOf({ token: "open sesame" }));
      const back = new Promise((resolve) => socket.emit("message-with-ack", "in", resolve));
      assert.equal(await Promise.race([back, deadline("the ack")]), "in");
    });

    test("the verbs work beside events of one's own, on the same socket", async () => {
      const socket = await connect(server.url, way);
      const changes = new Changes(socket);
      const collection = `c${ways.indexOf(way)}`;
      await ok(socket, "SUBSCRIBE", collection);
      const back = new Promise((resolve) => socket.once("message-back", resolve));
      socket.emit("message", "between");
      const item = await ok(socket, "POST", collection, { n: 1 });
      assert.deepEqual((await changes.next()).item, item);
      assert.equal(await Promise.race([back, deadline("message-back")]), "between");
    });

    test("a namespace that does not exist is an error with a message", async () => {
      await assert.rejects(connect(`${server.url}/nowhere`, way), /Invalid namespace/);
    });
  });
}
