/**
 * The quick start of README.md, run as it stands there but for the address of the server.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { patience, startServer } from "./server.mjs";

test("the quick start's client", async () => {
  const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
  const script = /<<'EOF'\n(.*?)\nEOF\n/s.exec(readme)?.[1] ?? "";
  assert.match(script, /http:\/\/127\.0\.0\.1:3000/);

  const server = await startServer(["--seed", "catalogue"]);
  const folder = new URL("../../test-output/", import.meta.url); // below web, whose packages it imports
  mkdirSync(folder, { recursive: true });
  const file = fileURLToPath(new URL(`quick-start-${process.pid}.mjs`, folder));
  writeFileSync(file, script.replace("http://127.0.0.1:3000", server.url));
  const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: patience });
  assert.match(stdout, /heard ADDED 125 Clotted cream fudge/);
  assert.match(stdout, /stored \{\s+id: 125,\s+name: 'Clotted cream fudge'/);
  assert.match(stdout, /cheapest \[\s+\{\s+id: \d+/);
  assert.match(stdout, /deleted true/);
  await server.stop();
});
