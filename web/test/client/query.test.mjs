// The client's order and filters are the server's: thousands of random queries, answered by both.
import assert from "node:assert/strict";
import { test } from "node:test";
import { matcher } from "../../client/filter.js";
import { orderOf } from "../../client/order.js";
import { merge, patched } from "../../client/patch.js";
import { startServer } from "../contract/server.mjs";
import { random } from "./random.mjs";
import { open } from "./session.mjs";

const scalars = [null, false, true, 0, 1, -1, 2, 10, 9, 1.5, -0.25, 1e21, 1e-7, 2 ** 53, "", "0", "1", "10", "9", " 1", "1.0", "1e21", "1e-7", "true", "false", "null", "a", "A", "ab", "b", "é", "z", "￿", "\u{10000}", "\u{1f600}", "퟿", "\ue000", "a\u0000b", "-", '"', "\\"];
const fields = ["a", "b", "c.d", "c.0", "c.1.a", "length", "c.length", "id"];

/** @param {ReturnType<typeof random>} r @returns {any} */
function anyValue(r, depth = 0) {
  const at = r.below(depth > 1 ? 6 : 9);
  if (at === 6) return [];
  if (at === 7) return Array.from({ length: r.below(3) }, () => anyValue(r, depth + 1));
  if (at === 8) return Object.fromEntries(["a", "d", "0"].filter(() => r.below(2)).map((name) => [name, anyValue(r, depth + 1)]));
  return r.pick(scalars);
}

/** @param {ReturnType<typeof random>} r @returns {any} */
function anyOperators(r, depth = 0) {
  const text = () => String(r.pick(scalars));
  const choices = [
    () => ({ $eq: r.pick(scalars) }), () => ({ $ne: r.pick(scalars) }),
    () => ({ $gt: r.pick(scalars) }), () => ({ $gte: r.pick(scalars) }), () => ({ $lt: r.pick(scalars) }), () => ({ $lte: r.pick(scalars) }),
    () => ({ $gte: r.pick(scalars), $lt: r.pick(scalars) }),
    () => ({ $in: [r.pick(scalars), r.pick(scalars)] }), () => ({ $nin: [r.pick(scalars), r.pick(scalars)] }), () => ({ $in: [] }),
    () => ({ $exists: r.pick([true, false, "true", "false"]) }),
    () => ({ $contains: r.pick(scalars) }), () => ({ $startsWith: text() }),
    () => ({ $not: anyOperators(r, depth + 1) }),
  ];
  return r.pick(depth > 1 ? choices.slice(0, -1) : choices)();
}

/** @param {ReturnType<typeof random>} r @returns {any} */
function anyFilter(r, depth = 0) {
  const at = r.below(depth > 1 ? 6 : 9);
  if (at === 6) return { $and: [anyFilter(r, depth + 1), anyFilter(r, depth + 1)] };
  if (at === 7) return { $or: [anyFilter(r, depth + 1), anyFilter(r, depth + 1)], a: r.pick(scalars) };
  if (at === 8) return { $not: anyFilter(r, depth + 1) };
  const field = r.pick(fields);
  return at < 2 ? { [field]: r.pick(scalars) } : { [field]: anyOperators(r) };
}

test("filters and order", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const items = open(server.url, t).collection("queries");
  const r = random(1);
  const ids = [1, 2, 10, 9, "a", "A1", "é", "\u{1f600}", "￿", "0", "07"];
  const all = [];
  for (let i = 0; i < 120; i++) {
    const item = { id: ids[i] ?? i + 20, a: anyValue(r), b: r.pick(scalars), c: anyValue(r) };
    if (r.below(4) === 0) delete item.a;
    all.push(item);
  }
  await Promise.all(all.map((item) => items.create(item)));

  const queries = Array.from({ length: 1500 }, () => ({
    filters: anyFilter(r),
    sort: Array.from({ length: r.below(3) }, (_, i) => r.pick(["", "-"]) + fields[(r.below(4) + 4 * i) % fields.length]).join(","),
    limit: 1000,
  }));
  const answers = await Promise.all(queries.map((query) => items.list(query)));
  for (const [i, query] of queries.entries()) {
    const /** @type {any[]} */ wanted = all.filter(matcher(query.filters)).sort(orderOf(query.sort));
    assert.deepEqual(wanted, answers[i], JSON.stringify(query));
  }
});

test("patches do what the server's do", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const items = open(server.url, t).collection("patches");
  const r = random(2);
  const paths = ["/a", "/b", "/c", "/c/d", "/c/0", "/c/1", "/c/-", "/a/0", "/~01", "/c/a~1b"];
  let wrong = 0;
  for (let i = 0; i < 300; i++) {
    const item = { id: i + 1, a: anyValue(r), b: r.pick(scalars), c: anyValue(r), "~1": 1 };
    await items.create(item);
    const partial = { a: anyValue(r), b: null, c: { d: anyValue(r), a: null } };
    assert.deepEqual(merge(item, partial), await items.update(i + 1, partial));

    const before = merge(item, partial);
    const operations = Array.from({ length: 1 + r.below(3) }, () => {
      const [path, from] = [r.pick(paths), r.pick(paths)];
      return r.pick([{ op: "add", path, value: anyValue(r) }, { op: "replace", path, value: anyValue(r) }, { op: "remove", path }, { op: "copy", from, path }, { op: "move", from, path }, { op: "test", path: "/b", value: r.pick(scalars) }]);
    });
    const after = await items.update(i + 1, /** @type {any} */ (operations)).catch(() => undefined);
    // Where the server refuses, it does not matter what was shown meanwhile.
    if (after) assert.deepEqual(patched(before, operations), after, JSON.stringify([before, operations]));
    else wrong++;
  }
  assert.ok(wrong > 50 && wrong < 280, `${wrong} of 300 patches were refused`);
});
