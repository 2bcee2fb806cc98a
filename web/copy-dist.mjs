/**
 * Copies what browsers load from npm packages into `web/dist`, from where the binary embeds it: the browser files of
 * `socket.io-client`, served as `/socket.io/socket.io.js` and so on, and the ES modules of `fast-json-patch`, which pages
 * of the examples load as `/fast-json-patch/index.mjs`.
 *
 *     npm --prefix web ci && npm --prefix web run dist
 *
 * What an earlier run left is replaced; the committed README.md, which stands in for the files, stays.
 */
import { copyFile, mkdir, readdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(fileURLToPath(import.meta.url));
const dist = join(web, "dist");
const clientFile = /^socket\.io\.[a-z.]*js(\.map)?$/;

/** Names without which a package is not the one that we serve. */
const required = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"];
const modules = ["index.mjs", "module/core.mjs", "module/duplex.mjs", "module/helpers.mjs"];

/** @param {string} name */
function folderOf(name) {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    console.error(`copy-dist: the npm package ${name} is not installed: run \`npm --prefix web ci\` first`);
    process.exit(1);
  }
}

/** @param {string} folder @param {string[]} missing */
function complain(folder, missing) {
  if (missing.length === 0) return;
  console.error(`copy-dist: ${folder} has no ${missing.join(", ")}: run \`npm --prefix web ci\` again`);
  process.exit(1);
}

const source = join(folderOf("socket.io-client"), "dist");
const names = (await readdir(source)).filter((name) => clientFile.test(name));
complain(source, required.filter((name) => !names.includes(name)));
const patch = folderOf("fast-json-patch");
const there = (await readdir(patch, { recursive: true })).map((name) => name.replaceAll("\\", "/"));
complain(patch, modules.filter((name) => !there.includes(name)));

await mkdir(dist, { recursive: true });
for (const old of await readdir(dist)) {
  if (clientFile.test(old) || old === "fast-json-patch") await rm(join(dist, old), { recursive: true });
}
for (const name of names) await copyFile(join(source, name), join(dist, name));
await mkdir(join(dist, "fast-json-patch/module"), { recursive: true });
for (const name of modules) await copyFile(join(patch, name), join(dist, "fast-json-patch", name));
console.log(`copied ${names.length} files of socket.io-client and ${modules.length} of fast-json-patch to web/dist`);
