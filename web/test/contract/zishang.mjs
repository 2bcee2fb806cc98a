/**
 * Runs the contract's tests over examples/zishang, which answers the verbs on a Socket.IO server of the zishang520
 * library: `node --import ./test/contract/zishang.mjs --test …`, with its program in ACKBASE_STAND_IN. What does not
 * hold there is listed here, each with its reason, and shown as skipped. So is a test that needs a flag of the ackbase
 * command which the example does not have, as the example itself says.
 */
import { existsSync } from "node:fs";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { basename } from "node:path";

/** @typedef {{ test?: string, in?: RegExp, why: string }} Difference test is its name, or all of the file; in which describe, or in all */

const flag = "it needs flags of the ackbase command, and asks what does not depend on the Socket.IO server";
const http = "the verbs over HTTP, which need no Socket.IO server";
const order = "the library handles a program's own events on a goroutine each, out of order";

/** @type {Record<string, Difference[]>} */
const differences = {
  "custom.test.mjs": [
    { test: "2,000 events each way in order, binary ones and acks mixed in", why: order },
    { test: "2,000 events each way in order, binary ones and acks mixed in, during the upgrade", why: order },
    { test: "a namespace that does not exist is an error with a message", in: / 2\.x /, why: "the library tells clients of protocol 3 an object instead of the message" },
  ],
  "deflate.test.mjs": [{ why: "a flag of the ackbase command" }],
  "malformed.test.mjs": [
    { test: "socket.io-client 4.x over polling, too large", why: "the library reads no packet of 64 KB over long-polling: the connection ends" },
  ],
  "openapi.test.mjs": [{ why: http }],
  "queries.test.mjs": [{ why: flag }],
  "readme.test.mjs": [{ why: "the quick start of the ackbase command" }],
  "recovery.test.mjs": [{ why: "the library has no place for it: its own connection state recovery knows nothing of subscriptions" }],
  "streams.test.mjs": [{ why: http }],
  "transports.test.mjs": [{ why: order }],
  "ways.test.mjs": [{ why: http }],
};

/** @typedef {(...args: any[]) => any} Function */

const node = /** @type {{ test: Function, describe: Function, [name: string]: Function }} */ (createRequire(import.meta.url)("node:test"));
const { test, describe } = node;
const file = basename(process.argv[1] ?? ""); // none in the runner, which starts a process for each file
const mine = differences[file] ?? [];
const unseen = new Set(mine);
let ran = 0;

/** The describe that is being read. */
let group = "";

node.describe = (/** @type {string} */ name, /** @type {Function} */ body) =>
  describe(name, () => {
    group = name;
    body();
    group = "";
  });

node.test = (/** @type {string} */ name, /** @type {Function} */ body) => {
  const difference = mine.find((d) => d.test === name && (d.in ?? /^/).test(group));
  if (difference) {
    unseen.delete(difference);
    return test(name, { skip: difference.why });
  }
  return test(name, async (/** @type {import("node:test").TestContext} */ t) => {
    try {
      await body(t);
      ran++;
    } catch (err) {
      const unknown = /unknown flag --[\w-]+/.exec(String(err));
      if (!unknown) throw err;
      t.skip(unknown[0]);
    }
  });
};

const all = mine.find((difference) => !difference.test);
if (all) {
  test("all of it", { skip: all.why });
  unseen.delete(all);
  for (const name of ["test", "describe", "before", "after", "afterEach"]) node[name] = () => {};
}
syncBuiltinESMExports();

process.on("exit", () => {
  const wrong = [...unseen].map((difference) => `lists ${file}: ${difference.test}, which there is not`);
  if (!file) wrong.push(...Object.keys(differences).filter((name) => !existsSync(new URL(name, import.meta.url))).map((name) => `lists ${name}, which there is not`));
  else if (!all && !ran) wrong.push(`should say why nothing of ${file} holds`);
  for (const what of wrong) console.error(`zishang.mjs ${what}`);
  if (wrong.length) process.exitCode = 1;
});
