/**
 * Calls that are wrong: each is answered with the right code, changes nothing, and the server goes on.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { call, connect, disconnectAll, ok, polling2, polling4, websocket2, websocket3, websocket4 } from "./client.mjs";
import { startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
/** What is there before the wrong calls, and after them. */
const items = [{ id: 1, n: 1, list: [1, 2], deep: { a: 1 } }, { id: 2, n: "two" }, { id: "x", n: null }];
before(async () => {
  server = await startServer();
  const socket = await connect(server.url);
  for (const item of items) await ok(socket, "POST", "items", item);
  socket.disconnect();
});
after(() => server.stop());
afterEach(disconnectAll);

/** @param {number} depth @returns {unknown} */
const nested = (depth) => (depth === 0 ? 1 : [nested(depth - 1)]);

/** A name that a literal would not set as a member. @param {string} name */
const named = (name) => JSON.parse(`{${JSON.stringify(name)}:1}`);

const [BAD, NONE, CONFLICT, PRECONDITION, LARGE] = ["BAD_REQUEST", "NOT_FOUND", "CONFLICT", "PRECONDITION_FAILED", "TOO_LARGE"];
const status = /** @type {Record<string, number>} */ ({ [BAD]: 400, [NONE]: 404, [CONFLICT]: 409, [PRECONDITION]: 412, [LARGE]: 413 });

