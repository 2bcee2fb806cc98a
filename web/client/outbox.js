import { later, limit } from "./connection.js";
import { AckbaseError, checkOptions, pauseAfter, silence } from "./error.js";
import { newKey } from "./key.js";
import { Listeners } from "./listeners.js";
import { withMeta } from "./meta.js";
import { argumentsOf } from "./writes.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./types.js").ClientOptions} ClientOptions */
/** @typedef {import("./types.js").SafeOptions} SafeOptions */
/** @typedef {import("./types.js").Meta} Meta */
/** @typedef {import("./types.js").Id} Id */

/**
 * One write on its way. `id` is the item's; of one that is created without, it is the key, until the server has given
 * one (`temporary` then). `sent` is when it was sent first. `shown` is the id under which it was heard of already.
 * `retried`: it may have been made before it was sent last.
 *
 * @typedef {{ collection: string, verb: import("./writes.js").Verb, id?: Id, body?: any, key: string, options: Record<string, unknown>,
 *   temporary?: boolean, retried?: boolean, sent?: number, shown?: Id, resolve?(result: any): void, reject?(error: unknown): void, end?(): void }} Write
 */

/** What a live query wants to know. @typedef {{ onWrites(collection: string): void, onAnswer(write: Write, result: any, meta: Meta): void }} Listener */

/** @typedef {ReturnType<typeof createOutbox>} Outbox */

/** For how long the server surely knows a key, in milliseconds. What was sent longer ago cannot be sent again. */
const known = 23 * 3600_000;

/**
 * The writes of a client's live queries, in their order: each is sent when the one before has been answered, and again
 * with its key where an answer was lost, so that it takes effect once.
 *
 * @param {Connection} connection @param {ClientOptions} options
 */
export function createOutbox(connection, { storage, storageKey = "ackbase", queue = 100, onRefused }) {
  /** @type {Write[]} */
  let writes = [];
  const listeners = /** @type {Listeners<Listener>} */ (new Listeners());
  /** The ids that were given to what had a temporary one. @type {Map<unknown, Id>} */
  const given = new Map();
  /** Stops what is under way. @type {(() => void) | undefined} */
  let stop;

  const halt = () => {
    stop?.();
    stop = undefined;
  };
  /** Keeps the writes over a reload, without what is for this page alone (JSON leaves out its functions). */
  const keep = () => {
    if (writes.length) storage?.setItem(storageKey, JSON.stringify(writes, (name, value) => (name === "shown" ? undefined : value)));
    else storage?.removeItem(storageKey);
  };
  /** Takes writes out of the queue, and does with each what is to be done then. @param {Write[]} done */
  const take = (done) => {
    if (done.includes(/** @type {Write} */ (writes[0]))) halt();
    writes = writes.filter((write) => !done.includes(write));
    for (const { end } of done) end?.();
    save();
  };
  const save = () => {
    try {
      keep();
    } catch {} // what it holds is sent again with its key, at the worst
  };

  /** @param {Write} write @param {any} error */
  function refuse(write, error) {
    // What was to be done with an item that will never be makes no sense any more.
    const all = write.temporary ? writes.filter(({ id }) => id === write.id) : [write];
    take(all);
    listeners.tell("onWrites", write.collection);
    for (const one of all) {
      if (one.reject) one.reject(error);
      else onRefused?.(error, one);
    }
    next();
  }

  function next() {
    const write = writes[0];
    if (!write || stop || !connection.socket.connected) return;
    const { collection, verb, body, key, options, temporary } = write;
    if (Date.now() - /** @type {number} */ (write.sent) > known) return refuse(write, silence(verb, known));
    write.retried = !!write.sent;
    write.sent ??= Date.now();
    save();
    stop = connection.call(verb, [collection, ...argumentsOf(verb, write.id, body), { ...options, key }], { timeout: Infinity }, (error, result, meta) => {
      const pause = error ? pauseAfter(error) : undefined;
      if (pause !== undefined) {
        stop = later(() => {
          halt();
          next();
        }, pause);
        return;
      }
      stop = undefined;
      if (error) return refuse(write, error);
      if (temporary) {
        given.set(write.id, result.id);
        for (const other of writes) if (other !== write && other.id === write.id) other.id = result.id;
      }
      take([write]);
      listeners.tell("onAnswer", write, result, meta);
      listeners.tell("onWrites", collection);
      write.resolve?.(withMeta(result, meta));
      next();
    });
  }

  try {
    const kept = JSON.parse(storage?.getItem(storageKey) ?? "[]");
    if (Array.isArray(kept)) writes = kept;
  } catch {} // what is no queue of ours is as good as none
  connection.listeners.add({ onConnect: next, onDisconnect: halt });
  next();

  return {
    listeners,

    /** The writes to a collection that have no answer yet, in order. @param {string} collection */
    of: (collection) => writes.filter((write) => write.collection === collection),

    /**
     * Adds a write, which shows at once.
     *
     * @param {string} collection @param {Write["verb"]} verb @param {Id | undefined} id @param {any} body
     * @param {SafeOptions} [options]
     * @returns {Promise<any>}
     */
    add: (collection, verb, id, body, { key = newKey(), timeout, signal, ...options } = {}) =>
      new Promise((resolve, reject) => {
        checkOptions(options);
        signal?.throwIfAborted();
        const temporary = verb === "POST" && id === undefined;
        /** @type {Write} */
        const write = { collection, verb, id: temporary ? key : (given.get(id) ?? id), body, key, options, temporary, resolve, reject };
        writes = [...writes, write];
        try {
          if (writes.length > queue) throw new Error(`${queue} others wait to be sent already`);
          keep();
        } catch (cause) {
          take([write]);
          throw new AckbaseError({ code: "QUEUE_FULL", status: 0, message: `the write was not made: ${/** @type {Error} */ (cause).message}` }, { cause });
        }
        write.end = limit(verb, { timeout, signal }, (error) => refuse(write, error));
        listeners.tell("onWrites", collection);
        next();
      }),
  };
}
