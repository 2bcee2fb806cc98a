/**
 * One table of calls, over the socket and over HTTP: the same results, the same errors, the same revisions.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { call as overSocket, connect, disconnectAll } from "./client.mjs";
import { call as overHTTP, request } from "./http.mjs";
import { startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
before(async () => (server = await startServer()));
after(() => server.stop());
afterEach(disconnectAll);

/** @typedef {{ rev?: string, cursor?: string, created?: boolean, total?: number, next?: string | null }} Meta */
/**
 * A step: the call after the collection, and what it answers: a result, or the code of an error. `rev` stands for
 * the revision that the step named last wrote, `cursor` for where the write before the last one stood. Of HISTORY the
 * result is told as type, reason and item.
 *
 * @typedef {[verb: string, args: any[], want: unknown, meta?: Meta]} Step
 */

const rev = Symbol("the last revision");
const cursor = Symbol("the cursor before the last write");
const code = (/** @type {string} */ name) => new Error(name);

/** @type {Step[]} */
const steps = [
  ["GET", [], [], { total: 0 }],
  ["GET", [1], code("NOT_FOUND")],
  ["POST", [{ name: "a", deep: { list: [1, 2.5, null, "ü 😀"] } }], { id: 1, name: "a", deep: { list: [1, 2.5, null, "ü 😀"] } }],
  ["GET", [1], { id: 1, name: "a", deep: { list: [1, 2.5, null, "ü 😀"] } }],
  ["GET", ["1"], { id: 1, name: "a", deep: { list: [1, 2.5, null, "ü 😀"] } }],
  ["POST", [{ id: 1 }], code("CONFLICT")],
  ["POST", [{ id: "with space ?#%&+" }], { id: "with space ?#%&+" }],
  ["GET", ["with space ?#%&+"], { id: "with space ?#%&+" }],
  ["DELETE", ["with space ?#%&+"], true],
  ["DELETE", ["with space ?#%&+"], false],
  ["POST", [JSON.parse(`{ "__proto__": 1 }`)], code("BAD_REQUEST")],
  ["PUT", [{ id: "k", n: 1 }], { id: "k", n: 1 }, { created: true }],
  ["PUT", ["k", { n: 2 }], { id: "k", n: 2 }, { created: false }],
  ["PUT", ["k", { n: 2 }], { id: "k", n: 2 }, { created: false }],
  ["PUT", [5, { id: 5 }], { id: 5 }, { created: true }],
  ["PUT", [6, { id: "6" }], { id: "6" }, { created: true }],
  ["GET", ["6"], { id: "6" }],
  ["PUT", [5, { id: 7 }], code("BAD_REQUEST")],
  ["PUT", [5, { n: 1 }, { ifMatch: "*", reason: "because, ü" }], { id: 5, n: 1 }, { created: false }],
  ["PUT", [5, { n: 3 }, { ifMatch: rev }], { id: 5, n: 3 }, { created: false }],
  ["GET", [5, { at: cursor }], { id: 5, n: 1 }],
  ["HISTORY", [5], [["ADDED", undefined, { id: 5 }], ["MODIFIED", "because, ü", { id: 5, n: 1 }], ["MODIFIED", undefined, { id: 5, n: 3 }]], { next: null }],
  ["HISTORY", ["5", { after: cursor, limit: 10 }], [["MODIFIED", undefined, { id: 5, n: 3 }]], { next: null }],
  ["PUT", [5, { n: 4 }, { ifMatch: null }], code("PRECONDITION_FAILED")],
  ["PUT", [8, { n: 4 }, { ifMatch: null }], { id: 8, n: 4 }, { created: true }],
  ["PUT", [8, { n: 5 }, { ifMatch: "1-00000000" }], code("PRECONDITION_FAILED")],
  ["PUT", [8, { n: 5 }, { ifMatch: "nonsense" }], code("BAD_REQUEST")],
  ["PATCH", [5, { n: null, l: [1] }], { id: 5, l: [1] }],
  ["PATCH", [5, [{ op: "add", path: "/l/-", value: 2 }], { ifMatch: rev }], { id: 5, l: [1, 2] }],
  ["PATCH", [5, [{ op: "test", path: "/l", value: 0 }]], code("CONFLICT")],
  ["PATCH", [5, [{ op: "nonsense", path: "/l" }]], code("BAD_REQUEST")],
  ["PATCH", [44, { a: 1 }], code("NOT_FOUND")],
  ["PATCH", [[{ op: "add", path: "/9", value: { m: 1 } }, { op: "remove", path: "/8" }]], [{ id: 9, m: 1 }]],
  ["GET", [8], code("NOT_FOUND")],
  ["GET", [{ sort: "-id", limit: 2, fields: ["id"] }], [{ id: "k" }, { id: "6" }], { total: 5 }],
  ["GET", [{ filters: { m: "1" } }], [{ id: 9, m: 1 }], { total: 1 }],
  ["GET", [{ filters: { m: { $gte: "1" } }, total: false }], [{ id: 9, m: 1 }]],
  ["GET", [{ filters: { $or: [{ name: "a" }, { m: { $exists: true } }] }, fields: "id" }], [{ id: 1 }, { id: 9 }], { total: 2 }],
  ["GET", [{ filters: { name: { $in: ["a", "b"] } }, fields: "id" }], [{ id: 1 }], { total: 1 }],
  ["GET", [{ filters: { name: { $in: ["b"] } } }], [], { total: 0 }],
  ["GET", [{ filters: { name: { $nope: "b" } } }], code("BAD_REQUEST")],
  ["GET", [{ nonsense: 1 }], code("BAD_REQUEST")],
  ["GET", [{ limit: 1001 }], code("BAD_REQUEST")],
  ["DELETE", [9, { ifMatch: "1-00000000" }], code("PRECONDITION_FAILED")],
  ["DELETE", [9, { reason: "gone" }], true],
  ["HISTORY", [9], [["ADDED", undefined, { id: 9, m: 1 }], ["DELETED", "gone", { id: 9, m: 1 }]], { next: null }],
  ["HISTORY", [9, { limit: 1 }], [["ADDED", undefined, { id: 9, m: 1 }]]],
  ["GET", [9, { at: cursor }], { id: 9, m: 1 }],
  ["GET", [9, { at: "2001-02-03T04:05:06.789Z" }], code("NOT_FOUND")],
  ["GET", [5, { at: "2999-01-01T00:00:00+02:00" }], { id: 5, l: [1, 2] }],
  ["GET", [5, { at: "yesterday" }], code("BAD_REQUEST")],
  ["GET", [5, { at: "000000000000000000000000-0" }], code("GONE")],
  ["HISTORY", [44], code("NOT_FOUND")],
  ["HISTORY", [5, { after: "000000000000000000000000-1" }], code("GONE")],
  ["HISTORY", [5, { after: "nonsense" }], code("BAD_REQUEST")],
  ["HISTORY", [5, { limit: 1001 }], code("BAD_REQUEST")],
  ["HISTORY", [5, { page: 1 }], code("BAD_REQUEST")],
  ["POST", [{ n: 1 }, { key: "once" }], { id: 2, n: 1 }],
  ["POST", [{ n: 1 }, { key: "once" }], { id: 2, n: 1 }],
  ["POST", [{ n: 2 }, { key: "once" }], code("CONFLICT")],
  ["PUT", [2, { n: 2 }, { ifMatch: "*", key: "put" }], { id: 2, n: 2 }, { created: false }],
  ["DELETE", [2, { key: "away" }], true],
  ["DELETE", [2, { key: "away" }], true],
  ["PUT", [2, { n: 2 }, { ifMatch: "*", key: "put" }], { id: 2, n: 2 }, { created: false }],
  ["GET", [2], code("NOT_FOUND")],
  ["POST", [{}, { key: "k".repeat(257) }], code("BAD_REQUEST")],
];