/** The calls, by the code that answers them. @type {Record<string, unknown[][]>} */
const calls = {
  [BAD]: [
    // the collection
    ["GET"], ["GET", null], ["GET", 1], ["GET", {}], ["GET", ["items"]], ["GET", true], ["GET", ""], ["GET", "1items", 1], ["GET", "it ems", 1],
    ["GET", "items/1"], ["GET", "_items"], ["GET", "ítems"], ["GET", "a".repeat(65)], ["POST", "-", {}], ["SUBSCRIBE", "../etc"], ["DELETE", "items\u0000", 1],
    ["POST"], ["PUT"], ["PATCH"], ["DELETE"], ["SUBSCRIBE"], ["UNSUBSCRIBE"], ["HISTORY"],
    // GET by id
    ["GET", "items", null], ["GET", "items", undefined], ["GET", "items", true], ["GET", "items", [1]], ["GET", "items", 0], ["GET", "items", -1],
    ["GET", "items", 1.5], ["GET", "items", 2 ** 53], ["GET", "items", ""], ["GET", "items", "a/b"], ["GET", "items", "a\tb"], ["GET", "items", "x".repeat(257)],
    ["GET", "items", "\ud800"], ["GET", "items", 1, { unknown: 1 }], ["GET", "items", 1, "options"], ["GET", "items", 1, {}, {}],
    ["GET", "items", 1, { at: null }], ["GET", "items", 1, { at: 1 }], ["GET", "items", 1, { at: "" }], ["GET", "items", 1, { at: "2026-11-21" }], ["GET", "items", { at: "2026-11-21T00:00:00Z" }],
    // HISTORY
    ["HISTORY", "items"], ["HISTORY", "items", null], ["HISTORY", "items", {}], ["HISTORY", "items", "a/b"], ["HISTORY", "items", 1, { limit: 0 }], ["HISTORY", "items", 1, { limit: "x" }],
    ["HISTORY", "items", 1, { after: 1 }], ["HISTORY", "items", 1, { after: "" }], ["HISTORY", "items", 1, { since: "x" }], ["HISTORY", "items", 1, []], ["HISTORY", "items", 1, {}, {}],
    // queries
    ["GET", "items", { pages: 1 }], ["GET", "items", { page: 0 }], ["GET", "items", { page: -1 }], ["GET", "items", { page: 1.5 }],
    ["GET", "items", { limit: 0 }], ["GET", "items", { limit: 1001 }], ["GET", "items", { limit: "all" }], ["GET", "items", { sort: 1 }],
    ["GET", "items", { sort: "a,,b" }], ["GET", "items", { sort: "-" }], ["GET", "items", { sort: ["n"] }], ["GET", "items", { filters: "n" }], ["GET", "items", { filters: [] }],
    ["GET", "items", { filters: { n: { $near: 1 } } }], ["GET", "items", { filters: { n: {} } }], ["GET", "items", { filters: { n: { $in: 1 } } }],
    ["GET", "items", { filters: { n: { $exists: 1 } } }], ["GET", "items", { filters: { n: { $startsWith: 1 } } }], ["GET", "items", { filters: { $or: {} } }],
    ["GET", "items", { filters: { $where: "1" } }], ["GET", "items", { filters: { "a..b": 1 } }], ["GET", "items", { filters: { n: { $gt: 1, x: 2 } } }],
    ["GET", "items", { filters: { $and: [1] } }],["GET", "items", { fields: [1] }], ["GET", "items", { after: "nonsense" }],
    ["GET", "items", { after: 1 }], ["GET", "items", { after: "" }], ["GET", "items", { total: "no" }], ["GET", "items", { filters: nested(70) }], ["GET", "items", {}, {}],
    // POST
    ["POST", "items"], ["POST", "items", null], ["POST", "items", "text"], ["POST", "items", 1], ["POST", "items", [{}]], ["POST", "items", { id: 0 }],
    ["POST", "items", { id: -5 }], ["POST", "items", { id: 1.5 }], ["POST", "items", { id: {} }], ["POST", "items", { id: "a/b" }], ["POST", "items", { id: "" }],
    ["POST", "items", { id: false }], ["POST", "items", { text: "\ud83d" }], ["POST", "items", { "\udc00": 1 }], ["POST", "items", named("__proto__")],
    ["POST", "items", { deep: [named("__proto__")] }], ["POST", "items", { constructor: { prototype: {} } }], ["POST", "items", { n: nested(64) }],
    ["POST", "items", {}, { unknown: true }], ["POST", "items", {}, { reason: 1 }], ["POST", "items", {}, { reason: "x".repeat(1025) }], ["POST", "items", {}, "reason"], ["POST", "items", {}, {}, {}],
    ["POST", "items", { file: Buffer.from("binary") }], ["POST", "items", Buffer.from("{}")],
    // PUT
    ["PUT", "items"], ["PUT", "items", { n: 1 }], ["PUT", "items", { id: null, n: 1 }], ["PUT", "items", 1], ["PUT", "items", null, { n: 1 }], ["PUT", "items", 1, { id: 2 }],
    ["PUT", "items", 1, "text"], ["PUT", "items", 1, null], ["PUT", "items", 1, [1]], ["PUT", "items", 1, {}, { ifMatch: 1 }], ["PUT", "items", 1, {}, { ifMatch: "nonsense" }],
    // PATCH
    ["PATCH", "items"], ["PATCH", "items", { n: 1 }], ["PATCH", "items", { id: null }], ["PATCH", "items", "1"], ["PATCH", "items", 1, "text"], ["PATCH", "items", 1, null],
    ["PATCH", "items", 1, { id: 2 }], ["PATCH", "items", 1, [{ op: "replace" }]], ["PATCH", "items", 1, [{ op: "jump", path: "/n" }]], ["PATCH", "items", 1, [1]],
    ["PATCH", "items", 1, [{ op: "add", path: "n", value: 1 }]], ["PATCH", "items", 1, [{ op: "add", path: "/n" }]], ["PATCH", "items", 1, [{ op: "move", path: "/n" }]],
    ["PATCH", "items", 1, [{ op: "replace", path: "/id", value: 3 }]], ["PATCH", "items", 1, [{ op: "remove", path: "" }]],
    ["PATCH", "items", 1, [{ op: "replace", path: "", value: [] }]], ["PATCH", "items", [{ op: "add", path: "/n/~2", value: 1 }]],
    ["PATCH", "items", [{ op: "replace", path: "/1/id", value: 9 }]], ["PATCH", "items", [{ op: "add", path: "/a", value: "no item" }]], ["PATCH", "items", [null]],
    ["PATCH", "items", null, { n: 1 }], ["PATCH", "items", [], { ifMatch: "*" }], ["PATCH", "items", [{ op: "add", path: "", value: {} }]],
    // DELETE
    ["DELETE", "items"], ["DELETE", "items", null], ["DELETE", "items", {}], ["DELETE", "items", [1]], ["DELETE", "items", 1, { force: true }], ["DELETE", "items", 1, {}, 1],
    // SUBSCRIBE and UNSUBSCRIBE
    ["SUBSCRIBE", "items", {}, {}], ["SUBSCRIBE", "items", true], ["SUBSCRIBE", "items", -1], ["SUBSCRIBE", "items", null, { filter: {} }], ["SUBSCRIBE", "items", null, { filters: 1 }],
    ["SUBSCRIBE", "items", null, { filters: { n: { $bad: 1 } } }], ["SUBSCRIBE", "items", null, { snapshot: "yes" }], ["SUBSCRIBE", "items", null, { patch: 1 }],
    ["SUBSCRIBE", "items", null, "options"], ["SUBSCRIBE", "items", 1, {}, {}], ["UNSUBSCRIBE", "items", null, { snapshot: true }], ["UNSUBSCRIBE", "items", "a/b"],
  ],
  [NONE]: [
    ["GET", "items", 99], ["GET", "items", "no such id"], ["GET", "nothing", 1], ["HISTORY", "items", 99], ["HISTORY", "nothing", 1], ["GET", "items", 1, { at: "1970-01-01T00:00:00Z" }], ["PATCH", "items", { id: 99, n: 1 }], ["PATCH", "items", 99, []],
    ["PATCH", "items", 99, [{ op: "add", path: "/n", value: 1 }]],
  ],
  [CONFLICT]: [
    ["POST", "items", { id: 1 }], ["POST", "items", { id: "1" }], ["PATCH", "items", 1, [{ op: "test", path: "/n", value: 2 }]], ["PATCH", "items", 1, [{ op: "remove", path: "/zz" }]],
    ["PATCH", "items", 1, [{ op: "replace", path: "/list/9", value: 1 }]], ["PATCH", "items", 1, [{ op: "copy", from: "/zz", path: "/n" }]],
    ["PATCH", "items", [{ op: "replace", path: "/1/n", value: 5 }, { op: "test", path: "/2/n", value: 5 }]], ["PATCH", "items", [{ op: "remove", path: "/99" }]],
  ],
  [PRECONDITION]: [
    ["PUT", "items", { id: 1 }, { ifMatch: null }], ["PUT", "items", { id: 99 }, { ifMatch: "*" }], ["DELETE", "items", 99, { ifMatch: "*" }],
  ],
  [LARGE]: [
    ["POST", "items", { text: "x".repeat(1.2 * 2 ** 20) }], ["PUT", "items", 1, { text: "x".repeat(1.2 * 2 ** 20) }], ["PATCH", "items", { id: 1, text: "x".repeat(1.2 * 2 ** 20) }],
  ],
};

