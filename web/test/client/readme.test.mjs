// The README's examples for Node and browsers alike, run as they stand there but for the server's address.
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import { startServer } from "../contract/server.mjs";
import { examples, folder } from "./readme.mjs";

test("the examples run", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  // Below web, whose packages they import.
  const out = fileURLToPath(new URL(`../../test-output/readme-${process.pid}/`, import.meta.url));
  mkdirSync(out, { recursive: true });
  t.after(() => rmSync(out, { recursive: true }));
  const names = [];
  for (const [name, text] of examples(server.url)) {
    if (!name.endsWith(".ts")) continue;
    const { code } = await transform(text, { loader: "ts", format: "esm", target: "es2022" });
    const path = out + name.replace(/ts$/, "mjs");
    writeFileSync(path, code.replace('"./client"', '"./client.mjs"').replace('"ackbase"', JSON.stringify(`${folder}ackbase.js`)));
    names.push(path);
  }
  assert.ok(names.length >= 7, names.join());

  const said = /** @type {unknown[][]} */ ([]);
  t.mock.method(console, "log", (/** @type {unknown[]} */ ...words) => said.push(words));
  t.mock.method(console, "error", (/** @type {unknown[]} */ ...words) => said.push(words));
  const { client } = await import(/** @type {string} */ (names[0]));
  try {
    for (const name of names) await import(name);
  } finally {
    client.socket.disconnect();
  }
  const lines = said.map((words) => words.join(" "));
  for (const wanted of [/^1 of 1$/, /^CONFLICT 409 there is an item 1 already/, /^\w+ 1 of 1 saving …$/, /^\w+ 0 of 0 saved$/]) {
    assert.ok(lines.some((line) => wanted.test(line)), `${wanted} is not in what they said:\n${lines.join("\n")}`);
  }
});
