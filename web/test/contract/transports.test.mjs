/**
 * Connecting, acting, upgrading and leaving, many times in a row: in every version of the client, in every order of its
 * transports, acting before, during and after the upgrade. ACKBASE_ROUNDS is how many times for each version.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { asSent, Changes, connect, ok, way } from "./client.mjs";
import { holdUpgrades } from "./proxy.mjs";
import { deadline, startServer } from "./server.mjs";

const rounds = Number(process.env.ACKBASE_ROUNDS ?? 60);
const atOnce = 6;

/** @type {import("./server.mjs").Server} */
let server;
before(async () => (server = await startServer([], { pkg: "./examples/custom" })));
after(() => server.stop());

const orders = [["websocket"], ["polling"], ["polling", "websocket"], ["websocket", "polling"]];

/** When the client acts: where it upgrades, the first two hold the upgrade back until they have acted before it. */
const moments = ["before, during and after the upgrade", "before and after the upgrade", "at once"];

/** @param {import("./client.mjs").Socket} socket @param {string} event of its engine */
const once = (socket, event) =>
  Promise.race([new Promise((resolve) => socket.io.engine.once(/** @type {any} */ (event), () => resolve(undefined))), deadline(event)]);

/**
 * One client's life.
 *
 * @param {import("./client.mjs").Way} way
 * @param {string} moment
 * @param {number} id of the item that it writes, and hears of
 */
async function live(way, moment, id) {
  const upgrades = way.transports[0] === "polling" && way.transports.length > 1;
  const held = upgrades && moment !== "at once" ? await holdUpgrades(server.url) : undefined;
  const collection = `v${way.version}`;
  const n = 5; // at each moment
  let acted = 0;
  /** @type {Promise<unknown>[]} */
  const answers = [];
  /** @type {number[]} */
  const acked = [];
  /** @type {unknown[][]} */
  const echoes = [];
  const message = (/** @type {number} */ i) => (i % 3 === 1 ? [i, Buffer.alloc(i, i)] : [i, `text ${i} ü😀`]);

  /** @type {undefined | Promise<unknown>} */
  let upgraded;
  const socket = await connect(held?.url ?? server.url, way, {
    early: true,
    prepare: (/** @type {import("./client.mjs").Socket} */ socket) => socket.io.once("open", () => (upgraded = upgrades ? once(socket, "upgrade") : undefined)),
  });
  const ended = new Promise((resolve) => socket.once("disconnect", resolve));
  const changes = new Changes(socket);
  const heard = new Promise((resolve) => socket.on("message-back", (...args) => echoes.push(asSent(way, args)) === 3 * n && resolve(undefined)));
  const act = () => {
    for (const end = acted + n; acted < end; acted++) {
      const i = acted;
      answers.push(ok(socket, "PUT", collection, { id, i }).then((item) => assert.deepEqual(item, { id, i })));
      socket.emit("message", ...message(i));
      answers.push(ok(socket, "message-with-ack", i).then((result) => acked.push(result)));
    }
  };

  answers.push(ok(socket, "SUBSCRIBE", collection, id));
  act();
  if (held && moment === moments[0]) {
    const upgrading = once(socket, "upgrading");
    held.release();
    await upgrading;
    act();
  } else {
    if (held) await Promise.all(answers);
    held?.release();
    act();
  }
  await upgraded;
  act();

  await Promise.race([Promise.all([heard, ...answers]), deadline("everything")]);
  const all = Array.from({ length: 3 * n }, (_, i) => i);
  assert.deepEqual(acked, all);
  assert.deepEqual(echoes, all.map(message));
  assert.deepEqual((await changes.take(3 * n)).map(({ type, item }) => [type, item.i]), all.map((i) => [i === 0 ? "ADDED" : "MODIFIED", i]));
  assert.equal(socket.io.engine.transport.name, upgrades ? "websocket" : way.transports[0]);
  assert.equal(socket.connected, true);
  socket.disconnect();
  assert.equal(await Promise.race([ended, deadline("the disconnection")]), "io client disconnect");
  assert.equal(changes.all.length, 3 * n);
  held?.close();
}

for (const version of /** @type {const} */ ([4, 3, 2])) {
  describe(`socket.io-client ${version}.x, ${rounds} times in a row`, () => {
    for (const [o, transports] of orders.entries()) {
      const mine = Math.floor(rounds / orders.length) + (o < rounds % orders.length ? 1 : 0);
      test(`${mine} times over ${transports.join(", then ")}`, async () => {
        let next = 0;
        await Promise.all(
          Array.from({ length: atOnce }, async () => {
            while (next < mine) {
              const i = next++;
              const moment = /** @type {string} */ (moments[i % moments.length]);
              try {
                await live(way(version, `over ${transports}`, transports), moment, 1 + o + orders.length * i);
              } catch (err) {
                throw new Error(`round ${i}, acting ${moment}`, { cause: err });
              }
            }
          }),
        );
        assert.ok(server.running());
      });
    }
  });
}
