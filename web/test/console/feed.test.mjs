// The stream over a connection that breaks while something was asked for, and a session that is recovered then.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { becomes, closeBrowser, openTab, shows, startShop } from "../page/tab.mjs";
import { Desk, put } from "./desk.mjs";

/** @typedef {import("node:test").TestContext} TestContext */

after(closeBrowser);

/**
 * A console at its stream, on a WebSocket whose packets pass by here.
 * @param {TestContext} t @param {string} server
 */
async function openStream(t, server) {
  const tab = await openTab(t, "about:blank");
  const wire = {
    /** Breaks the connection in the place of a packet that fits: one that says so, of the page or of the server. @type {RegExp | undefined} */
    breakAt: undefined,
    /** Which packets of the server told of a session: one for each connection. @type {string[]} */
    sessions: [],
  };
  await tab.page.routeWebSocket(/socket\.io/, (page) => {
    const server = page.connectToServer();
    /** Whether the connection was broken in the packet's place. @param {string} packet */
    const broken = (packet) => {
      if (!wire.breakAt?.test(packet)) return false;
      wire.breakAt = undefined;
      server.close();
      page.close();
      return true;
    };
    page.onMessage((message) => void (broken(String(message)) || server.send(message)));
    server.onMessage((message) => {
      const pid = /^40.*"pid":"([^"]*)"/.exec(String(message))?.[1];
      if (pid) wire.sessions.push(pid);
      if (!broken(String(message))) page.send(message);
    });
  });
  await tab.page.goto(`${server}/console?transport=websocket#/stream`);
  const desk = new Desk(tab.page, async () => {});
  await desk.live();
  return { desk, wire };
}

/** What the stream shows, the newest first. @param {Desk} desk */
const shown = (desk) => desk.events.locator(".ident").allTextContents();

test("a collection that the server was not told of when the connection broke is followed in the recovered session", async (t) => {
  const server = await startShop(t, []);
  await put(server, "things", [{ id: 1 }]);
  const { desk, wire } = await openStream(t, server);
  await desk.follows(["things"]);
  await put(server, "things", [{ id: 2 }]);
  await becomes(() => shown(desk), ["things/2"]);

  wire.breakAt = /"SUBSCRIBE","visits"/;
  await put(server, "visits", [{ id: 1 }]);
  await becomes(async () => wire.sessions.length, 2);
  assert.equal(wire.sessions[0], wire.sessions[1], "the session is recovered");
  await desk.live();
  await becomes(() => shown(desk), ["visits/1", "things/2"]);
  await put(server, "visits", [{ id: 2 }]);
  await put(server, "things", [{ id: 3 }]);
  await becomes(() => shown(desk), ["things/3", "visits/2", "visits/1", "things/2"]);
});

test("changes of a collection whose answer was lost are told once in the recovered session", async (t) => {
  const server = await startShop(t, []);
  await put(server, "orders", [{ id: 1 }]);
  await put(server, "things", [{ id: 1 }]);
  const { desk, wire } = await openStream(t, server);
  await desk.follows(["orders", "things"]);
  // Away from the stream and back: both are asked for anew, and the second answer is lost.
  await desk.page.locator("#views").getByText("Data").click();
  wire.breakAt = /^43.*"room":"things"/;
  await desk.page.locator("#views").getByText("Stream").click();
  await becomes(async () => wire.breakAt, undefined);
  await put(server, "things", [{ id: 2 }]); // which the session is due from the first time it was asked for
  await becomes(async () => wire.sessions.length, 2);
  assert.equal(wire.sessions[0], wire.sessions[1], "the session is recovered");
  await desk.page.locator("#stream-sheet[aria-busy=false]").waitFor();
  await put(server, "things", [{ id: 3 }]);
  await put(server, "orders", [{ id: 2 }]);
  await becomes(() => shown(desk), ["orders/2", "things/3", "things/2"]);
});

test("a collection that was left when the connection broke is left in the recovered session too", async (t) => {
  const server = await startShop(t, []);
  await put(server, "things", [{ id: 1 }]);
  const { desk, wire } = await openStream(t, server);
  await desk.follows(["things"]);
  await put(server, "things", [{ id: 2 }]);
  await becomes(() => shown(desk), ["things/2"]);
  wire.breakAt = /"UNSUBSCRIBE","things"/;
  await desk.page.locator("#views").getByText("Clients").click();
  await becomes(async () => wire.sessions.length, 2);
  assert.equal(wire.sessions[0], wire.sessions[1], "the session is recovered");
  await shows(desk.page.locator("#clients-rows .rooms"), "none");
});

test("over long-polling, too, a collection that comes later is followed from its first change on", async (t) => {
  const server = await startShop(t, []);
  await put(server, "things", [{ id: 1 }]);
  const tab = await openTab(t, `${server}/console?transport=polling#/stream`);
  const desk = new Desk(tab.page, async () => {});
  await desk.live(/^Live · long-polling$/);
  await desk.follows(["things"]);
  await put(server, "visits", [1, 2, 3].map((id) => ({ id }))); // the answer and what was missed come with one poll
  await becomes(() => shown(desk), ["visits/3", "visits/2", "visits/1"]);
});
