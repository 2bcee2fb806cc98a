// What the client weighs for who bundles it, and that it has no dependency.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { folder } from "./readme.mjs";

/** The minified and compressed size of a module with all that it imports. @param {string} code @param {string[]} [external] */
async function weigh(code, external = []) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: folder },
    bundle: true, minify: true, write: false, format: "esm", target: "es2022", metafile: true, external,
  });
  assert.ok(Object.keys(metafile.inputs).every((name) => !name.includes("node_modules")), `it has in it ${Object.keys(metafile.inputs)}`);
  return gzipSync(/** @type {import("esbuild").OutputFile} */ (outputFiles[0]).contents, { level: 9 }).length;
}

test("everything is under 6 kB, minified and compressed; the helpers alone under 1 kB", async (t) => {
  const all = await weigh('export * from "./ackbase.js"');
  const helpers = await weigh('export { createHelpers } from "./ackbase.js"');
  t.diagnostic(`all of it ${all} bytes, the helpers ${helpers}`);
  assert.ok(all < 6000, `${all} bytes`);
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