describe("a stock client's wrong calls are answered with the right code", () => {
  for (const way of [websocket4, polling4, websocket3, websocket2, polling2]) {
    const large = (/** @type {string} */ code) => code === LARGE;
    for (const { name, codes } of [
      { name: way.name, codes: Object.keys(calls).filter((code) => !large(code)) },
      { name: `${way.name}, too large`, codes: Object.keys(calls).filter(large) },
    ]) {
      test(name, async () => {
        const socket = await connect(server.url, way);
        for (const code of codes) {
          for (const args of calls[code] ?? []) {
            const what = JSON.stringify(args).slice(0, 120);
            const { result, error, meta, values } = await call(socket, .../** @type {[string, ...unknown[]]} */ (args));
            assert.equal(error?.code, code, `${what}: ${error ? error.message : `succeeded: ${JSON.stringify(result)}`}`);
            assert.equal(error?.status, status[code], what);
            assert.deepEqual([result, meta, values], [null, undefined, 2], what);
            assert.match(error?.message ?? "", /^.{10,}$/s, what);
          }
        }
        assert.deepEqual(await ok(socket, "GET", "items"), items, "they changed nothing");
        assert.ok(socket.connected && server.running());
      });
    }
  }
});

/**
 * A long-polling session in plain packets, for what no stock client would send.
 */
