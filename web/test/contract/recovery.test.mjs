/**
 * Connection state recovery: what a stock client of version 4.6 or later does by itself when its connection was lost. It
 * comes back with its pid and the last offset, `socket.recovered` is true, and nothing was missed or comes twice.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { call, Changes, connect, disconnectAll, ok, polling4, upgraded4, websocket2, websocket3, websocket4 } from "./client.mjs";
import { layLine } from "./proxy.mjs";
import { dataFile, deadline, startServer } from "./server.mjs";

/** @typedef {import("./client.mjs").Socket} Socket */
/** @typedef {import("./client.mjs").Way} Way */

/** @type {import("./server.mjs").Server} */
let server;
/** @type {import("./proxy.mjs").Line[]} */
let lines = [];
before(async () => (server = await startServer()));
after(() => server.stop());
afterEach(() => {
  disconnectAll();
  for (const line of lines) line.close();
  lines = [];
});

let collections = 0;
const fresh = () => `r${collections++}`;

/** @param {string} [url] */
async function lay(url = server.url) {
  const line = await layLine(url);
  lines.push(line);
  return line;
}

/** A client that reconnects by itself, as stock clients do, only sooner. @param {string} url @param {Way} [way] */
const back = (url, way = websocket4) => connect(url, way, { reconnection: true, reconnectionDelay: 5, reconnectionDelayMax: 20, timeout: 2000 });

/** @param {Socket} socket @param {"connect" | "disconnect"} event */
const once = (socket, event) => Promise.race([new Promise((resolve) => socket.once(event, () => resolve(undefined))), deadline(event)]);

/**
 * What a client that is away for a while has to come back with.
 *
 * @param {Socket} socket @param {import("./proxy.mjs").Line} line @param {() => Promise<unknown>} meanwhile
 */
async function away(socket, line, meanwhile) {
  const gone = once(socket, "disconnect");
  line.cut();
  await gone;
  const connected = once(socket, "connect");
  await meanwhile();
  line.through();
  await connected;
}

/** @param {import("./client.mjs").Change} change */
const brief = ({ room, type, id, item }) => `${room} ${type} ${id} ${item?.n}`;

