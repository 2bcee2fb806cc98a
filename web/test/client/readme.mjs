/**
 * The examples of the package's README, as files.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The package's folder. */
export const folder = fileURLToPath(new URL("../../client/", import.meta.url));

/**
 * Each example, by the name in its first line.
 *
 * @param {string} url of the server, in the place of the address in the README
 * @returns {Map<string, string>}
 */
export function examples(url = "http://localhost:3000") {
  const readme = readFileSync(`${folder}README.md`, "utf8");
  const found = new Map();
  for (const [, text] of readme.matchAll(/^```(?:ts|tsx|svelte|vue)\n(.*?)^```/gms)) {
    const [, name] = /^(?:\/\/|<!--) (\S+)/.exec(text ?? "") ?? [];
    if (!name) throw new Error(`an example has no name in its first line:\n${text}`);
    found.set(name, text?.replaceAll("http://localhost:3000", url));
  }
  return found;
}
