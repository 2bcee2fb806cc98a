/**
 * The line between clients and a server, as a TCP proxy: it can be cut, go silent, be down, and lead to another server.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";

/**
 * @param {string} url of the server
 * @param {import("node:test").TestContext} [t] that ends it
 */
export async function openLine(url, t) {
  let to = new URL(url);
  let up = true;
  /** @type {Set<{ client: import("node:net").Socket, mute: boolean }>} */
  const open = new Set();
  const listener = createServer((client) => {
    client.on("error", () => client.destroy());
    if (!up) return void client.destroy();
    const pair = { client, mute: false };
    open.add(pair);
    const server = connect(Number(to.port), to.hostname);
    server.on("error", () => client.destroy()).once("close", () => client.destroy());
    client.once("close", () => {
      open.delete(pair);
      server.destroy();
    });
    client.pipe(server);
    server.on("data", (data) => pair.mute || client.write(data));
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (listener.address());

  const line = {
    url: `http://127.0.0.1:${port}`,
    /** Breaks what is connected; a new connection may be made at once. */
    cut() {
      for (const { client } of open) client.destroy();
    },
    /** Loses what the server says from now on to those who are connected. */
    mute() {
      for (const pair of open) pair.mute = true;
    },
    /** Breaks what is connected, and refuses everything until it is up again. */
    down() {
      up = false;
      line.cut();
    },
    /** @param {string} [url] leads there from now on */
    up(url) {
      if (url) to = new URL(url);
      up = true;
    },
    close() {
      listener.close();
      line.cut();
    },
  };
  t?.after(() => line.close());
  return line;
}