for (const way of [websocket4, polling4, upgraded4]) {
  describe(way.name, () => {
    test("everything missed comes once and in order, after a kill -9 of the server too", async () => {
      const data = dataFile();
      let own = await startServer(["--data", data]);
      const line = await lay(own.url);
      const socket = await back(line.url, way);
      const changes = new Changes(socket);
      const [c, filters] = ["items", { n: { $gte: 10 } }];
      const { room } = (await call(socket, "SUBSCRIBE", c, null, { filters, patch: true })).meta;
      await ok(socket, "SUBSCRIBE", c, 1);
      await ok(socket, "SUBSCRIBE", "others");
      await ok(socket, "PUT", c, { id: 1, n: 1 });
      await ok(socket, "PUT", c, { id: 1, n: 10 });
      assert.deepEqual((await changes.take(3)).map(({ room, type }) => `${room} ${type}`), [`${c}/1 ADDED`, `${c}/1 MODIFIED`, `${room} ADDED`]);
      assert.deepEqual(changes.offsets.map((offset) => typeof offset), ["string", "undefined", "string"], "the last event of a change alone carries the offset");

      for (const restart of [false, true]) {
        const { id } = socket;
        await away(socket, line, async () => {
          if (restart) {
            await own.kill();
            own = await startServer(["--data", data]);
            line.through(own.url);
            line.cut();
          }
          const writer = await connect(own.url);
          await ok(writer, "PUT", c, { id: 1, n: 20 });
          await ok(writer, "PUT", c, { id: 2, n: 2 });
          await ok(writer, "PUT", "others", { id: 2, n: 3 });
          await ok(writer, "PUT", c, { id: 1, n: 5 });
        });
        assert.equal(socket.recovered, true);
        assert.equal(socket.id, id);
        const heard = await changes.take(5);
        assert.deepEqual(heard.map(({ room, type, id }) => `${room} ${type} ${id}`).sort(), [
          `${c}/1 MODIFIED 1`, `${c}/1 MODIFIED 1`, `${room} DELETED 1`, `${room} MODIFIED 1`, `others ${restart ? "MODIFIED" : "ADDED"} 2`,
        ].sort());
        assert.deepEqual([...heard].map(({ cursor }) => cursor), [...heard].sort((a, b) => seq(a) - seq(b)).map(({ cursor }) => cursor), "in the order of the log");
        assert.ok(heard.find((change) => change.room === room && change.type === "MODIFIED")?.patch, "in the form that was asked for");
        const live = await changes.nothingBefore(() => ok(socket, "PUT", "others", { id: 2, n: restart ? 101 : 100 }));
        assert.equal(live.room, "others");
        await ok(socket, "PUT", c, { id: 1, n: 10 }); // as at the beginning
        await changes.take(2);
        await ok(socket, "PUT", "others", { id: 2, n: restart ? 3 : 0 });
        await changes.take(1);
      }
      socket.disconnect();
      await own.stop();
    });

    test("a client that never got an event, and one that has got nothing but bookmarks", async () => {
      const quick = await startServer(["--bookmark", "50ms"]);
      const line = await lay(quick.url);
      const [writer, socket] = [await connect(quick.url), await back(line.url, way)];
      const changes = new Changes(socket);
      await ok(writer, "PUT", "items", { id: 1, n: 0 }); // before it subscribed
      await ok(socket, "SUBSCRIBE", "items");
      await away(socket, line, () => ok(writer, "PUT", "items", { id: 1, n: 1 }));
      assert.equal(socket.recovered, true);
      assert.equal(brief(await changes.next()), "items MODIFIED 1 1");

      const quiet = await back(line.url, way);
      const told = new Promise((resolve) => quiet.once("BOOKMARK", (mark, offset) => resolve([mark.room, typeof offset])));
      const none = new Changes(quiet);
      await ok(quiet, "SUBSCRIBE", "quiet");
      await ok(writer, "PUT", "items", { id: 1, n: 2 });
      assert.deepEqual(await Promise.race([told, deadline("BOOKMARK")]), ["quiet", "string"]);
      await away(quiet, line, () => ok(writer, "PUT", "quiet", { id: 1, n: 1 }));
      assert.equal(quiet.recovered, true);
      assert.equal(brief(await none.next()), "quiet ADDED 1 1");
      disconnectAll();
      await quick.stop();
    });

    test("a connection that still seems open is taken over", async () => {
      const line = await lay();
      const [writer, socket] = [await connect(server.url), await back(line.url, way)];
      const changes = new Changes(socket);
      const c = fresh();
      await ok(socket, "SUBSCRIBE", c);
      await ok(writer, "PUT", c, { id: 1, n: 1 });
      await changes.next();
      const { id } = socket;
      line.freeze();
      await ok(writer, "PUT", c, { id: 1, n: 2 }); // for the connection that is dead
      const connected = once(socket, "connect");
      socket.io.engine.close();
      await connected;
      assert.equal(socket.recovered, true);
      assert.equal(socket.id, id);
      assert.equal(brief(await changes.next()), `${c} MODIFIED 1 2`);
      assert.equal(brief(await changes.nothingBefore(() => ok(writer, "PUT", c, { id: 1, n: 3 }))), `${c} MODIFIED 1 3`);
    });

    test("a connection that is lost within a replay begins anew, one after it does not", async () => {
      const line = await lay();
      const writer = await connect(server.url);
      const c = fresh();
      const { meta } = await call(writer, "PUT", c, { id: 1, n: 0 });
      const writes = [];
      for (let n = 1; n <= 300; n++) writes.push(ok(writer, "PUT", c, { id: 1, n, text: "x".repeat(1000) }));
      await Promise.all(writes);

      const socket = await back(line.url, way);
      const live = fresh();
      await ok(socket, "SUBSCRIBE", live);
      await ok(socket, "PUT", live, { id: 1, n: 1 }); // so that it has an offset
      line.cutAfter(100_000);
      const gone = once(socket, "disconnect");
      const changes = new Changes(socket, { bookmarks: true });
      socket.emit("SUBSCRIBE", c, { since: meta.cursor });
      await gone;
      const connected = once(socket, "connect");
      line.through();
      await connected;
      assert.equal(socket.recovered, false);
      assert.ok(changes.all.filter(({ room }) => room === c).length < 300);

      const again = new Changes(socket, { bookmarks: true });
      await ok(socket, "SUBSCRIBE", c, { since: meta.cursor });
      await again.take(301);
      assert.equal(again.all.at(-1)?.type, "BOOKMARK");
      assert.deepEqual(new Set(again.offsets.slice(0, 300)), new Set([undefined]), "what is replayed carries no offset");
      await away(socket, line, () => ok(writer, "PUT", c, { id: 1, n: 301 }));
      assert.equal(socket.recovered, true);
      assert.equal(brief(await again.next()), `${c} MODIFIED 1 301`);
      assert.equal(again.all.length, 302);
    });

    test("the offset outlives the session, and says nothing about the next one", async () => {
      const line = await lay();
      const [writer, socket] = [await connect(server.url), await back(line.url, way)];
      const changes = new Changes(socket);
      const c = fresh();
      await ok(socket, "SUBSCRIBE", c);
      await ok(writer, "PUT", c, { id: 1, n: 1 });
      await changes.next();
      const { id } = socket;
      socket.disconnect();
      await ok(writer, "PUT", c, { id: 1, n: 2 });
      const connected = once(socket, "connect");
      socket.connect();
      await connected;
      assert.deepEqual([socket.recovered, socket.id === id], [false, false], "who disconnects by itself has left");
      await ok(socket, "SUBSCRIBE", c);
      await away(socket, line, () => ok(writer, "PUT", c, { id: 1, n: 3 }));
      assert.equal(socket.recovered, true);
      assert.equal(brief(await changes.nothingBefore(async () => {})), `${c} MODIFIED 1 3`);
    });
  });
}

