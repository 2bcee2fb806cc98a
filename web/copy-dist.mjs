/**
 * Copies the browser files of the npm package `socket.io-client` into `web/dist`, from where the binary
 * embeds them and serves them as `/socket.io/socket.io.js` and so on.
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

/** The names that a Socket.IO server must have; a package without them is not the one that we serve. */
const required = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"];

let source;
try {
  source = join(dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json")), "dist");
} catch {
  console.error("copy-dist: the npm package socket.io-client is not installed: run `npm --prefix web ci` first");
  process.exit(1);
}

const names = (await readdir(source)).filter((name) => clientFile.test(name));
const missing = required.filter((name) => !names.includes(name));
if (missing.length > 0) {
  console.error(`copy-dist: ${source} has no ${missing.join(", ")}: run \`npm --prefix web ci\` again`);
  process.exit(1);
}

await mkdir(dist, { recursive: true });
for (const old of await readdir(dist)) {
  if (clientFile.test(old)) await rm(join(dist, old));
}
for (const name of names) await copyFile(join(source, name), join(dist, name));
console.log(`copied ${names.length} files of socket.io-client to web/dist`);