let tables = 0;

/** @param {(verb: string, ...args: any[]) => Promise<import("./client.mjs").Answer>} call */
async function run(call) {
  const collection = `table${tables++}`;
  let last = "";
  const cursors = ["", ""]; // of the last writes
  for (const [i, [verb, args, want, meta]] of steps.entries()) {
    const step = `step ${i}: ${verb} ${JSON.stringify(args)}`;
    const given = args.map((arg) => {
      if (arg?.ifMatch === rev) return { ...arg, ifMatch: last };
      for (const name of ["at", "after"]) if (arg?.[name] === cursor) return { ...arg, [name]: cursors[0] };
      return arg;
    });
    const answer = await call(verb, collection, ...given);
    if (want instanceof Error) {
      assert.equal(answer.error?.code, want.message, `${step}: ${answer.error?.message ?? JSON.stringify(answer.result)}`);
      continue;
    }
    assert.equal(answer.error, null, `${step}: ${answer.error?.message}`);
    const told = verb === "HISTORY" ? answer.result.map((/** @type {any} */ entry) => [entry.type, entry.reason, entry.item]) : answer.result;
    assert.deepEqual(told, want, step);
    if (verb !== "HISTORY") assert.match(answer.meta.cursor, /^\S+$/, step);
    if (!["GET", "HISTORY"].includes(verb)) cursors.splice(0, 2, cursors[1] ?? "", answer.meta.cursor);
    for (const [name, value] of Object.entries(meta ?? {})) assert.equal(answer.meta[name], value, `${step}: ${name}`);
    if (["POST", "PUT"].includes(verb)) assert.match(answer.meta.rev, /^\S+$/, step);
    last = answer.meta.rev ?? last;
  }
}

