/**
 * Clients on the real server, for tests.
 */
import { io } from "socket.io-client";
import { createClient } from "../../client/ackbase.js";
import { deadline } from "../contract/server.mjs";

/** @typedef {import("../../client/ackbase.js").Snapshot} Snapshot */
/** @typedef {{ id: number | string, [field: string]: any }} Item */

/**
 * A client of its own, which reconnects fast, and what it emits. Over WebSocket unless it is said otherwise: a break in
 * the middle of an upgrade is noticed by socket.io-client only when its ping is late.
 *
 * @param {string} url
 * @param {import("node:test").TestContext} t that ends it
 * @param {{ client?: import("../../client/ackbase.js").ClientOptions, socket?: Record<string, unknown> }} [options]
 */
export function open(url, t, { client: options, socket: settings } = {}) {
  const socket = io(url, { forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 30, randomizationFactor: 0, transports: ["websocket"], ...settings });
  /** @type {any[][]} */
  const sent = [];
  socket.onAnyOutgoing((...args) => sent.push(args));
  const client = createClient(socket, options);
  t.after(() => {
    client.close();
    socket.disconnect();
  });
  return {
    socket,
    client,
    /** @param {string} verb @returns {any[][]} what was emitted under this verb */
    sent: (verb) => sent.filter(([name]) => name === verb),
    /** @param {string} name @returns {import("../../client/ackbase.js").Collection<Item>} */
    collection: (name) => client.collection(name),
    /** Closes the connection from this side. One that is only opening would make socket.io-client wait for 20 s. */
    cut: () => socket.connected && socket.io.engine.close(),
    connected: () => socket.connected || Promise.race([new Promise((resolve) => socket.once("connect", () => resolve(true))), deadline("the connection")]),
  };
}

/**
 * Waits until a live query's snapshot is as wanted.
 *
 * @param {import("../../client/ackbase.js").Live<any>} live
 * @param {(snapshot: Snapshot) => unknown} wanted
 * @param {string} [what]
 * @returns {Promise<Snapshot>}
 */
export async function shows(live, wanted, what = String(wanted)) {
  /** @type {() => void} */
  let stop = () => {};
  const seen = new Promise((resolve) => {
    stop = live.subscribe((snapshot) => wanted(snapshot) && resolve(snapshot));
  });
  try {
    return await Promise.race([seen, deadline(what)]);
  } catch (error) {
    throw new Error(`${/** @type {Error} */ (error).message}; it shows ${JSON.stringify(live.getSnapshot())}`);
  } finally {
    stop();
  }
}

/** Something that a test waits for, such as the n-th of a list. @template T */
export class Heard {
  /** @type {T[]} */
  all = [];
  #wake = () => {};

  /** @param {T} one */
  add = (one) => {
    this.all.push(one);
    this.#wake();
  };

  /** @param {number} n @returns {Promise<T[]>} all, when there are n */
  async count(n) {
    const late = deadline(`number ${n} (there are ${this.all.length})`);
    while (this.all.length < n) await Promise.race([new Promise((resolve) => (this.#wake = () => resolve(undefined))), late]);
    return this.all;
  }
}
