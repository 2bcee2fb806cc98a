// The six helpers over a stock socket.io-client, on the real server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { AckbaseError, createHelpers, request } from "../../client/ackbase.js";
import { startServer } from "../contract/server.mjs";

/** @type {import("../contract/server.mjs").Server} */
let server;
/** @type {import("socket.io-client").Socket} */
let socket;
/** @type {import("../../client/ackbase.js").Helpers} */
let helpers;

before(async () => {
  server = await startServer();
  socket = io(server.url);
  helpers = createHelpers(socket);
});
after(async () => {
  socket.disconnect();
  await server.stop();
});

test("the six helpers", async () => {
  const { getItem, getItems, postItem, putItem, patchItem, deleteItem } = helpers;
  const lamp = await postItem({ name: "Lamp", rrp: 29 }, "six");
  assert.deepEqual(lamp, { id: 1, name: "Lamp", rrp: 29 });
  assert.deepEqual(await getItem(1, "six"), lamp);
  assert.deepEqual(await putItem({ id: "A1", name: "Tea" }, "six"), { id: "A1", name: "Tea" });
  assert.deepEqual(await patchItem({ id: 1, rrp: null, stock: 3 }, "six"), { id: 1, name: "Lamp", stock: 3 });
  assert.deepEqual(await getItems({ page: 1, sort: "-name", filters: {} }, "six"), [{ id: "A1", name: "Tea" }, { id: 1, name: "Lamp", stock: 3 }]);
  assert.deepEqual(await getItems({ filters: { stock: "3" } }, "six"), [{ id: 1, name: "Lamp", stock: 3 }]);
  assert.equal(await deleteItem(1, "six"), true);
  assert.equal(await deleteItem(1, "six"), false);
});

test("getItem resolves undefined where there is no item", async () => {
  assert.equal(await helpers.getItem(404, "nothing"), undefined);
});

test("a JSON Patch resolves the items that it touched", async () => {
  await helpers.postItem({ name: "One" }, "patched");
  await helpers.postItem({ name: "Two" }, "patched");
  const touched = await helpers.patchItem(
    [
      { op: "test", path: "/1/name", value: "One" },
      { op: "replace", path: "/1/name", value: "First" },
      { op: "add", path: "/2/stock", value: 5 },
    ],
    "patched",
  );
  assert.ok(Array.isArray(touched));
  assert.deepEqual(new Map(touched.map((item) => [item.id, item])), new Map([[1, { id: 1, name: "First" }], [2, { id: 2, name: "Two", stock: 5 }]]));
  await assert.rejects(
    helpers.patchItem([{ op: "replace", path: "/2/stock", value: 6 }, { op: "test", path: "/1/name", value: "One" }], "patched"),
    { name: "AckbaseError", code: "CONFLICT", status: 409 },
  );
  assert.deepEqual(await helpers.getItem(2, "patched"), { id: 2, name: "Two", stock: 5 }, "all of it or nothing");
});

test("a server's error rejects with its code, status and details", async () => {
  const first = await request(socket, "POST", ["errors", { name: "Lamp" }]);
  const { result, meta } = await request(socket, "PUT", ["errors", { id: 1, name: "Light" }]);
  await assert.rejects(helpers.putItem({ ...result, name: "Other" }, "errors", { ifMatch: first.meta.rev }), (error) => {
    assert.ok(error instanceof AckbaseError);
    assert.ok(error instanceof Error);
    assert.equal(error.code, "PRECONDITION_FAILED");
    assert.equal(error.status, 412);
    assert.equal(error.details.rev, meta.rev);
    assert.ok(error.message.length > 10, `a sentence, not ${JSON.stringify(error.message)}`);
    return true;
  });
  await assert.rejects(helpers.postItem({ id: 1 }, "errors"), { code: "CONFLICT", status: 409 });
  await assert.rejects(helpers.getItem(1, "1 bad name"), { code: "BAD_REQUEST", status: 400 });
  await assert.rejects(helpers.getItem(/** @type {any} */ (undefined), "errors"), { code: "BAD_REQUEST" });
  await assert.rejects(helpers.getItems(/** @type {any} */ ({ size: 1 }), "errors"), { code: "BAD_REQUEST" });
});

test("the options of a write reach the server", async () => {
  const listener = io(server.url, { forceNew: true });
  try {
    await request(listener, "SUBSCRIBE", ["reasons"]);
    const heard = new Promise((resolve) => listener.once("ADDED", resolve));
    await helpers.postItem({ name: "Lamp" }, "reasons", { reason: "restocked", timeout: 20_000 });
    assert.equal((await heard).reason, "restocked");
  } finally {
    listener.disconnect();
  }
});

test("a write that is made again under its key takes effect once", async () => {
  const key = crypto.randomUUID();
  const lamp = await helpers.postItem({ name: "Lamp" }, "keys", { key });
  assert.deepEqual(await helpers.postItem({ name: "Lamp" }, "keys", { key }), lamp);
  assert.deepEqual(await helpers.getItems({}, "keys"), [lamp]);
  await assert.rejects(helpers.postItem({ name: "Tea" }, "keys", { key }), { code: "CONFLICT" });
});

test("what is called at once is done in order", async () => {
  const posted = await Promise.all(Array.from({ length: 100 }, (_, i) => helpers.postItem({ i }, "order")));
  assert.deepEqual(posted, Array.from({ length: 100 }, (_, i) => ({ i, id: i + 1 })));
});

test("without an answer in time it rejects, and says that nothing is known", async () => {
  const away = io(server.url, { autoConnect: false });
  await assert.rejects(createHelpers(away).postItem({ name: "Lamp" }, "silence", { timeout: 20 }), (error) => {
    assert.ok(error instanceof AckbaseError);
    assert.equal(error.code, "TIMEOUT");
    assert.equal(error.status, 0);
    assert.match(error.message, /no answer to POST within 20 ms/);
    assert.ok(error.cause instanceof Error);
    return true;
  });
  away.disconnect();
});