describe("one table of calls", () => {
  test("over the socket", async () => {
    const socket = await connect(server.url);
    await run((verb, ...args) => overSocket(socket, verb, ...args));
  });

  test("over HTTP", () => run((verb, ...args) => overHTTP(server.url, verb, ...args)));

  test("a collection that is no good name, and a malformed id", async () => {
    const socket = await connect(server.url);
    /** @type {[string, any[]][]} */
    const calls = [["GET", ["9x", 1]], ["GET", ["a b"]], ["GET", ["items", "a\u0001b"]], ["POST", ["9x", {}]]];
    for (const [verb, args] of calls) {
      const [one, other] = [await overSocket(socket, verb, ...args), await overHTTP(server.url, verb, ...args)];
      assert.equal(one.error?.code, "BAD_REQUEST");
      assert.deepEqual(other.error, one.error);
    }
  });
});

test("a key is the same over the socket and over HTTP", async () => {
  const socket = await connect(server.url);
  /** @type {[string, any[]][]} */
  const calls = [
    ["POST", ["keyed", { n: 1 }, { key: "post" }]],
    ["PUT", ["keyed", 1, { n: 2 }, { key: "put", reason: "because" }]],
    ["PATCH", ["keyed", 1, { n: 3 }, { key: "merge" }]],
    ["PATCH", ["keyed", [{ op: "add", path: "/5", value: {} }], { key: "patch" }]],
    ["DELETE", ["keyed", 1, { key: "delete" }]],
  ];
  const first = [];
  for (const [verb, args] of calls) first.push(await overSocket(socket, verb, ...args));
  for (const [i, [verb, args]] of calls.entries()) assert.deepEqual(await overHTTP(server.url, verb, ...args), first[i]);
});