/** The sequence number of a change, for their order. @param {import("./client.mjs").Change} change */
const seq = ({ cursor }) => Number.parseInt(cursor.split("-")[1], 36);

test("what was unsubscribed from does not come back, and without a subscription there is nothing to recover", async () => {
  const line = await lay();
  const [writer, socket] = [await connect(server.url), await back(line.url)];
  const changes = new Changes(socket);
  const [a, b] = [fresh(), fresh()];
  await ok(socket, "SUBSCRIBE", a);
  await ok(socket, "SUBSCRIBE", b);
  await ok(socket, "UNSUBSCRIBE", a);
  await away(socket, line, async () => {
    await ok(writer, "PUT", a, { id: 1, n: 1 });
    await ok(writer, "PUT", b, { id: 1, n: 1 });
  });
  assert.equal(socket.recovered, true);
  assert.equal(brief(await changes.nothingBefore(async () => {})), `${b} ADDED 1 1`);
  assert.equal(await ok(socket, "UNSUBSCRIBE", b), true);
  await away(socket, line, async () => {});
  assert.equal(socket.recovered, false);
});

test("a pid or an offset that the server never gave begins anew", async () => {
  const line = await lay();
  const socket = await back(line.url);
  const c = fresh();
  await ok(socket, "SUBSCRIBE", c);
  const { meta } = await call(socket, "PUT", c, { id: 1, n: 1 });
  // @ts-expect-error: what the client keeps is its own
  const pid = /** @type {string} */ (socket._pid);
  assert.ok(pid.length * 5 - 48 >= 128, pid);
  line.cut(); // or it would come back whenever another takes its session over
  const [epoch, number] = meta.cursor.split("-");
  const another = (/** @type {string} */ text, /** @type {number} */ at) => text.slice(0, at) + (text[at] === "0" ? "1" : "0") + text.slice(at + 1);
  for (const auth of [
    { pid: another(pid, 20) },
    { pid: "" },
    { pid: "x".repeat(100_000) },
    { pid: 7 },
    { pid: { toString: "x" }, offset: meta.cursor },
    { pid, offset: "nonsense" },
    { pid, offset: "" },
    { pid, offset: 7 },
    { pid, offset: `${another(epoch, 0)}-${number}` },
    { pid, offset: `${another(epoch, 23)}-${number}` },
    { pid, offset: `${epoch}-zzzzzz` },
    { pid, offset: `${meta.cursor}.zzz.` },
  ]) {
    const other = await connect(server.url, websocket4, { auth });
    // @ts-expect-error
    assert.notEqual(other._pid, auth.pid);
    assert.equal(Boolean(other.recovered), false);
    assert.equal(await ok(other, "UNSUBSCRIBE", c), false, JSON.stringify(auth).slice(0, 100));
    other.disconnect();
  }
  const other = await connect(server.url, websocket4, { auth: { pid, offset: meta.cursor } });
  assert.equal(await ok(other, "UNSUBSCRIBE", c), true, "who holds both has the session");
});

test("of the database of another epoch there is nothing to recover", async () => {
  const [one, two] = [await startServer(), await startServer()];
  const line = await lay(one.url);
  const socket = await back(line.url);
  await ok(socket, "SUBSCRIBE", "items");
  await ok(socket, "PUT", "items", { id: 1 });
  await away(socket, line, async () => {
    line.through(two.url);
    line.cut();
  });
  assert.equal(socket.recovered, false);
  // The offset of the other one stays with the client until an event comes.
  const changes = new Changes(socket);
  await ok(socket, "SUBSCRIBE", "items");
  await ok(socket, "PUT", "items", { id: 1, n: 1 });
  await changes.next();
  const writer = await connect(two.url);
  await away(socket, line, () => ok(writer, "PUT", "items", { id: 1, n: 2 }));
  assert.equal(socket.recovered, true);
  assert.equal(brief(await changes.next()), "items MODIFIED 1 2");
  disconnectAll();
  await Promise.all([one.stop(), two.stop()]);
});

