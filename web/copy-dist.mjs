/**
 * Copies what browsers load from npm packages into `web/dist`, from where the binary embeds it: the browser files of
 * `socket.io-client`, served as `/socket.io/socket.io.js` and so on, the ES modules of `fast-json-patch`, which pages
 * of the examples load as `/fast-json-patch/index.mjs`, and `uplot`, which draws the console's charts.
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

/**
 * What is copied: of a package's folder to one of dist, the files that fit, by their path in that folder; without those
 * that are required the package is not the one that we serve.
 * @type {{ name: string, from: string, to: string, files: RegExp, required: string[] }[]}
 */
const packages = [
  {
    name: "socket.io-client", from: "dist", to: ".", files: /^socket\.io\.[a-z.]*js(\.map)?$/,
    required: ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"],
  },
  {
    name: "fast-json-patch", from: ".", to: "fast-json-patch", files: /^(index|module\/[a-z]+)\.mjs$/,
    required: ["index.mjs", "module/core.mjs", "module/duplex.mjs", "module/helpers.mjs"],
  },
  { name: "uplot", from: "dist", to: "uplot", files: /^uPlot\.(esm\.js|min\.css)$/, required: ["uPlot.esm.js", "uPlot.min.css"] },
];

/** @param {string} name of a package */
function folderOf(name) {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    console.error(`copy-dist: the npm package ${name} is not installed: run \`npm --prefix web ci\` first`);
    process.exit(1);
  }
}

/** The files of a folder, by their path in it. @param {string} folder */
const filesOf = async (folder) => (await readdir(folder, { recursive: true })).map((name) => name.replaceAll("\\", "/"));

/** @type {string[]} */
const told = [];
for (const { name, from, to, files, required } of packages) {
  const source = join(folderOf(name), from);
  const names = (await filesOf(source)).filter((file) => files.test(file));
  const missing = required.filter((file) => !names.includes(file));
  if (missing.length > 0) {
    console.error(`copy-dist: ${source} has no ${missing.join(", ")}: run \`npm --prefix web ci\` again`);
    process.exit(1);
  }
  const target = join(dist, to);
  await mkdir(target, { recursive: true });
  for (const old of await filesOf(target)) {
    if (files.test(old)) await rm(join(target, old));
  }
  for (const file of names) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    await copyFile(join(source, file), join(target, file));
  }
  told.push(`${names.length} of ${name}`);
}
console.log(`copied to web/dist: ${told.join(", ")}`);
