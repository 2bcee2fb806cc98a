/**
 * Runs the real binary. ACKBASE_BIN names one that is built already, ACKBASE_EXAMPLES a folder with the examples' own; else they are built from this checkout.
 * ACKBASE_STAND_IN names a program that is started in place of every other: see zishang.mjs.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** How long anything may take that is awaited, in milliseconds: what a hanging server costs, no pace. */
export const patience = 30_000;

/** A folder of this test file's own; gone when its process ends. */
const folder = mkdtempSync(join(tmpdir(), "ackbase-contract-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** @type {Map<string, string>} */
const built = new Map();

/**
 * The path of a program of this repository.
 *
 * @param {string} pkg its package: "." or "./examples/custom"
 * @returns {string}
 */
function binary(pkg) {
  if (process.env.ACKBASE_STAND_IN) return process.env.ACKBASE_STAND_IN;
  if (pkg === "." && process.env.ACKBASE_BIN) return process.env.ACKBASE_BIN;
  if (pkg !== "." && process.env.ACKBASE_EXAMPLES) return join(process.env.ACKBASE_EXAMPLES, basename(pkg));
  let path = built.get(pkg);
  if (!path) {
    path = join(folder, `bin${built.size}`);
    execFileSync("go", ["build", "-o", path, pkg], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
    built.set(pkg, path);
  }
  return path;
}

let files = 0;

/** A path for a data file that does not exist yet. */
export function dataFile() {
  return join(folder, `data${files++}.db`);
}

/**
 * @typedef {object} Server
 * @property {string} url such as http://127.0.0.1:40001
 * @property {() => string} log what it has logged so far
 * @property {() => boolean} running
 * @property {() => Promise<void>} stop ends it cleanly; fails if that goes wrong
 * @property {() => Promise<void>} kill ends it at once, as `kill -9` does
 */

/**
 * Starts a program, with --allow-eio3 for the clients of version 2, that prints "… listening on URL" as its first line, on a free port.
 *
 * @param {string[]} [flags]
 * @param {{ pkg?: string, eio3?: boolean }} [options] pkg is "." unless given; eio3: false for a program that has no --allow-eio3
 * @returns {Promise<Server>}
 */
export async function startServer(flags = [], { pkg = ".", eio3 = true } = {}) {
  const data = pkg === "." && !flags.includes("--data") ? ["--data", dataFile()] : [];
  const child = spawn(binary(pkg), ["--listen", "127.0.0.1:0", ...(eio3 ? ["--allow-eio3"] : []), ...data, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  /** @type {Promise<number | null>} */
  const exited = new Promise((resolve) => child.once("exit", resolve));

  const lines = createInterface({ input: child.stdout });
  const ready = await Promise.race([
    new Promise((resolve) => lines.once("line", resolve)),
    exited.then((code) => Promise.reject(new Error(`the server ended with ${code} before it was ready:\n${log}`))),
    deadline("the ready line"),
  ]);
  const url = /listening on (http:\/\/\S+)$/.exec(ready)?.[1];
  if (!url) throw new Error(`the first line is ${JSON.stringify(ready)}, want one that ends in "listening on URL"`);

  return {
    url,
    log: () => log,
    running: () => child.exitCode === null && child.signalCode === null,
    async kill() {
      kill();
      await Promise.race([exited, deadline("the server's end")]);
      process.off("exit", kill);
    },
    async stop() {
      child.kill("SIGTERM");
      const code = await Promise.race([exited, deadline("the server's end")]);
      process.off("exit", kill);
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${log}`);
    },
  };
}

/**
 * Fails when something has not come in time. The timer does not keep the process alive.
 *
 * @param {string} what
 * @returns {Promise<never>}
 */
export function deadline(what) {
  /** @type {Promise<never>} */
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`${what} did not come within ${patience} ms`)), patience).unref();
  });
  late.catch(() => {}); // nobody may wait for it any more
  return late;
}