test("events that end in a text have the offset behind it, and recover as well", async () => {
  const own = await startServer([], { pkg: "./examples/custom" });
  const line = await lay(own.url);
  const [writer, socket] = [await connect(own.url), await back(line.url)];
  const changes = new Changes(socket);
  /** @type {unknown[][]} */
  const echoes = [];
  const echo = async (/** @type {unknown[]} */ ...args) => {
    const heard = new Promise((resolve) => socket.once("message-back", (...args) => resolve(args)));
    socket.emit("message", ...args);
    echoes.push(/** @type {unknown[]} */ (await Promise.race([heard, deadline("message-back")])));
    return echoes.at(-1);
  };
  assert.deepEqual((await echo("before any event"))?.length, 2);
  await ok(socket, "SUBSCRIBE", "items");
  await echo("still");
  await away(socket, line, () => ok(writer, "PUT", "items", { id: 1, n: 1 }));
  assert.equal(socket.recovered, true);
  assert.equal(brief(await changes.next()), "items ADDED 1 1");
  const [offset] = changes.offsets;
  for (const args of [["text"], ["a", "b"], [], [Buffer.from("binary"), "text"]]) {
    assert.deepEqual(await echo(...args), [...args, offset]);
  }
  for (const args of [[1], [{ a: "text" }], ["text", null], ["text", Buffer.from("binary")]]) assert.deepEqual(await echo(...args), args);
  await echo("the last");
  await away(socket, line, () => ok(writer, "PUT", "items", { id: 1, n: 2 }));
  assert.equal(socket.recovered, true);
  assert.equal(brief(await changes.next()), "items MODIFIED 1 2");
  assert.deepEqual(await echo("again"), ["again", changes.offsets.at(-1)]);
  assert.equal(changes.all.length, 2);
  assert.deepEqual(echoes.map(([first]) => first).slice(-2), ["the last", "again"]);

  const plain = await connect(`${own.url}/custom`);
  const heard = new Promise((resolve) => plain.once("message-back", (...args) => resolve(args)));
  plain.emit("message", "text");
  assert.deepEqual(await Promise.race([heard, deadline("message-back")]), ["text"], "a namespace without the verbs has no recovery");
  disconnectAll();
  await own.stop();
});

test("clients that know nothing of it", async () => {
  const writer = await connect(server.url);
  for (const [way, offset] of /** @type {const} */ ([[websocket3, "string"], [websocket2, "undefined"]])) {
    const socket = await connect(server.url, way);
    const changes = new Changes(socket);
    const c = fresh();
    await ok(socket, "SUBSCRIBE", c);
    await ok(writer, "PUT", c, { id: 1, n: 1 });
    assert.equal(brief(await changes.next()), `${c} ADDED 1 1`);
    assert.deepEqual(changes.offsets.map((offset) => typeof offset), [offset]);
  }
});

test("--recover-for 0 switches it off", async () => {
  const own = await startServer(["--recover-for", "0"]);
  const line = await lay(own.url);
  const socket = await back(line.url);
  const changes = new Changes(socket);
  // @ts-expect-error: what the client keeps is its own
  assert.equal(socket._pid, undefined);
  await ok(socket, "SUBSCRIBE", "items");
  await ok(socket, "PUT", "items", { id: 1 });
  await changes.next();
  assert.deepEqual(changes.offsets, [undefined]);
  await away(socket, line, async () => {});
  assert.ok(!socket.recovered);
  socket.disconnect();
  await own.stop();
});

test("the oldest sessions are forgotten when they are too many", async () => {
  const own = await startServer(["--max-recoverable", "2"]);
  const line = await lay(own.url);
  const sockets = [];
  for (let n = 0; n < 3; n++) {
    const socket = await back(line.url);
    await ok(socket, "SUBSCRIBE", "items");
    sockets.push(socket);
  }
  const connected = sockets.map((socket) => once(socket, "connect"));
  const gone = sockets.map((socket) => once(socket, "disconnect"));
  line.cut();
  await Promise.all(gone);
  line.through();
  await Promise.all(connected);
  assert.deepEqual(sockets.map(({ recovered }) => recovered), [false, true, true]);
  disconnectAll();
  await own.stop();
});
