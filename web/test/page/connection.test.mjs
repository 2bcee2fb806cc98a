// The connection's state, its transport, and what the page does without one.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openLine } from "../client/line.mjs";
import { dataFile, startServer } from "../contract/server.mjs";
import { atEnd, closeBrowser, openTab, shows, startShop } from "./tab.mjs";

after(closeBrowser);

test("the transport is told, and the upgrade to WebSocket", async (t) => {
  const shop = await startShop(t);
  const usual = await (await openTab(t, shop)).ready();
  await usual.live(/^Live · WebSocket$/);
  const polling = await (await openTab(t, `${shop}/?transport=polling`)).ready();
  await polling.live(/^Live · long-polling$/);
  const only = await (await openTab(t, `${shop}/?transport=websocket`)).ready();
  await only.live(/^Live · WebSocket$/);

  // Changes come over long-polling too, and this tab's own are known as such.
  await polling.add({ name: "Paper plane", rrp: "0.10" });
  await shows(await polling.change("ADDED", "Paper plane"), "this tab");
  await usual.change("ADDED", "Paper plane");
});

test("offline by choice, and back", async (t) => {
  const shop = await startShop(t);
  const here = await (await openTab(t, `${shop}/?sort=-id`)).ready();
  const there = await (await openTab(t, `${shop}/?sort=-id`)).ready();

  await here.page.getByRole("button", { name: "Go offline" }).click();
  await here.live(/^Offline$/);
  await shows(here.page.locator("#banner"), "You went offline.");
  const [first = ""] = await here.names();
  await here.row(first).getByRole("button", { name: /^Delete/ }).click();
  await shows(here.notices, /Deleting .* failed\. There is no connection to the server now, so nothing was saved/);
  await here.page.locator("#add").click();
  await here.save({ name: "Never stored" });
  await shows(here.page.locator("#form-fault"), "There is no connection to the server now");
  await here.page.keyboard.press("Escape");
  await here.picture("offline");

  await there.add({ name: "Missed meanwhile" });
  assert.equal(await here.row("Missed meanwhile").count(), 0);
  await here.page.getByRole("button", { name: "Go online" }).click();
  await here.live();
  await here.page.locator("#banner").waitFor({ state: "hidden" });
  await here.row("Missed meanwhile").waitFor();
  await here.change("ADDED", "Missed meanwhile"); // in the stream too: nothing is missed
  assert.equal(await there.row("Never stored").count(), 0, "nothing that was refused offline is sent later");

  await there.add({ name: "Heard again" });
  await here.change("ADDED", "Heard again");
});

test("a list that has not caught up yet is not called live", async (t) => {
  const shop = await startShop(t);
  const tab = await (await openTab(t, `${shop}/?transport=websocket`)).ready();
  let holding = false;
  /** @type {(() => void)[]} */
  const held = [];
  await tab.page.routeWebSocket(/socket\.io/, (page) => {
    const server = page.connectToServer();
    server.onMessage((message) => {
      // From its first answer on, what the server says is held back: in its order, which the client relies on.
      if (holding && (held.length > 0 || /^43/.test(String(message)))) held.push(() => page.send(message));
      else page.send(message);
    });
  });
  await tab.page.reload();
  await tab.ready();
  await tab.page.getByRole("button", { name: "Go offline" }).click();
  await tab.live(/^Offline$/);
  holding = true;
  await tab.page.getByRole("button", { name: "Go online" }).click();
  await tab.live(/^Catching up…$/);
  holding = false;
  for (const send of held) send();
  await tab.live(/^Live/);
});

test("a server that is stopped and started again is found again", async (t) => {
  const data = dataFile();
  const first = await startServer(["--data", data, "--seed", "catalogue"]);
  const line = await openLine(first.url); // the address stays: another process may take a server's port while it is away
  atEnd(t, async () => line.close());
  const tab = await (await openTab(t, line.url, { complaints: /ERR_|WebSocket connection|Failed to load resource/ })).ready();
  await first.stop();
  line.down();
  await tab.live(/^Reconnecting…$/);
  await shows(tab.page.locator("#banner"), /lost|does not answer/);
  await tab.picture("reconnecting");

  const second = await startServer(["--data", data]);
  atEnd(t, () => second.stop());
  line.up(second.url);
  await tab.live(/^Live/);
  await tab.add({ name: "After the restart" });
  await tab.change("ADDED", "After the restart");
  await shows(tab.count, "125 items");
});

test("a device that loses its network says so, and comes back by itself", async (t) => {
  const shop = await startShop(t);
  const tab = await (await openTab(t, shop, { complaints: /ERR_INTERNET_DISCONNECTED|WebSocket connection/ })).ready();
  await tab.page.context().setOffline(true);
  await tab.live(/^Reconnecting…$/);
  await shows(tab.page.locator("#banner"), /offline|lost|does not answer/);
  await tab.page.context().setOffline(false);
  await tab.live(/^Live/);
});