describe("what HTTP adds", () => {
  test("Location, ETag and If-None-Match", async () => {
    const made = await request(server.url, "POST", "http", { id: "ü/ /".replaceAll("/", "-") });
    assert.equal(made.status, 201);
    const place = `${server.url}${made.headers.get("Location")}`;
    const tag = made.headers.get("ETag") ?? "";
    assert.match(tag, /^"[^"]+"$/);
    assert.deepEqual(await (await fetch(place)).json(), made.body);
    assert.equal((await fetch(place, { headers: { "If-None-Match": `"x", ${tag}` } })).status, 304);
    assert.equal((await fetch(place, { headers: { "If-None-Match": `"x"` } })).status, 200);
    const head = await fetch(place, { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.get("ETag"), await head.text()], [200, tag, ""]);
  });

  test("pages link to each other, by number and by key", async () => {
    for (let n = 1; n <= 5; n++) await overHTTP(server.url, "POST", "linked", { n });
    for (const start of ["", "page=1&"]) {
      const seen = [];
      /** @type {string | undefined} */
      let path = `/api/v2/linked?${start}limit=2&sort=-n&filters[n][$gt]=0`;
      while (path) {
        const url = path;
        /** @type {Response} */
        const answer = await fetch(`${server.url}${url}`);
        seen.push(...(await answer.json()));
        path = /<([^>]*)>; rel="next"/.exec(answer.headers.get("Link") ?? "")?.[1];
        if (path) assert.match(path, start ? /page=/ : /after=/, url);
      }
      assert.deepEqual(seen.map(({ n }) => n), [5, 4, 3, 2, 1], start);
    }
    const middle = await fetch(`${server.url}/api/v2/linked?limit=2&page=2`);
    assert.equal(middle.headers.get("X-Total-Count"), "5");
    const rels = [...(middle.headers.get("Link") ?? "").matchAll(/<([^>]*)>; rel="(\w+)"/g)].map(([, url, rel]) => [rel, new URL(url ?? "", server.url).searchParams.get("page")]);
    assert.deepEqual(Object.fromEntries(rels), { next: "3", first: "1", prev: "1", last: "3" });
  });

  test("a history is told in pages that link to the next, and where it stands", async () => {
    for (let n = 1; n <= 5; n++) await overHTTP(server.url, "PUT", "told", { id: "a b", n });
    const head = (await request(server.url, "PUT", "told", { id: 2 })).headers.get("Ackbase-Cursor");
    const seen = [];
    /** @type {string | undefined} */
    let path = "/api/v2/told/a%20b/history?limit=2";
    while (path) {
      /** @type {Response} */
      const answer = await fetch(`${server.url}${path}`);
      assert.equal(answer.headers.get("Ackbase-Cursor"), head);
      assert.equal(answer.headers.get("ETag"), null);
      seen.push(...(await answer.json()));
      path = /<([^>]*)>; rel="next"/.exec(answer.headers.get("Link") ?? "")?.[1];
    }
    assert.deepEqual(seen.map(({ item }) => item.n), [1, 2, 3, 4, 5]);
    const then = await fetch(`${server.url}/api/v2/told/a%20b?at=${seen[2].cursor}`);
    assert.deepEqual([then.headers.get("ETag"), then.headers.get("Ackbase-Cursor"), await then.json()], [`"${seen[2].rev}"`, seen[2].cursor, seen[2].item]);
    const same = { headers: { "If-None-Match": `"${seen[2].rev}"` } };
    assert.equal((await fetch(`${server.url}/api/v2/told/a%20b?at=${seen[2].time}`)).status, 200);
    assert.equal((await fetch(`${server.url}/api/v2/told/a%20b?at=${seen[2].cursor}`, same)).status, 304);
    assert.equal((await fetch(`${server.url}/api/v2/told/a%20b`, same)).status, 200);
    assert.equal((await fetch(`${server.url}/api/v2/told/a%20b/history`, { method: "PUT" })).headers.get("Allow"), "GET, HEAD, OPTIONS");
    await overHTTP(server.url, "PUT", "told", { id: "history" });
    assert.deepEqual((await request(server.url, "GET", "told", "history")).body, { id: "history" });
  });

  test("an item that is not there can be waited for from the answer that says so", async () => {
    for (const path of ["awaited/a", "awaited/a/history"]) {
      const answer = await fetch(`${server.url}/api/v2/${path}`);
      assert.equal(answer.status, 404);
      const { headers } = await request(server.url, "GET", "awaited");
      assert.equal(answer.headers.get("Ackbase-Cursor"), headers.get("Ackbase-Cursor"), path);
    }
  });

  for (const [name, path, init, status, pattern] of /** @type {[string, string, RequestInit, number, RegExp][]} */ ([
    ["a form", "items", { method: "POST", body: "a=1", headers: { "Content-Type": "application/x-www-form-urlencoded" } }, 415, /application\/json/],
    ["plain text, which a page may send without asking", "items", { method: "POST", body: "{}", headers: { "Content-Type": "text/plain" } }, 415, /application\/json/],
    ["a merge patch over a collection", "items", { method: "PATCH", body: "{}", headers: { "Content-Type": "application/json" } }, 400, /JSON Patch/],
    ["an object as a JSON Patch", "items/1", { method: "PATCH", body: "{}", headers: { "Content-Type": "application/json-patch+json" } }, 400, /\[/],
    ["no body", "items", { method: "POST", headers: { "Content-Type": "application/json" } }, 400, /needs a body/],
    ["bytes after the body's value", "items", { method: "POST", body: "{} {}", headers: { "Content-Type": "application/json" } }, 400, /./],
    ["a body over the limit", "items", { method: "POST", body: `{"a":"${"x".repeat(3 << 20)}"}`, headers: { "Content-Type": "application/json" } }, 413, /bytes/],
    ["a method that does not go with the path", "items", { method: "DELETE" }, 405, /GET, HEAD, POST, PATCH/],
    ["another one", "items/1", { method: "POST" }, 405, /PUT/],
    ["no collection", "", {}, 400, /collection/],
    ["a path that is too deep", "items/1/2", {}, 400, /path/],
    ["two conditions", "items/1", { method: "DELETE", headers: { "If-Match": `"a"`, "If-None-Match": "*" } }, 400, /one condition/],
    ["a revision without its quotes", "items/1", { method: "DELETE", headers: { "If-Match": "abc" } }, 400, /quotes/],
    ["an unknown parameter of a write", "items/1?ifMatch=x", { method: "DELETE" }, 400, /If-Match/],
    ["a filter with a bracket too few", "items?filters[a=1", {}, 400, /brackets/],
    ["a parameter twice", "items?limit=1&limit=2", {}, 400, /2 times/],
    ["a text where true or false belongs", "items?total=no", {}, 400, /true or false/],
    ["filters as JSON that is none", "items?filters={a}", {}, 400, /JSON object/],
  ])) {
    test(`${name} is refused with a sentence`, async () => {
      const answer = await fetch(`${server.url}/api/v2/${path}`, init);
      const { error } = await answer.json();
      assert.deepEqual([answer.status, error.status], [status, status], error.message);
      assert.match(error.message, pattern);
      assert.match(answer.headers.get("Content-Type") ?? "", /^application\/json/);
    });
  }

  test("pages of other origins: only those that are allowed", async () => {
    const own = { Origin: new URL(server.url).origin };
    const answer = await fetch(`${server.url}/api/v2/items`, { headers: own });
    assert.equal(answer.headers.get("Access-Control-Allow-Origin"), own.Origin);
    assert.match(answer.headers.get("Access-Control-Expose-Headers") ?? "", /Ackbase-Cursor/);
    const asked = await fetch(`${server.url}/api/v2/items/1`, { method: "OPTIONS", headers: { ...own, "Access-Control-Request-Method": "PUT" } });
    assert.equal(asked.status, 204);
    assert.match(asked.headers.get("Access-Control-Allow-Methods") ?? "", /PUT/);
    assert.match(asked.headers.get("Access-Control-Allow-Headers") ?? "", /Idempotency-Key/);
    assert.match(asked.headers.get("Access-Control-Allow-Headers") ?? "", /Last-Event-ID/, "of an EventSource that is made with fetch");
    const stranger = await fetch(`${server.url}/api/v2/items`, { headers: { Origin: "https://elsewhere.example" } });
    assert.equal(stranger.status, 403);
    assert.match((await stranger.json()).error.message, /--origin/);
  });
});
