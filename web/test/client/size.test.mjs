// What the client weighs for who bundles it, and that it has no dependency.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";
import { folder } from "./readme.mjs";

/** The minified and compressed size of a module with all that it imports. @param {string} code @param {string[]} [external] */
async function weigh(code, external = []) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: folder },
    bundle: true, write: false, format: "esm", target: "es2022", metafile: true, external,
  });
  assert.ok(Object.keys(metafile.inputs).every((name) => !name.includes("node_modules")), `it has in it ${Object.keys(metafile.inputs)}`);
  const { code: minified } = await minify(/** @type {import("esbuild").OutputFile} */ (outputFiles[0]).text, { module: true, ecma: 2020, compress: { passes: 3 } });
  return gzipSync(minified ?? assert.fail(), { level: 9 }).length;
}

test("the client is under 6,000 bytes, minified and compressed, and under 6,200 with the six helpers", async (t) => {
  const client = await weigh('export { createClient, AckbaseError, metaOf } from "./ackbase.js"');
  const all = await weigh('export * from "./ackbase.js"');
  const helpers = await weigh('export { createHelpers } from "./ackbase.js"');
  t.diagnostic(`the client ${client} bytes, all of it ${all}, the helpers ${helpers}`);
  assert.ok(client < 6000, `${client} bytes`);
  assert.ok(all < 6200, `${all} bytes`);
  assert.ok(helpers < 1000, `${helpers} bytes`);
  for (const adapter of ["react", "svelte", "vue"]) {
    const more = await weigh(`export * from "./${adapter}.js"`, ["react", "vue"]);
    assert.ok(more < 600, `${adapter}.js has ${more} bytes`);
  }
});

test("it needs nothing but a socket", () => {
  const { dependencies } = JSON.parse(readFileSync(`${folder}package.json`, "utf8"));
  assert.equal(dependencies, undefined);
});
