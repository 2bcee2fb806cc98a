/**
 * The feed without Socket.IO: plain WebSockets and server-sent events.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import jsonpatch from "fast-json-patch";
import { WebSocket } from "ws";

import { connect, disconnectAll, ok } from "./client.mjs";
import { call, request } from "./http.mjs";
import { deadline, startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
before(async () => (server = await startServer()));
after(() => server.stop());
afterEach(disconnectAll);

/**
 * What a plain WebSocket is sent, in order.
 *
 * @param {string} url
 * @param {string} path below /ws/
 */
function listen(url, path) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws/${path}`);
  /** @type {any[]} */
  const heard = [];
  /** @type {() => void} */
  let wake = () => {};
  socket.on("message", (data, binary) => {
    heard.push(binary ? { binary } : JSON.parse(String(data)));
    wake();
  });
  /** @type {Promise<{ code: number, reason: string }>} */
  const closed = new Promise((resolve) => socket.on("close", (code, reason) => resolve({ code, reason: String(reason) })));
  socket.on("error", () => {});
  return {
    socket,
    heard,
    closed,
    open: Promise.race([new Promise((resolve) => socket.on("open", () => resolve(undefined))), deadline("the handshake")]),
    /** @type {Promise<{ status: number, body: any }>} */
    refused: new Promise((resolve) =>
      socket.on("unexpected-response", (_, answer) => {
        let text = "";
        answer.on("data", (part) => (text += part));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) }));
      }),
    ),
    /** @param {(heard: any[]) => boolean} enough */
    async until(enough) {
      const late = deadline(`enough (${heard.length} have come)`);
      while (!enough(heard)) await Promise.race([new Promise((resolve) => (wake = () => resolve(undefined))), late]);
      return heard;
    },
  };
}

/** @param {number} seed */
function random(seed) {
  return (/** @type {number} */ below) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
}

describe("a plain WebSocket", () => {
  test("its patches, applied in turn, keep the state from GET up to date, for 1,000 changes", async () => {
    const writer = await connect(server.url);
    const rnd = random(7);
    const ids = [1, 2, "x", "ü b"];
    const write = async () => {
      const id = ids[rnd(ids.length)] ?? 1;
      const item = { id, n: rnd(5), deep: { list: Array.from({ length: rnd(6) }, () => rnd(3)), [`m${rnd(3)}`]: null }, "a/~b": rnd(2) };
      if (rnd(5) === 0) await ok(writer, "DELETE", "random", id);
      else await ok(writer, "PUT", "random", item, { reason: `r${rnd(9)}` });
    };
    for (let n = 0; n < 50; n++) await write();
    const page = await request(server.url, "GET", "random");
    const state = new Map(page.body.map((/** @type {any} */ item) => [item.id, item]));
    for (let n = 0; n < 500; n++) await write();
    const feed = listen(server.url, `random?since=${page.headers.get("Ackbase-Cursor")}`);
    await feed.open;
    for (let n = 0; n < 500; n++) await write();
    const last = await ok(writer, "POST", "random", { id: "end" }); // an id that no change before has
    await feed.until((heard) => heard.at(-1)?.id === last.id);
    assert.ok(feed.heard.length > 700, `${feed.heard.length} changes`);
    for (const { id, snapshot } of feed.heard) {
      const item = state.get(id) ?? {};
      assert.equal(snapshot.prev !== undefined, snapshot.type !== "ADDED");
      jsonpatch.applyPatch(item, snapshot.patch, true); // what it returns is ignored
      if (snapshot.type === "DELETED") assert.deepEqual(item, {});
      else assert.deepEqual(item, snapshot.item);
      state.set(id, item);
    }
    const now = (await request(server.url, "GET", "random")).body;
    assert.deepEqual([...state.values()].filter(({ id }) => id !== undefined).sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1)),
      now.sort((/** @type {any} */ a, /** @type {any} */ b) => (String(a.id) < String(b.id) ? -1 : 1)));
    for (const id of ids) { // the same of each item's whole history, over HTTP
      const item = {};
      for (const { patch } of (await request(server.url, "HISTORY", "random", id, { limit: 1000 })).body) jsonpatch.applyPatch(item, patch, true);
      assert.deepEqual(item, now.find((/** @type {any} */ there) => there.id === id) ?? {});
    }
    feed.socket.close();
    assert.equal((await feed.closed).code, 1005);
  });

  test("of one item, of a filter, and all that a snapshot tells", async () => {
    const [one, dear] = [listen(server.url, "goods/7"), listen(server.url, "goods?filters[price][$gt]=10")];
    await Promise.all([one.open, dear.open]);
    await call(server.url, "PUT", "goods", { id: 6, price: 1 });
    const put = await call(server.url, "PUT", "goods", { id: 7, price: 11 }, { reason: "new" });
    await call(server.url, "PATCH", "goods", 7, { price: 2 });
    const [added, modified] = await one.until((heard) => heard.length === 2);
    assert.deepEqual({ ...added, snapshot: { ...added.snapshot, time: "", patch: [] } }, {
      id: 7,
      snapshot: { type: "ADDED", rev: put.meta.rev, cursor: put.meta.cursor, time: "", reason: "new", patch: [], item: { id: 7, price: 11 } },
    });
    assert.deepEqual(modified.snapshot.patch, [{ op: "replace", path: "/price", value: 2 }]);
    assert.equal(modified.snapshot.prev, put.meta.rev);
    assert.deepEqual((await dear.until((heard) => heard.length === 2)).map(({ id, snapshot }) => [id, snapshot.type, snapshot.cause]), [[7, "ADDED", undefined], [7, "DELETED", "filter"]]);
    for (const { socket } of [one, dear]) socket.close();
  });

  for (const [path, status, code] of /** @type {[string, number, string][]} */ ([
    ["goods?since=nonsense", 400, "BAD_REQUEST"],
    ["goods?since=000000000000000000000000-1", 410, "GONE"],
    ["goods?nonsense=1", 400, "BAD_REQUEST"],
    ["goods?snapshot=true", 400, "BAD_REQUEST"],
    ["goods/1?filters[a]=1", 400, "BAD_REQUEST"],
    ["9goods", 400, "BAD_REQUEST"],
    ["goods/1/2", 400, "BAD_REQUEST"],
  ])) {
    test(`${path} is refused before the handshake`, async () => {
      const { status: got, body } = await listen(server.url, path).refused;
      assert.deepEqual([got, body.error.code, body.error.status], [status, code, status], body.error.message);
    });
  }

  test("it is no plain GET, and takes no messages", async () => {
    const answer = await fetch(`${server.url}/ws/goods`);
    assert.equal(answer.status, 426);
    assert.match((await answer.json()).error.message, /WebSocket/);
    const feed = listen(server.url, "goods");
    await feed.open;
    feed.socket.send("hello");
    const { code, reason } = await feed.closed;
    assert.equal(code, 4400);
    assert.match(reason, /only sends/);
  });

  test("a page of another origin may not open one", async () => {
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws/goods`, { origin: "https://elsewhere.example" });
    const status = await new Promise((resolve) => {
      socket.on("error", () => {});
      socket.on("unexpected-response", (_, { statusCode }) => resolve(statusCode));
    });
    assert.equal(status, 403);
  });

  test("who reads slowly misses nothing", async () => {
    const writer = await connect(server.url);
    const feed = listen(server.url, "large");
    await feed.open;
    feed.socket.pause();
    const text = "x".repeat(200_000);
    const posts = [];
    for (let n = 0; n < 100; n++) posts.push(ok(writer, "POST", "large", { n, text })); // 40 MB, patch and item
    await Promise.all(posts);
    feed.socket.resume();
    await feed.until((heard) => heard.length === 100);
    assert.deepEqual(feed.heard.map(({ snapshot }) => snapshot.item.n), Array.from({ length: 100 }, (_, n) => n));
    feed.socket.close();
  });

  test("the server's end says so", async () => {
    const other = await startServer();
    const feed = listen(other.url, "goods");
    await feed.open;
    await other.stop();
    assert.equal((await feed.closed).code, 1001);
  });
});

