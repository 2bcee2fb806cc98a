/**
 * permessage-deflate where the server has --deflate: the stock clients over WebSocket, and ws itself.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { asSent, Changes, connect, disconnectAll, ok, ways } from "./client.mjs";
import { deadline, startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
/** @type {import("./server.mjs").Server} */
let without;
before(async () => ([server, without] = await Promise.all([startServer(["--deflate"], { pkg: "./examples/custom" }), startServer([], { pkg: "./examples/custom" })])));
after(() => Promise.all([server.stop(), without.stop()]));
afterEach(disconnectAll);

/** The ws.WebSocket under a socket. @param {import("./client.mjs").Socket} socket @returns {any} */
const webSocket = (socket) => /** @type {any} */ (socket.io.engine.transport).ws;

/** Bytes on the wire so far. @param {import("./client.mjs").Socket} socket @returns {{ sent: number, received: number }} */
const traffic = (socket) => ({ sent: webSocket(socket)._socket.bytesWritten, received: webSocket(socket)._socket.bytesRead });

for (const way of ways.filter(({ transports }) => transports.includes("websocket"))) {
  describe(way.name, () => {
    test("messages of every size and kind come back as they were, the long ones in fewer bytes", async () => {
      const socket = await connect(server.url, way, { perMessageDeflate: { threshold: 0 } });
      assert.equal(webSocket(socket).extensions.split(";")[0], "permessage-deflate");
      const start = traffic(socket);
      /** @type {unknown[][]} */
      const sent = [];
      for (let n = 1; n < 300_000; n = Math.ceil(n * 1.7)) sent.push([n, "größe 😀 ".repeat(n / 10)], [n, Buffer.alloc(n, "abc"), { n }]);
      /** @type {unknown[][]} */
      const back = [];
      const all = new Promise((resolve) => socket.on("message-back", (...args) => back.push(asSent(way, args)) === sent.length && resolve(undefined)));
      for (const args of sent) socket.emit("message", ...args);
      await Promise.race([all, deadline("the echoes")]);
      assert.deepEqual(back, sent);
      const { sent: out, received } = traffic(socket);
      const bytes = 1_000_000; // there are more
      assert.ok(out - start.sent < bytes / 20, `${out - start.sent} bytes went out`);
      assert.ok(received - start.received < bytes / 20, `${received - start.received} bytes came in`);
    });

    test("a change reaches subscribers with the extension and without, and those that poll", async () => {
      const collection = `c${ways.indexOf(way)}`;
      const readers = await Promise.all([
        connect(server.url, way),
        connect(server.url, way, { perMessageDeflate: false }),
        ...ways.map((other) => connect(server.url, other)),
      ]);
      const heard = readers.map((socket) => new Changes(socket));
      for (const socket of readers) await ok(socket, "SUBSCRIBE", collection);
      const writer = await connect(server.url, way);
      const item = await ok(writer, "POST", collection, { text: "a long text ".repeat(1000) });
      for (const changes of heard) assert.deepEqual((await changes.next()).item, item);
    });

    test("without --deflate it is not agreed", async () => {
      const socket = await connect(without.url, way, { perMessageDeflate: { threshold: 0 } });
      assert.equal(webSocket(socket).extensions, "");
      assert.equal(await ok(socket, "message-with-ack", "x".repeat(5000)), "x".repeat(5000));
    });
  });
}
