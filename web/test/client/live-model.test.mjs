// Live queries against a model: others write at random, connections break, own writes show before they are done, the
// server is killed. At rest each live query is what `list` answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { metaOf } from "../../client/ackbase.js";
import { equal } from "../../client/value.js";
import { dataFile, startServer } from "../contract/server.mjs";
import { openLine } from "./line.mjs";
import { random } from "./random.mjs";
import { open, shows } from "./session.mjs";

/** @typedef {import("../../client/ackbase.js").LiveQuery} Query */

/** @type {Query[]} */
const queries = [
  {},
  { limit: 5 },
  { limit: 5, page: 2 },
  { limit: 4, sort: "-n,tag" },
  { limit: 4, sort: "tag,-n", page: 3 },
  { limit: 3, sort: "n", page: 2, total: false },
  { filters: { n: { $gte: 5 } }, sort: "n" },
  { filters: { n: { $gte: 5 }, tag: { $in: ["a", "b"] } }, limit: 3, sort: "-tag" },
  { filters: { $or: [{ tag: "c" }, { n: { $lt: 2 } }] }, limit: 2, page: 2 },
  { filters: { tag: null }, limit: 6, total: false },
];

const rounds = Number(process.env.ACKBASE_ROUNDS ?? 4);

for (let seed = 1; seed <= rounds; seed++) {
  test(`at rest a live query is what list answers (${seed})`, async (t) => {
    const r = random(seed);
    const data = dataFile();
    let server = await startServer(["--data", data]);
    t.after(() => server.kill());
    const line = await openLine(server.url, t);
    const other = await openLine(server.url, t);
    const [mine, theirs] = [open(line.url, t), open(other.url, t)];
    const [own, others] = [mine.collection("model"), theirs.collection("model")];
    const lives = queries.map((query) => own.live(query));
    const subscribe = lives.map((live) => () => live.subscribe(({ items }) => assert.equal(new Set(items.map(({ id }) => String(id))).size, items.length, "an item is shown twice")));
    const stops = subscribe.map((on) => on());
    t.after(() => stops.forEach((stop) => stop()));

    const body = () => ({ n: r.below(10), tag: r.pick(["a", "b", "c", "d", null]) });
    const id = () => r.pick([1 + r.below(25), `k${r.below(8)}`]);
    /** @type {Promise<unknown>[]} */
    const writes = [];
    /** @type {unknown[]} */
    const faults = [];
    /** What a write may be refused for. @param {any} error */
    const expected = (error) => void (["CONFLICT", "NOT_FOUND", "PRECONDITION_FAILED"].includes(error.code) || faults.push(error));
    /** @param {import("../../client/ackbase.js").Live<any> | import("../../client/ackbase.js").Collection<any>} through @param {import("../../client/ackbase.js").WriteOptions} [options] */
    const write = (through, options) =>
      r.pick([
        () => through.create(body(), options),
        () => through.create({ id: id(), ...body() }, options),
        () => through.replace({ id: id(), ...body() }, options),
        () => through.update(id(), { n: r.below(10) }, options),
        () => through.update(id(), { tag: r.pick(["a", "b"]) }, { ...options, ifMatch: r.pick(["*", null]) }),
        () => through.update(id(), [{ op: "test", path: "/n", value: r.below(10) }, { op: "replace", path: "/n", value: 7 }], options),
        () => through.update(id(), [{ op: "add", path: "/tag", value: r.pick(["a", "d"]) }], options),
        () => through.remove(id(), options),
        () => through.remove(id(), options),
      ])();

    for (let part = 0; part < 3; part++) {
      for (let step = 0; step < 80; step++) {
        const at = r.below(20);
        if (at < 11) writes.push(write(others, { timeout: 60_000 }).catch(expected));
        else if (at < 17) writes.push(write(r.pick(lives)).catch(expected));
        else if (at === 17) (r.below(2) ? line : mine).cut();
        else if (at === 18) line.mute(); // answers are lost until it is cut
        else {
          const which = r.below(lives.length);
          stops[which]?.();
          stops[which] = /** @type {() => () => void} */ (subscribe[which])();
        }
        if (r.below(3) === 0) await new Promise((resolve) => setTimeout(resolve, r.below(8)));
      }
      if (part === 1) {
        line.down();
        await server.kill();
        server = await startServer(["--data", data]);
        line.up(server.url);
        other.up(server.url);
        other.cut();
      } else line.cut();
      await Promise.all(writes.splice(0));
      assert.deepEqual(faults, []);

      for (const [i, live] of lives.entries()) {
        const query = /** @type {Query} */ (queries[i]);
        const want = await others.list(query);
        const total = metaOf(want).total ?? undefined;
        const right = (/** @type {import("../../client/ackbase.js").Snapshot} */ now) => now.status === "live" && now.pending === 0 && now.total === total && equal(now.items, want);
        await shows(live, right, `${JSON.stringify(query)} as ${JSON.stringify([want, total])}`);
      }
      // And it stays so: all that the server still had to say has been said when it has answered.
      await own.list();
      for (const [i, live] of lives.entries()) assert.deepEqual(live.getSnapshot().items, await others.list(queries[i]), JSON.stringify(queries[i]));
    }
    mine.socket.disconnect();
    theirs.socket.disconnect();
  });
}
