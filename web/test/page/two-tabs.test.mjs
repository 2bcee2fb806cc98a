// What is done in one tab is seen in the other.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { becomes, closeBrowser, openTab, shows, startShop } from "./tab.mjs";

after(closeBrowser);

test("an item that is added, edited and deleted in one tab lives in the other", async (t) => {
  const shop = await startShop(t);
  const here = await (await openTab(t, `${shop}/?sort=-id`)).ready();
  const there = await (await openTab(t, `${shop}/?sort=-id`, { dark: true })).ready();

  await here.add({ name: "Portable Projector", category: "electronics", rrp: "399", info: "Full HD, battery for two films.", other: '{ "stock": 12 }' });
  await shows(here.notices, /Portable Projector is added, with the id 125/);
  for (const tab of [here, there]) {
    await shows(tab.row("Portable Projector"), "399.00");
    await shows(tab.row("Portable Projector"), /stock\s*12/);
    await tab.change("ADDED", "Portable Projector");
    await shows(tab.count, "125 items");
  }
  assert.equal((await there.names())[0], "Portable Projector", "newest first, it leads the list");
  await shows(await here.change("ADDED", "Portable Projector"), "this tab");
  assert.doesNotMatch((await (await there.change("ADDED", "Portable Projector")).textContent()) ?? "", /this tab/);

  await there.row("Portable Projector").getByRole("button", { name: "Edit Portable Projector" }).click();
  await there.save({ rrp: "379,50", info: "Full HD, battery for three films." });
  for (const tab of [here, there]) {
    await shows(tab.row("Portable Projector"), "379.50");
    const change = await tab.change("MODIFIED", "Portable Projector");
    await shows(change.locator(".fields"), /rrp\s*399\.00\s*379\.50/);
    await shows(change.locator(".fields"), "battery for three films");
  }
  await here.picture("two-tabs-light");
  await there.picture("two-tabs-dark");

  await here.row("Portable Projector").getByRole("button", { name: "Delete Portable Projector" }).click();
  for (const tab of [here, there]) {
    await tab.row("Portable Projector").waitFor({ state: "detached" });
    await tab.change("DELETED", "Portable Projector");
    await shows(tab.count, "124 items");
  }

  await here.notices.getByRole("button", { name: "Undo" }).click();
  for (const tab of [here, there]) {
    await shows(tab.row("Portable Projector"), /379\.50.*125/s);
    await shows(tab.count, "125 items");
  }
  assert.equal(await here.changes.count(), 4);
  assert.equal(await there.changes.count(), 4, "each change once in the stream, also with two subscriptions");
});

test("an answer that comes late leaves the form alone that is open by then", async (t) => {
  const shop = await startShop(t);
  const tab = await (await openTab(t, `${shop}/?transport=websocket`)).ready();
  let holding = false;
  let letGo = () => {};
  await tab.page.routeWebSocket(/socket\.io/, (page) => {
    const server = page.connectToServer();
    server.onMessage((message) => {
      if (holding && /^43/.test(String(message))) letGo = () => page.send(message);
      else return page.send(message);
      holding = false; // the first answer alone
    });
  });
  await tab.page.reload();
  await tab.ready();
  const [one, two] = await tab.names();
  await tab.row(String(one)).getByRole("button", { name: /^Edit/ }).click();
  await tab.editor.waitFor();
  holding = true;
  await tab.save({ rrp: "1234" });
  await tab.change("MODIFIED", String(one));
  await tab.page.locator("#cancel").click();
  await tab.editor.waitFor({ state: "hidden" });
  await tab.row(String(two)).getByRole("button", { name: /^Edit/ }).click();
  await tab.editor.waitFor();
  await tab.page.locator("#f-name").fill("Typed meanwhile");
  letGo();
  await shows(tab.notices, `${one} is saved.`);
  assert.ok(await tab.editor.isVisible());
  assert.equal(await tab.page.locator("#f-name").inputValue(), "Typed meanwhile");
  await tab.page.locator("#save").click();
  await shows(tab.notices, "Typed meanwhile is saved.");
});

