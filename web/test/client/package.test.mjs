// The npm package, as it would be published.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("../..", import.meta.url));

test("the package has the module, its types, and nothing else", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ackbase-package-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const out = execFileSync("npm", ["pack", "--json", "--loglevel=error", "--pack-destination", folder], { cwd: join(web, "client"), encoding: "utf8" });
  const described = JSON.parse(out.slice(out.search(/^[[{]/m)));
  const packed = Array.isArray(described) ? described[0] : Object.values(described)[0];
  /** @type {{ path: string, size: number }[]} */
  const files = packed.files;
  assert.deepEqual(files.map(({ path }) => path).sort(), ["LICENSE", "README.md", "ackbase.d.ts", "ackbase.js", "package.json"]);

  // A user's project: installed, imported by its name, checked by tsc.
  const installed = join(folder, "node_modules", "ackbase");
  mkdirSync(installed, { recursive: true });
  execFileSync("tar", ["-xzf", join(folder, packed.filename), "-C", installed, "--strip-components=1"]);
  const described2 = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  assert.equal(described2.license, "Apache-2.0");
  assert.equal(described2.dependencies, undefined);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(
    join(folder, "use.ts"),
    'import { createHelpers, type Helpers } from "ackbase";\nexport const helpers: Helpers = createHelpers({ timeout: () => ({ emit: () => true }) });\nexport const item: Promise<{ a: number } | undefined> = helpers.getItem<{ a: number }>(1, "items");\n',
  );
  execFileSync(process.execPath, [join(web, "node_modules/typescript/bin/tsc"), "--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "use.ts"], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
  const names = execFileSync(process.execPath, ["--input-type=module", "-e", 'console.log(Object.keys(await import("ackbase")).sort().join())'], { cwd: folder, encoding: "utf8" });
  assert.equal(names.trim(), "AckbaseError,createHelpers,request");
});