class Raw {
  #address = "";

  static async open() {
    const raw = new Raw();
    const address = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const handshake = JSON.parse((await (await fetch(address)).text()).slice(1));
    raw.#address = `${address}&sid=${handshake.sid}`;
    await raw.send("40");
    assert.match(await raw.receive(), /^40/);
    return raw;
  }

  /** @param {string} packets */
  async send(packets) {
    const response = await fetch(this.#address, { method: "POST", body: packets, headers: { "content-type": "text/plain;charset=UTF-8" } });
    assert.equal(await response.text(), "ok");
  }

  /** @returns {Promise<string>} */
  async receive() {
    return (await fetch(this.#address)).text();
  }

  async close() {
    await this.send("1");
  }
}

test("what two JSON readers would read differently is refused", async () => {
  const raw = await Raw.open();
  for (const args of [
    `["POST","items",{"n":1,"n":2}]`,
    `["POST","items",{"a":{"b":1,"b":1}}]`,
    `["POST","items",{"id":5,"id":6}]`,
    `["POST","items",{"n":1,"\\u006e":2}]`,
    `["POST","items",{"t":"\\ud800"}]`,
    `["POST","items",{"t":"\\udc00\\ud800"}]`,
    `["POST","items",{"\\u005f_proto__":{}}]`,
    `["POST","items",{"n":1e999}]`,
    `["PUT","items",1,{"n":1,"n":2}]`,
    `["PATCH","items",{"id":1,"id":2,"n":1}]`,
    `["PATCH","items",1,[{"op":"add","op":"remove","path":"/n","value":1}]]`,
    `["PATCH","items",1,[{"op":"remove","path":"/n","path":"/deep"}]]`,
    `["GET","items",{"limit":1,"limit":2}]`,
    `["GET","items",{"filters":{"n":1,"n":2}}]`,
    `["GET","items",9007199254740993]`,
    `["GET","items",1e400]`,
    `["SUBSCRIBE","items",null,{"patch":true,"patch":false}]`,
    `["DELETE","items",1,{"ifMatch":null,"ifMatch":"*"}]`,
  ]) {
    await raw.send(`420${args}`);
    const answer = await raw.receive();
    assert.match(answer, /^430\[null,\{"code":"BAD_REQUEST","status":400,/, `${args}: ${answer}`);
  }
  await raw.send(`420["GET","items"]`);
  assert.deepEqual(JSON.parse((await raw.receive()).slice(3))[0], items, "they changed nothing");
  await raw.close();
});

test("a packet that is none ends its own connection and no other", async () => {
  const bystander = await connect(server.url);
  for (const packet of ["4", "42", "42[", `42["GET"`, "42{}", "42[1]", "42[]", `420`, `42["GET","items",1]x`, "45-", "451-", `451-["GET",{"_placeholder":true,"num":1}]x`, "47", "9", "x", `42["GET","it`, "43"]) {
    const raw = await Raw.open();
    await raw.send(packet).catch(() => {}); // the answer itself may already say so
    assert.ok(server.running(), packet);
    assert.deepEqual(await ok(bystander, "GET", "items", 1), items[0], packet);
    await raw.close().catch(() => {});
  }
});

test("names that no verb has are no concern of the verbs", async () => {
  const socket = await connect(server.url);
  socket.emit("get", "items", 1);
  socket.emit("DROP", "items");
  socket.emit("constructor", "items");
  socket.emit("__proto__", "items");
  assert.deepEqual(await ok(socket, "GET", "items"), items);
});
