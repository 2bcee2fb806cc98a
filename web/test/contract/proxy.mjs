/**
 * TCP proxies between a client and the server, that do to a connection what a test wants done to it.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** @typedef {import("node:net").Socket} Connection */

/**
 * Runs a proxy.
 *
 * @param {string} url of the server, such as http://127.0.0.1:40001
 * @param {(head: Buffer, client: Connection, server: () => Connection) => void} relay ties a client that has sent the
 *   first bytes of its request to a connection to the server, which is still to get them
 * @returns {Promise<{ url: string, close: () => void }>}
 */
async function proxy(url, relay) {
  const { hostname, port } = new URL(url);
  /** @type {Set<Connection>} */
  const open = new Set();
  const listener = createServer((client) => {
    open.add(client);
    client.once("close", () => open.delete(client)).on("error", () => client.destroy());
    client.once("data", (head) => {
      client.pause();
      relay(head, client, () => {
        const server = connect(Number(port), hostname);
        server.on("error", () => client.destroy()).once("close", () => client.destroy());
        client.once("close", () => server.destroy());
        return server;
      });
    });
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = /** @type {import("node:net").AddressInfo} */ (listener.address());
  return {
    url: `http://127.0.0.1:${address.port}`,
    close() {
      listener.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/**
 * Holds WebSocket connections back until it is told to let them through, so that a test can be sure that a client is
 * still polling, and has much under way, when its upgrade begins.
 *
 * @param {string} url of the server
 * @returns {Promise<{ url: string, release: () => void, close: () => void }>}
 */
export async function holdUpgrades(url) {
  /** @type {() => void} */
  let release = () => {};
  const released = new Promise((resolve) => (release = () => resolve(undefined)));
  const held = await proxy(url, async (head, client, server) => {
    if (head.includes("transport=websocket")) await released;
    const upstream = server();
    upstream.write(head);
    client.pipe(upstream).pipe(client);
  });
  return { ...held, release };
}

/**
 * Loses acknowledgements on their way to clients that are connected over WebSocket.
 *
 * @param {string} url of the server
 * @param {(ack: string) => boolean} lost whether this one gets lost; it is the packet, such as 430[{"id":1},null,{}]
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export function loseAcks(url, lost) {
  return proxy(url, (head, client, server) => {
    const upstream = server();
    upstream.write(head);
    client.pipe(upstream);
    let waiting = Buffer.alloc(0);
    let handshake = true;
    upstream.on("data", (data) => {
      waiting = Buffer.concat([waiting, data]);
      if (handshake) {
        const end = waiting.indexOf("\r\n\r\n");
        if (end < 0) return;
        handshake = false;
        client.write(waiting.subarray(0, end + 4));
        waiting = waiting.subarray(end + 4);
      }
      for (let frame = take(); frame; frame = take()) {
        const packet = frame.payload.toString();
        if (!/^43\d/.test(packet) || !lost(packet)) client.write(frame.bytes);
      }
    });

    /** The next frame, if all of it is there: as a server sends it, that is without a mask. */
    function take() {
      if (waiting.length < 2) return undefined;
      const short = /** @type {number} */ (waiting[1]);
      const from = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (waiting.length < from) return undefined;
      const size = short === 126 ? waiting.readUInt16BE(2) : short === 127 ? Number(waiting.readBigUInt64BE(2)) : short;
      if (waiting.length < from + size) return undefined;
      const bytes = waiting.subarray(0, from + size);
      waiting = waiting.subarray(from + size);
      return { bytes, payload: bytes.subarray(from) };
    }
  });
}

/**
 * A line to the server that a test can cut, freeze and lay to another one.
 *
 * @param {string} url of the server
 * @returns {Promise<Line>}
 *
 * @typedef {object} Line
 * @property {string} url for the client
 * @property {() => void} cut ends all connections, and refuses new ones until through
 * @property {(url?: string) => void} through lets connections through again, to another server where it is named
 * @property {() => void} freeze lets nothing more through on the connections that there are, and keeps them open; new ones work
 * @property {(bytes: number) => void} cutAfter cuts when the client has been sent so many bytes more
 * @property {() => void} close
 */
export async function layLine(url) {
  let target = new URL(url);
  let open = true;
  let left = Infinity;
  /** @type {Set<Connection>} */
  const ends = new Set();
  const cut = () => {
    open = false;
    left = Infinity;
    for (const end of ends) end.destroy();
    ends.clear();
  };
  const listener = createServer((client) => {
    if (!open) {
      client.on("error", () => {}).destroy();
      return;
    }
    const server = connect(Number(target.port), target.hostname);
    for (const [end, other] of /** @type {const} */ ([[client, server], [server, client]])) {
      ends.add(end);
      end.on("error", () => other.destroy()).once("close", () => {
        ends.delete(end);
        other.destroy();
      });
    }
    client.on("data", (data) => server.write(data));
    server.on("data", (data) => {
      const fits = data.subarray(0, left);
      left -= fits.length;
      client.write(fits);
      if (left <= 0) client.end(() => setImmediate(cut)); // after the client has got the rest
    });
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = /** @type {import("node:net").AddressInfo} */ (listener.address());
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut,
    through(url) {
      if (url) target = new URL(url);
      open = true;
    },
    freeze() {
      for (const end of ends) end.removeAllListeners("data").pause();
    },
    cutAfter(bytes) {
      left = bytes;
    },
    close() {
      listener.close();
      cut();
    },
  };
}
