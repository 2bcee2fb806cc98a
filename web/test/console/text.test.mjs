// What the console makes of texts: JSON as a person edits it, filters, differences. No browser is needed for it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromFilters, inWords, isGroup, toFilters, typedValue } from "../../console/conditions.js";
import { differences, same } from "../../page/differences.js";
import { lineOf, place, read, tidy } from "../../console/jsontext.js";
import { gist } from "../../console/measures.js";
import { readRoute, writeRoute } from "../../console/route.js";

test("tidy JSON is the same JSON, digit by digit", () => {
  const text = '{"a":12345678901234567890.10,"b":[1,2,{"c":null}],"e":{},"f":[],"g":"a\\u0041\\"{","long":["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],"h":1e400}';
  const shown = tidy(text);
  assert.equal(shown.replace(/\s/g, ""), text);
  assert.equal(tidy(shown), shown, "what is tidy stays");
  assert.match(shown, /^\{\n {2}"a": 12345678901234567890\.10,\n {2}"b": \[1, 2, \{ "c": null \}\],\n/);
  assert.equal(tidy("no json"), "no json");
});

test("what is wrong with a text is told where it is", () => {
  for (const [text, at, message] of /** @type {[string, number, RegExp][]} */ ([
    ["", 0, /begins with \{/],
    ["[1]", 0, /begins with \{/],
    ['{"a":1,}', 7, /name of a member/],
    ['{"a":1 "b":2}', 7, /comma/],
    ['{"a" 1}', 5, /colon/],
    ['{"a":}', 5, /value belongs here/],
    ['{"a":"x', 5, /not closed/],
    ['{"a":tru}', 5, /value belongs here/],
    ['{"a":01}', 6, /comma/],
    ['{"a":1', 5, /comma/],
    ['{"a":', 4, /ends where a value/],
    ['{a:1}', 1, /double quotes/],
    ['{"a":1,"\\u0061":2}', 7, /twice/],
    ['{"a":1} x', 8, /follows/],
    [`{"a":${"[".repeat(64)}${"]".repeat(64)}}`, 68, /64 deep/],
  ])) {
    const { fault, root } = read(text);
    assert.equal(root, undefined, text);
    assert.equal(fault?.at, at, `${text}: ${fault?.message}`);
    assert.match(fault?.message ?? "", message);
  }
  for (const text of ['{"a":-0.5e+3,"b":"\\ud83d\\ude00 é","":[true,false,null]}', " {}\n", `{"a":${"[".repeat(63)}${"]".repeat(63)}}`]) {
    assert.equal(read(text).fault, undefined, text);
    JSON.parse(text);
  }
});

test("a JSON Pointer is found in the text, or what is nearest to it", () => {
  const text = '{\n  "maker": { "city/town": "Bath" },\n  "tags": ["a", "b"]\n}';
  const { root } = read(text);
  assert.ok(root);
  for (const [pointer, found, line] of /** @type {[string, string, number][]} */ ([
    ["", "{", 0],
    ["/maker", "{", 1],
    ["/maker/city~1town", '"Bath"', 1],
    ["/maker/street", "{", 1],
    ["/tags/1", '"b"', 2],
    ["/tags/9", "[", 2],
    ["/price", "{", 0],
  ])) {
    const { from, to } = place(root, pointer);
    assert.equal(text.slice(from, to), found, pointer);
    assert.equal(lineOf(text, from), line, pointer);
  }
});

test("a filter goes to the builder and back", () => {
  for (const filters of [
    { category: "electronics" },
    { rrp: { $gte: 10 }, name: { $contains: "lamp" } },
    { $and: [{ rrp: { $gte: 10 } }, { rrp: { $lt: 20 } }] },
    { $or: [{ a: 1 }, { b: { $in: [1, "x", true, null, "a, b"] } }] },
    { $not: { a: "10" } },
    { $not: { $or: [{ a: 1 }, { b: 2 }] } },
    { a: { $exists: false }, $or: [{ b: { $startsWith: "12" } }, { $and: [{ c: { $nin: [1, 2] } }, { c: { $ne: null } }] }] },
  ]) {
    const group = fromFilters(filters);
    assert.ok(group, JSON.stringify(filters));
    assert.deepEqual(toFilters(group), filters);
    assert.notEqual(inWords(group), "");
  }
  // Written in another way, but the same.
  assert.deepEqual(toFilters(/** @type {any} */ (fromFilters({ a: { $gt: 1, $lt: 2 } }))), { $and: [{ a: { $gt: 1 } }, { a: { $lt: 2 } }] });
  assert.deepEqual(toFilters(/** @type {any} */ (fromFilters({ a: { $not: { $eq: 1 } } }))), { $not: { a: 1 } });
  // What the builder does not know stays whole elsewhere.
  for (const filters of [[1], { $xor: [] }, { a: { $near: 1 } }, { a: [1] }, { $or: {} }]) assert.equal(fromFilters(filters), undefined, JSON.stringify(filters));
  const empty = fromFilters(undefined);
  assert.ok(empty && isGroup(empty) && toFilters(empty) === undefined);
  assert.equal(toFilters({ join: "$or", parts: [{ field: " ", op: "$eq", value: "x" }] }), undefined, "a condition without a field says nothing");
});

test("a value is what it looks like", () => {
  for (const [text, value] of /** @type {[string, unknown][]} */ ([
    ["10", 10], ["-1.5e3", -1500], ["true", true], ["null", null], ['"10"', "10"], ["ten", "ten"], ["", ""], ["01", "01"], ["1,5", "1,5"], ["1e999", "1e999"],
    ["12345678901234567890", "12345678901234567890"], ['"open', '"open'], ["{}", "{}"],
  ])) assert.equal(typedValue(text), value, text);
});

test("differences are told field by field", () => {
  const before = { a: 1, b: { c: [1, 2, 3, 4], "x/y": true }, gone: null };
  const after = { b: { "x/y": true, c: [1, 9, 3, 4] }, a: "1", fresh: {} };
  assert.deepEqual(differences(before, after), [
    { path: "/a", before: 1, after: "1" },
    { path: "/b/c/1", before: 2, after: 9 },
    { path: "/gone", before: null, after: undefined },
    { path: "/fresh", before: undefined, after: {} },
  ]);
  assert.deepEqual(differences([1, 2, 3], [0, 1, 2, 3]), [{ path: "/0", before: undefined, after: 0 }]);
  assert.deepEqual(differences({ a: [1] }, { a: { 0: 1 } }), [{ path: "/a", before: [1], after: { 0: 1 } }]);
  assert.deepEqual(differences(before, structuredClone(before)), []);
  assert.ok(same({ a: 1, b: 2 }, { b: 2, a: 1 }) && !same({ a: undefined }, {}) && !same([], {}));
});

test("a route is its address", () => {
  for (const route of /** @type {import("../../console/route.js").Route[]} */ ([
    { view: "stream" }, { view: "clients" }, { view: "charts" },
    { view: "data", collection: "", query: {} },
    { view: "data", collection: "items", query: {} },
    { view: "data", collection: "items", query: { filters: { "a?b": "#&%/" }, sort: "-a" }, id: "ü?#%2F 1" },
    { view: "data", collection: "items", query: {}, id: "1", tab: "history" },
  ])) assert.deepEqual(readRoute(writeRoute(route)), route);
  for (const hash of ["", "#", "#/", "#nonsense", "#/data", "#/data/?q={", "#/data/%"]) assert.equal(readRoute(hash).view, "data", hash);
});

test("a large value is told in short without being walked through", () => {
  let read = 0;
  const list = new Proxy(Array.from({ length: 1e5 }, (_, i) => i), { get: (target, name) => (read++, Reflect.get(target, name)) });
  const large = { list, text: "x".repeat(1e6) };
  assert.match(gist(large, 100), /^\{list: \[0, 1, 2, .*…$/);
  assert.ok(read < 500, `${read} times something was read of it`);
  assert.ok(gist(large, 100).length <= 100 && gist("x".repeat(1e6), 100).length <= 100);
  assert.equal(gist({ a: [1, "b", null], c: {} }), '{a: [1, "b", null], c: {}}');
});