test("who edits what somebody else has changed is asked", async (t) => {
  const shop = await startShop(t);
  const here = await (await openTab(t, shop)).ready();
  const there = await (await openTab(t, shop)).ready();
  const [name = ""] = await here.names();

  await here.row(name).getByRole("button", { name: /^Edit/ }).click();
  await here.editor.waitFor();
  await there.row(name).getByRole("button", { name: /^Edit/ }).click();
  await there.save({ rrp: "1" });
  await there.editor.waitFor({ state: "hidden" });
  await here.change("MODIFIED", name);

  await here.save({ info: "Mine." });
  await shows(here.editor, "Somebody changed this item while you were editing it.");
  await here.picture("conflict");
  await here.editor.getByRole("button", { name: "Load theirs" }).click();
  await becomes(() => here.page.locator("#f-rrp").inputValue(), "1");
  await here.save({ info: "Mine." });
  await here.editor.waitFor({ state: "hidden" });
  await shows(there.row(name), /Mine\..*1\.00/s);

  await here.row(name).getByRole("button", { name: /^Edit/ }).click();
  await here.editor.waitFor();
  await there.row(name).getByRole("button", { name: /^Edit/ }).click();
  await there.save({ info: "Theirs." });
  await there.editor.waitFor({ state: "hidden" });
  await here.save({ rrp: "2" });
  await here.editor.getByRole("button", { name: "Save mine" }).click();
  await here.editor.waitFor({ state: "hidden" });
  // Only the field that was edited is saved over theirs.
  await shows(there.row(name), /Theirs\..*2\.00/s);

  await here.row(name).getByRole("button", { name: /^Edit/ }).click();
  await here.editor.waitFor();
  await there.row(name).getByRole("button", { name: /^Delete/ }).click();
  await here.row(name).waitFor({ state: "detached" });
  await here.save({ rrp: "3" });
  await shows(here.editor, "Somebody deleted this item while you were editing it");
});

test("an item enters and leaves a filtered list as it changes", async (t) => {
  const shop = await startShop(t);
  const cheap = await (await openTab(t, `${shop}/?category=confectionery&to=2`)).ready();
  const all = await (await openTab(t, shop)).ready();
  const before = await cheap.names();
  assert.ok(before.length > 0 && before.length < 10, `the catalogue has ${before.length} sweets up to 2`);

  await all.add({ name: "Aniseed Balls", category: "confectionery", rrp: "1.20" });
  await shows(cheap.row("Aniseed Balls"), "1.20");
  await all.add({ name: "Battery", category: "electronics", rrp: "1.20" });
  await cheap.change("ADDED", "Battery"); // the stream tells all changes, the list those of the filter
  await becomes(() => cheap.names(), [...before, "Aniseed Balls"]);

  await cheap.row("Aniseed Balls").getByRole("button", { name: /^Edit/ }).click();
  await cheap.save({ rrp: "2.20" });
  await cheap.row("Aniseed Balls").waitFor({ state: "detached" });
  await shows(cheap.count, `${before.length} items match`);
});

test("a burst of changes from elsewhere ends in the right list", async (t) => {
  const shop = await startShop(t, []);
  const tab = await openTab(t, `${shop}/?sort=-rrp&limit=25`);
  await shows(tab.page.locator("#empty"), "items is empty");
  await tab.picture("empty");
  // The page's own client, many writes at once, as a program would do.
  await tab.page.evaluate(async () => {
    const { createHelpers } = await import(/** @type {any} */ ("/client/ackbase.js"));
    const { io } = await import(/** @type {any} */ ("/socket.io/socket.io.esm.min.js"));
    const socket = io({ forceNew: true });
    const { postItem, deleteItem } = createHelpers(socket);
    await Promise.all(Array.from({ length: 300 }, (_, i) => postItem({ name: `Burst ${i}`, rrp: i }, "items")));
    await Promise.all(Array.from({ length: 100 }, (_, i) => deleteItem(i + 1, "items")));
    socket.disconnect();
  });
  await shows(tab.count, "200 items, 1–25 shown");
  await becomes(() => tab.names(), Array.from({ length: 25 }, (_, i) => `Burst ${299 - i}`));
  await shows(tab.page.locator("#tally"), "400");
  assert.ok((await tab.changes.count()) <= 100, "the stream keeps what a person can read");
});
