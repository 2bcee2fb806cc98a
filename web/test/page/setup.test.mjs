// A build without npm's files works, and says what to run.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { atEnd, closeBrowser, openTab, shows } from "./tab.mjs";

after(closeBrowser);

test("a build without Node says in words what to run", async (t) => {
  const root = fileURLToPath(new URL("../../..", import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), "ackbase-setup-"));
  atEnd(t, async () => rmSync(folder, { recursive: true, force: true }));
  // The build sees web/dist as in a fresh clone: an overlay takes the copied files away.
  const dist = join(root, "web/dist");
  const copied = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) => name !== "README.md" && statSync(join(dist, name)).isFile());
  const overlay = join(folder, "overlay.json");
  writeFileSync(overlay, JSON.stringify({ Replace: Object.fromEntries(copied.map((name) => [join(dist, name), ""])) }));
  const bin = join(folder, "ackbase");
  execFileSync("go", ["build", "-overlay", overlay, "-o", bin, "."], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });

  const before = process.env.ACKBASE_BIN;
  process.env.ACKBASE_BIN = bin;
  const { startServer } = await import("../contract/server.mjs");
  const server = await startServer().finally(() => {
    if (before === undefined) delete process.env.ACKBASE_BIN;
    else process.env.ACKBASE_BIN = before;
  });
  atEnd(t, () => server.stop());

  const answer = await fetch(`${server.url}/socket.io/socket.io.js`);
  assert.equal(answer.status, 404);
  assert.match(await answer.text(), /npm --prefix web ci && npm --prefix web run dist/);
  const tab = await openTab(t, server.url, { complaints: /404/ });
  await shows(tab.page.locator("#empty"), "npm --prefix web ci && npm --prefix web run dist");
  await tab.live(/^Not connected$/);
  await tab.picture("setup");

  const console = await openTab(t, `${server.url}/console`, { complaints: /404/ });
  await shows(console.page.locator("#banner"), "npm --prefix web ci && npm --prefix web run dist");
  await console.live(/^Not connected$/);
});