describe("server-sent events", () => {
  /** @param {string} path @param {Record<string, string>} [headers] */
  async function watch(path, headers = {}) {
    const abort = new AbortController();
    const answer = await fetch(`${server.url}/api/v2/${path}`, { headers, signal: abort.signal });
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    return {
      answer,
      stop: () => abort.abort(),
      /** @returns {Promise<{ event: string, id: string, data: any }>} */
      async next() {
        for (;;) {
          const end = text.indexOf("\n\n");
          if (end >= 0) {
            const fields = Object.fromEntries(text.slice(0, end).split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
            text = text.slice(end + 2);
            if (fields.event) return /** @type {any} */ ({ ...fields, data: JSON.parse(fields.data ?? "null") });
            continue;
          }
          const part = await Promise.race([reader?.read(), deadline("an event")]);
          assert.ok(part && !part.done, "the stream ended");
          text += part.value;
        }
      },
    };
  }

  test("go on after the event that was heard last", async () => {
    const first = await watch("sse?watch");
    assert.equal(first.answer.headers.get("Content-Type"), "text/event-stream");
    const mark = await first.next();
    assert.deepEqual([mark.event, mark.data], ["BOOKMARK", { collection: "sse", room: "sse", cursor: mark.id }]);
    await fetch(`${server.url}/api/v2/sse`, { method: "POST", headers: { "Content-Type": "application/json" }, body: '{\n  "n": 1,\r\n  "text": "a\\nb"\n}' });
    const added = await first.next();
    assert.deepEqual([added.event, added.id, added.data.item], ["ADDED", added.data.cursor, { id: 1, n: 1, text: "a\nb" }]);
    first.stop();

    await call(server.url, "PATCH", "sse", 1, { n: 2 });
    await call(server.url, "DELETE", "sse", 1);
    for (const again of [
      await watch("sse?watch", { "Last-Event-ID": added.id }),
      await watch(`sse/1?watch&since=${added.id}&patch=true`),
      await watch("sse?watch&since=nonsense", { "Last-Event-ID": added.id }),
    ]) {
      const [modified, deleted, bookmark] = [await again.next(), await again.next(), await again.next()];
      assert.deepEqual([modified.event, modified.data.item?.n ?? modified.data.patch[0].value, deleted.event, bookmark.event], ["MODIFIED", 2, "DELETED", "BOOKMARK"]);
      again.stop();
    }
    assert.equal((await watch("sse?watch", { "Last-Event-ID": "000000000000000000000000-1" })).answer.status, 410);
  });
});
