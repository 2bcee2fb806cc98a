/**
 * Finds the Chromium that the page tests drive. Run by itself it makes sure that there is one:
 *
 *     node web/test/find-chromium.mjs
 *
 * prints its path, after installing Debian's package where it may; else it says what to install and exits with 1.
 */
import { execFileSync } from "node:child_process";
import { accessSync, constants, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];
const elsewhere = [
  "/usr/lib/chromium/headless_shell",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** @returns {string | undefined} its path; CHROMIUM_BIN, where it is set, comes first */
export function findChromium() {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const candidates = [process.env.CHROMIUM_BIN, ...names.flatMap((name) => folders.map((folder) => join(folder, name))), ...elsewhere];
  return candidates.find((path) => {
    try {
      accessSync(path ?? "", constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Installs Debian's package, as root on a system that has apt-get; elsewhere it does nothing. */
function install() {
  if (process.getuid?.() !== 0) return;
  /** @type {import("node:child_process").ExecFileSyncOptions} */
  const options = { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  try {
    execFileSync("apt-get", ["update", "-qq"], options);
    execFileSync("apt-get", ["install", "-qq", "-y", "--no-install-recommends", "chromium-headless-shell"], options);
  } catch (error) {
    console.error(`find-chromium: apt-get did not install it: ${error instanceof Error ? error.message : error}`);
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (!findChromium()) install();
  const path = findChromium();
  if (!path) {
    console.error("find-chromium: the page tests need a Chromium. Install one (on Debian or Ubuntu: apt-get install chromium-headless-shell), or set CHROMIUM_BIN to its path.");
    process.exit(1);
  }
  console.log(path);
}
