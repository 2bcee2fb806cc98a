// The npm package, as it would be published: packed, installed in an empty project of Vite and TypeScript, and used there as its README shows.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { examples, folder } from "./readme.mjs";

const web = fileURLToPath(new URL("../..", import.meta.url));
const modules = readdirSync(folder).filter((name) => name.endsWith(".js"));

test("packed, installed in an empty project, used with its types, built", (t) => {
  const project = mkdtempSync(join(tmpdir(), "ackbase-package-"));
  t.after(() => rmSync(project, { recursive: true, force: true }));
  const out = execFileSync("npm", ["pack", "--json", "--loglevel=error", "--pack-destination", project], { cwd: folder, encoding: "utf8" });
  const described = JSON.parse(out.slice(out.search(/^[[{]/m)));
  const packed = Array.isArray(described) ? described[0] : Object.values(described)[0];
  /** @type {{ path: string }[]} */
  const files = packed.files;
  const wanted = ["LICENSE", "README.md", "package.json", ...modules, ...modules.map((name) => `types/${name.replace(/js$/, "d.ts")}`)];
  assert.deepEqual(files.map(({ path }) => path).sort(), wanted.sort(), "the modules, their types, and nothing else");

  const own = JSON.parse(readFileSync(join(web, "package.json"), "utf8")).devDependencies;
  const versions = (/** @type {string[]} */ ...names) => Object.fromEntries(names.map((name) => [name, own[name] ?? assert.fail(`web has no ${name}`)]));
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({
      private: true,
      type: "module",
      dependencies: { ackbase: `file:${packed.filename}`, ...versions("socket.io-client", "react", "react-dom") },
      devDependencies: versions("typescript", "vite", "@types/react"),
    }),
  );
  writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: { target: "es2022", module: "esnext", moduleResolution: "bundler", lib: ["es2023", "dom"], types: [], jsx: "react-jsx", strict: true, noUncheckedIndexedAccess: true, noEmit: true },
      include: ["src"],
    }),
  );
  mkdirSync(join(project, "src"));
  const names = [];
  for (const [name, text] of examples()) {
    if (!/\.tsx?$/.test(name)) continue;
    writeFileSync(join(project, "src", name), text);
    names.push(name);
  }
  // An export makes a module of each, as its imports do.
  writeFileSync(join(project, "src", "main.ts"), names.map((name) => `import "./${name.replace(/\.tsx?$/, "")}";\n`).join("") + 'export { Shop } from "./Shop";\n');
  writeFileSync(join(project, "index.html"), '<!doctype html><title>Shop</title><script type="module" src="/src/main.ts"></script>\n');

  const run = (/** @type {string} */ command, /** @type {string[]} */ ...args) => execFileSync(command, args, { cwd: project, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  run("npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error");
  assert.equal(JSON.parse(readFileSync(join(project, "node_modules/ackbase/package.json"), "utf8")).dependencies, undefined);
  const check = () => run(process.execPath, "node_modules/typescript/bin/tsc", "--project", ".");
  check();
  writeFileSync(join(project, "src", "wrong.ts"), 'import { items } from "./client";\nawait items.create({ name: 1, rrp: "29" });\n');
  assert.throws(() => execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "--project", "."], { cwd: project, stdio: "pipe" }), "the types hold nobody back");
  rmSync(join(project, "src", "wrong.ts"));
  run(process.execPath, "node_modules/vite/bin/vite.js", "build", "--logLevel", "error");
  const built = readdirSync(join(project, "dist/assets")).map((name) => readFileSync(join(project, "dist/assets", name), "utf8")).join("");
  assert.match(built, /AckbaseError/);
  const exported = run(process.execPath, "--input-type=module", "-e", 'console.log(Object.keys(await import("ackbase")).sort().join())');
  assert.equal(exported.trim(), "AckbaseError,createClient,createHelpers,metaOf,request");
});
