import { limit } from "./connection.js";
import { AckbaseError, silence } from "./error.js";
import { newKey } from "./key.js";
import { Listeners } from "./listeners.js";
import { withMeta } from "./meta.js";
import { same } from "./value.js";
import { argumentsOf } from "./writes.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./types.js").ClientOptions} ClientOptions */
/** @typedef {import("./types.js").SafeOptions} SafeOptions */
/** @typedef {import("./types.js").Meta} Meta */
/** @typedef {import("./types.js").Id} Id */

/**
 * One write on its way. `id` is the item's; of one that is created without, it is one of ours until the server has given
 * one (`temporary` then); of a patch over the collection there is none, its paths begin with those of items. `made` is
 * when it was added, `sent` when it was sent first. `shown` is the id under which it was heard of already. `retried`: it
 * may have taken effect before it was sent last.
 *
 * @typedef {{ collection: string, verb: import("./writes.js").Verb, id?: Id, body?: any, key: string, options: Record<string, unknown>, made: number, timeout?: number,
 *   temporary?: boolean, retried?: boolean, sent?: number, shown?: Id, resolve?(result: any): void, reject?(error: unknown): void, end?(): void }} Write
 */

/** What a live query wants to know. @typedef {{ onWrites(collection: string): void, onAnswer(write: Write, result: any, meta: Meta): void }} Listener */

/** @typedef {ReturnType<typeof createOutbox>} Outbox */

/** For how long the server surely knows a key, in milliseconds. What was sent longer ago cannot be sent again. */
const known = 23 * 3600_000;

/**
 * Puts another id in the place of each that a write names: of its own, or of those that the paths of a patch over the collection begin with.
 * @param {Write} write @param {(id: any) => any} other
 */
function rename(write, other) {
  const on = (/** @type {string | undefined} */ path) => path?.replace(/[^/]+/, other);
  if (write.id === undefined) write.body = write.body.map((/** @type {any} */ operation) => ({ ...operation, path: on(operation.path), from: on(operation.from) }));
  else write.id = other(write.id);
}

/** Whether a write names an item. @param {Write} write @param {Id | undefined} id */
function names(write, id) {
  let found = false;
  rename(write, (one) => {
    found ||= same(one, id);
    return one;
  });
  return found;
}

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

  /** Puts the ids that the server has given in the place of ours. @param {Write} write */
  const settle = (write) => rename(write, (id) => given.get(id) ?? id);

  /** Ends a write when its time is over. @param {Write} write @param {AbortSignal} [signal] */
  const watch = (write, signal) => {
    write.timeout ??= Infinity; // which is null in JSON
    write.end = limit(write.verb, { timeout: write.timeout, signal }, (error) => refuse(write, error), write.made);
  };

  /** @param {Write} write @param {any} error */
  function refuse(write, error) {
    // What was to be done with an item that will never be makes no sense any more.
    const all = write.verb === "POST" ? writes.slice(writes.indexOf(write)).filter((other) => other.collection === write.collection && names(other, write.id)) : [write];
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
    const { collection, verb, body, key, options, temporary, made } = write;
    const timeout = /** @type {number} */ (write.timeout);
    if (Date.now() - /** @type {number} */ (write.sent) > known || Date.now() - made > timeout) return refuse(write, silence(verb, Math.min(known, timeout)));
    write.retried = !!write.sent;
    write.sent ??= Date.now();
    save();
    stop = connection.call(verb, [collection, ...argumentsOf(verb, write.id, body), { ...options, key }], (error, result, meta) => {
      stop = undefined;
      if (error) return refuse(write, error);
      if (temporary) {
        given.set(write.id, result.id);
        writes.forEach(settle);
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
    for (const write of kept) watch(write);
    writes = [...kept];
  } catch {} // what is no queue of ours is as good as none
  connection.listeners.add({ onConnect: next, onDisconnect: halt });
  queueMicrotask(next); // so that onRefused finds the client

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
        signal?.throwIfAborted();
        const temporary = verb === "POST" && id === undefined;
        /** @type {Write} */
        const write = { collection, verb, id: temporary ? newKey() : id, body, key, options, made: Date.now(), timeout, temporary, resolve, reject };
        settle(write);
        writes = [...writes, write];
        try {
          if (writes.length > queue) throw new Error(`${queue} others wait to be sent already`);
          keep();
        } catch (cause) {
          take([write]);
          throw new AckbaseError({ code: "QUEUE_FULL", status: 0, message: `the write was not made: ${/** @type {Error} */ (cause).message}` }, { cause });
        }
        watch(write, signal);
        listeners.tell("onWrites", collection);
        next();
      }),
  };
}
