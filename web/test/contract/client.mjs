/**
 * Stock Socket.IO clients, in every version and over every transport that the contract names, and what the tests
 * hear through them.
 */
import { io as io4 } from "socket.io-client";
// @ts-expect-error: the package has no types
import io2 from "socket.io-client-2";
// @ts-expect-error: the package has types, which its "exports" do not name
import { io as io3 } from "socket.io-client-3";

import { deadline } from "./server.mjs";

/** @typedef {import("socket.io-client").Socket} Socket */
/** @typedef {{ name: string, version: 2 | 3 | 4, transports: string[] }} Way */

/** @param {2 | 3 | 4} version @param {string} over @param {string[]} transports @returns {Way} */
export const way = (version, over, transports) => ({ name: `socket.io-client ${version}.x ${over}`, version, transports });

export const websocket4 = way(4, "over websocket", ["websocket"]);
export const polling4 = way(4, "over polling", ["polling"]);
export const upgraded4 = way(4, "over polling, then upgraded", ["polling", "websocket"]);
export const websocket3 = way(3, "over websocket", ["websocket"]);
export const polling3 = way(3, "over polling", ["polling"]);
export const upgraded3 = way(3, "over polling, then upgraded", ["polling", "websocket"]);
export const websocket2 = way(2, "over websocket", ["websocket"]);
export const polling2 = way(2, "over polling", ["polling"]);
export const upgraded2 = way(2, "over polling, then upgraded", ["polling", "websocket"]);

/** Every way to connect. */
export const ways = [websocket4, polling4, upgraded4, websocket3, polling3, upgraded3, websocket2, polling2, upgraded2];

/** @type {Set<Socket>} */
const sockets = new Set();

/** Disconnects every socket that connect has made. For afterEach. */
export function disconnectAll() {
  for (const socket of sockets) socket.disconnect();
  sockets.clear();
}

/**
 * Connects; where the way upgrades, it resolves when that has happened, unless early is set.
 *
 * @param {string} url
 * @param {Way} [way]
 * @param {{ early?: boolean, prepare?: (socket: Socket) => void } & Record<string, unknown>} [options] early, what to
 *   do with the socket before it connects, and the client's own; with reconnection an error is waited out
 * @returns {Promise<Socket>}
 */
export async function connect(url, way = websocket4, { early = false, prepare, ...options } = {}) {
  const io = /** @type {typeof io4} */ (way.version === 2 ? io2 : way.version === 3 ? io3 : io4);
  const socket = io(url, { forceNew: true, reconnection: false, ...options, transports: [...way.transports] });
  sockets.add(socket);
  prepare?.(socket);
  const upgraded =
    way.transports.length > 1 && !early
      ? new Promise((resolve) => socket.io.once("open", () => socket.io.engine.once("upgrade", () => resolve(undefined))))
      : undefined;
  await Promise.race([
    new Promise((resolve, reject) => {
      socket.once("connect", () => resolve(undefined));
      if (!options.reconnection) socket.once("connect_error", reject);
      // A refusal of 2.x: the middleware's data, or its message.
      if (way.version === 2) socket.once("error", (data) => reject(typeof data === "string" ? new Error(data) : Object.assign(new Error("refused"), { data })));
    }),
    deadline("the connection"),
  ]);
  await Promise.race([upgraded, deadline("the upgrade")]);
  return socket;
}

/**
 * @typedef {object} Answer
 * @property {any} result
 * @property {null | { code: string, status: number, message: string, details?: any }} error
 * @property {any} meta
 * @property {number} values how many were acknowledged
 */

/**
 * Emits with a callback and resolves with all that is acknowledged.
 *
 * @param {Socket} socket
 * @param {string} verb
 * @param {...unknown} args
 * @returns {Promise<Answer>}
 */
export function call(socket, verb, ...args) {
  return Promise.race([
    new Promise((resolve) => {
      socket.emit(verb, ...args, (/** @type {any[]} */ ...values) => {
        resolve({ result: values[0], error: values[1], meta: values[2], values: values.length });
      });
    }),
    deadline(`the answer to ${verb} ${JSON.stringify(args)?.slice(0, 200)}`),
  ]);
}

/**
 * call for what has to succeed: resolves with the result, checks that there is no error.
 *
 * @param {Socket} socket
 * @param {string} verb
 * @param {...unknown} args
 * @returns {Promise<any>}
 */
export async function ok(socket, verb, ...args) {
  const { result, error } = await call(socket, verb, ...args);
  if (error) throw new Error(`${verb} ${JSON.stringify(args)?.slice(0, 200)}: ${error.code}: ${error.message}`);
  return result;
}

/**
 * The arguments of an event of the program's own as it sent them: what ends in a text has the offset behind it, in the
 * namespace of the verbs.
 *
 * @param {Way} way
 * @param {unknown[]} args
 */
export const asSent = (way, args) => (way.version > 2 && typeof args.at(-1) === "string" ? args.slice(0, -1) : args);

/** @typedef {Record<string, any>} Change */

/**
 * Collects the changes that a socket hears, in their order.
 */
export class Changes {
  /** @type {Change[]} */
  #heard = [];
  /** @type {(string | undefined)[]} The offset that each of them ended in; undefined where it ended in the change. */
  offsets = [];
  #taken = 0;
  /** @type {null | (() => void)} */
  #wake = null;

  /**
   * @param {Socket} socket
   * @param {{ bookmarks?: boolean }} [options] with bookmarks, BOOKMARK is among them, with that as its type
   */
  constructor(socket, { bookmarks = false } = {}) {
    const hear = (/** @type {Change} */ change, /** @type {string} */ type, /** @type {any[]} */ ...more) => {
      const good = change?.type === type && more.length < 2 && more.every((offset) => typeof offset === "string");
      this.#heard.push(good ? change : { malformed: [type, change, ...more] });
      this.offsets.push(more[0]);
      this.#wake?.();
    };
    for (const type of ["ADDED", "MODIFIED", "DELETED"]) socket.on(type, (change, ...more) => hear(change, type, ...more));
    if (bookmarks) socket.on("BOOKMARK", (mark, ...more) => hear({ ...mark, type: "BOOKMARK" }, "BOOKMARK", ...more));
  }

  /** All changes so far. */
  get all() {
    return this.#heard;
  }

  /**
   * The next n changes.
   *
   * @param {number} n
   * @returns {Promise<Change[]>}
   */
  async take(n) {
    const late = deadline(`change ${this.#taken + n} (${this.#heard.length} have come)`);
    while (this.#heard.length < this.#taken + n) {
      await Promise.race([new Promise((resolve) => (this.#wake = () => resolve(undefined))), late]);
    }
    this.#taken += n;
    return this.#heard.slice(this.#taken - n, this.#taken);
  }

  /** @returns {Promise<Change>} */
  async next() {
    return /** @type {Change} */ ((await this.take(1))[0]);
  }

  /**
   * Fails if anything was heard that no test has taken. Events come in order, so a change that is made now and
   * heard by this socket comes after everything that was still on its way.
   *
   * @param {() => Promise<unknown>} change makes one change that this socket hears
   * @returns {Promise<Change>} that change
   */
  async nothingBefore(change) {
    const before = this.#taken;
    const answer = await change();
    const next = await this.next();
    if (this.#heard.length > before + 1) {
      throw new Error(`heard more than the one change: ${JSON.stringify(this.#heard.slice(before))} after ${JSON.stringify(answer)}`);
    }
    return next;
  }
}
