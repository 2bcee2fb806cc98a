/**
 * A TCP proxy that holds WebSocket connections back until it is told to let them through, so that a test can be sure
 * that a client is still polling, and has much under way, when its upgrade begins.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";

/**
 * @param {string} url of the server, such as http://127.0.0.1:40001
 * @returns {Promise<{ url: string, release: () => void, close: () => void }>}
 */
export async function holdUpgrades(url) {
  const { hostname, port } = new URL(url);
  /** @type {() => void} */
  let release = () => {};
  const released = new Promise((resolve) => (release = () => resolve(undefined)));
  /** @type {Set<import("node:net").Socket>} */
  const open = new Set();

  const proxy = createServer((client) => {
    open.add(client);
    client.once("close", () => open.delete(client)).on("error", () => client.destroy());
    client.once("data", async (head) => {
      client.pause();
      if (head.includes("transport=websocket")) await released;
      const upstream = connect(Number(port), hostname);
      upstream.on("error", () => client.destroy()).once("close", () => client.destroy());
      client.once("close", () => upstream.destroy());
      upstream.write(head);
      client.pipe(upstream).pipe(client);
    });
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const address = /** @type {import("node:net").AddressInfo} */ (proxy.address());
  return {
    url: `http://127.0.0.1:${address.port}`,
    release,
    close() {
      proxy.close();
      for (const socket of open) socket.destroy();
    },
  };
}
