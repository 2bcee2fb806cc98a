import { AckbaseError, pauseAfter, silence } from "./error.js";
import { newKey } from "./key.js";
import { withMeta } from "./meta.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./types.js").ClientOptions} ClientOptions */
/** @typedef {import("./types.js").SafeOptions} SafeOptions */
/** @typedef {import("./types.js").Meta} Meta */
/** @typedef {import("./types.js").Id} Id */

/**
 * One write on its way. `id` is the item's; of one that is created without, it is the key, until the server has given
 * one (`temporary` then). `sent` is when it was sent first. `shown` is the id under which it was heard of already.
 *
 * @typedef {{ collection: string, verb: "POST" | "PUT" | "PATCH" | "DELETE", id?: Id, body?: any, key: string, options: Record<string, unknown>,
 *   temporary?: boolean, sent?: number, shown?: Id, resolve?(result: any): void, reject?(error: unknown): void, end?(): void }} Write
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
  /** @type {Set<Listener>} */
  const listeners = new Set();
  /** The ids that were given to what had a temporary one. @type {Map<unknown, Id>} */
  const given = new Map();
  /** @type {(() => void) | undefined} stops what is under way */
  let stop;

  /** Keeps the writes over a reload, without what is for this page alone (JSON leaves out its functions). */
  const keep = () => {
    if (writes.length === 0) storage?.removeItem(storageKey);
    else storage?.setItem(storageKey, JSON.stringify(writes.map(({ shown, ...write }) => write)));
  };
  const save = () => {
    try {
      keep();
    } catch {} // what it holds is sent again with its key, at the worst
  };
  /** @param {string} collection */
  const tell = (collection) => {
    for (const listener of [...listeners]) listener.onWrites(collection);
  };

  /** Takes a write out of the queue. @param {Write} write */
  const take = (write) => {
    if (write === writes[0]) {
      stop?.();
      stop = undefined;
    }
    writes = writes.filter((other) => other !== write);
    write.end?.();
  };

  /** @param {Write} write @param {any} error */
  function refuse(write, error) {
    // What was to be done with an item that will never be makes no sense any more.
    const all = write.temporary ? writes.filter(({ id }) => id === write.id) : [write];
    all.forEach(take);
    save();
    tell(write.collection);
    for (const one of all) {
      if (one.reject) one.reject(error);
      else onRefused?.(error, one);
    }
    next();
  }

  /** @param {Write} write @param {any} result @param {Meta} meta */
  function answered(write, result, meta) {
    take(write);
    if (write.temporary) {
      given.set(write.id, result.id);
      for (const other of writes) if (other.id === write.id) other.id = result.id;
    }
    save();
    for (const listener of [...listeners]) listener.onAnswer(write, result, meta);
    tell(write.collection);
    write.resolve?.(withMeta(result, meta));
    next();
  }

  function next() {
    const write = writes[0];
    if (!write || stop || !connection.socket.connected) return;
    const { collection, verb, body, key, options, temporary } = write;
    if (Date.now() - (write.sent ?? Infinity) > known) return refuse(write, silence(verb, known));
    write.sent ??= Date.now();
    save();
    const id = temporary ? undefined : write.id;
    const args = verb === "POST" ? [body] : verb === "PUT" ? [{ ...body, id }] : [id, body].filter((arg) => arg !== undefined);
    stop = connection.call(verb, [collection, ...args, { ...options, key }], { timeout: Infinity }, (error, result, meta) => {
      stop = undefined;
      const pause = error && pauseAfter(error);
      if (pause !== undefined && error) {
        const timer = setTimeout(() => {
          stop = undefined;
          next();
        }, pause);
        stop = () => clearTimeout(timer);
      } else if (error) refuse(write, error);
      else answered(write, result, meta);
    });
  }

  try {
    const kept = JSON.parse(storage?.getItem(storageKey) ?? "[]");
    if (Array.isArray(kept)) writes = kept;
  } catch {} // what is no queue of ours is as good as none
  connection.listen({
    onConnect: next,
    onDisconnect() {
      stop?.();
      stop = undefined;
    },
  });
  next();

  return {
    /** The writes to a collection that have no answer yet, in order. @param {string} collection */
    of: (collection) => writes.filter((write) => write.collection === collection),

    /** @param {Listener} listener @returns {() => void} */
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    /**
     * Adds a write, which shows at once.
     *
     * @param {string} collection @param {Write["verb"]} verb @param {Id | undefined} id @param {any} body
     * @param {SafeOptions} [options]
     * @returns {Promise<any>}
     */
    add(collection, verb, id, body, { key = newKey(), timeout, signal, ...options } = {}) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const temporary = verb === "POST" && id === undefined;
        /** @type {Write} */
        const write = { collection, verb, id: temporary ? key : (given.get(id) ?? id), body, key, options, temporary, resolve, reject };
        /** @param {string} why @param {unknown} [cause] */
        const full = (why, cause) => reject(new AckbaseError({ code: "QUEUE_FULL", status: 0, message: `the write was not made: ${why}` }, { cause }));
        if (writes.length >= queue) return full(`${queue} others wait to be sent already`);
        writes = [...writes, write];
        try {
          keep();
        } catch (cause) {
          writes = writes.filter((other) => other !== write);
          return full("the storage does not take it", cause);
        }
        const aborted = () => refuse(write, signal?.reason);
        const timer = timeout === undefined || timeout >= 2 ** 31 ? undefined : setTimeout(() => refuse(write, silence(verb, timeout)), timeout);
        signal?.addEventListener("abort", aborted);
        write.end = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", aborted);
        };
        tell(collection);
        next();
      });
    },
  };
}
