/**
 * ackbase: CRUD over a Socket.IO socket, as promises.
 *
 *     import { io } from "socket.io-client"
 *     import { createHelpers } from "ackbase"
 *
 *     const { getItem, postItem } = createHelpers(io("http://localhost:3000"))
 *     const lamp = await postItem({ name: "Lamp", rrp: 29 }, "items")
 *     const same = await getItem(lamp.id, "items")
 *
 * No dependencies, no build step. It needs socket.io-client 4.4 or later, the first with `socket.timeout()`.
 *
 * @module
 */

/**
 * What the helpers need of a socket; any `Socket` of socket.io-client 4.4 or later is one.
 * @typedef {{ timeout(ms: number): { emit(event: string, ...args: any[]): unknown } }} SocketLike
 */

/** An item's id: a positive integer or a text. `1` and `"1"` address the same item. @typedef {number | string} Id */

/**
 * One operation of a JSON Patch (RFC 6902). `path` goes from the collection, so it begins with the item's id:
 * `{ op: "replace", path: "/1/name", value: "Lamp" }`.
 * @typedef {{ op: "add" | "replace" | "test", path: string, value: unknown }
 *   | { op: "remove", path: string }
 *   | { op: "move" | "copy", from: string, path: string }} JSONPatch
 */

/**
 * A field's value, or operators on it: `{ $gte: 10, $lt: 20 }`. A text value matches a scalar with that text.
 * @typedef {string | number | boolean | null | { [operator: `$${string}`]: unknown }} Condition
 */

/**
 * What items must be like: each field, by its dotted path, and each group must hold.
 * @typedef {{ [field: string]: Condition | Filters | Filters[] | undefined, $and?: Filters[], $or?: Filters[], $not?: Filters }} Filters
 */

/**
 * Which items of a collection, in which order. All fields are optional; `page` counts from 1, `limit` is 50 unless
 * given and 1,000 at most, `sort` is like `"name"` or `"-rrp,name"`, `filters` must all hold, `fields` picks what
 * is sent of each item, `after` takes the `next` of the page before, `total: false` spares the count.
 * @typedef {{ page?: number, limit?: number, sort?: string, filters?: Filters,
 *   fields?: string[], after?: string, total?: boolean }} Query
 */

/**
 * `timeout` in milliseconds, 5000 unless given. `ifMatch` is the revision that the item must have now (`"*"`: it
 * must exist; `null`: it must not). `reason` is kept with the change and told to whoever hears of it. `key` is an
 * idempotency key, new for each write, such as `crypto.randomUUID()`: where no answer came, the same call with the same
 * key can be made again, and the write takes effect once.
 * @typedef {{ timeout?: number, ifMatch?: string | null, reason?: string, key?: string }} WriteOptions
 */

/** What comes beside a result; which of them, depends on the verb. @typedef {{ rev?: string, cursor?: string, created?: boolean, total?: number, page?: number, pages?: number, limit?: number, next?: string, room?: string }} Meta */

/** An error as the server acknowledges it. @typedef {{ code: string, status: number, message: string, details?: any }} ServerError */

const patience = 5000;

/**
 * Why a call failed: what the server said, or that nothing came.
 *
 * `code` is a stable word (`"NOT_FOUND"`, `"CONFLICT"` …), `status` the HTTP status of the same meaning, `message`
 * a sentence for a person, `details` what a program can read of it (for `INVALID`: a list of `{ path, message }`).
 * Without an answer in time `code` is `"TIMEOUT"` and `status` is 0: whether a write happened is not known then.
 */
export class AckbaseError extends Error {
  /** @param {ServerError} error @param {{ cause?: unknown }} [options] */
  constructor(error, options) {
    super(error.message, options);
    this.name = "AckbaseError";
    /** @type {string} */
    this.code = error.code;
    /** @type {number} */
    this.status = error.status;
    /** @type {any} */
    this.details = error.details;
  }
}

/**
 * Emits one verb and waits for its acknowledgement: `(result, error, meta)`.
 *
 * @template [T=any]
 * @param {SocketLike} socket
 * @param {string} verb `"GET"`, `"POST"` …
 * @param {unknown[]} args the verb's arguments, without the callback
 * @param {number} [timeout] in milliseconds, 5000 unless given
 * @returns {Promise<{ result: T, meta: Meta }>} rejects with an {@link AckbaseError}
 */
export function request(socket, verb, args, timeout) {
  const ms = timeout ?? patience;
  return new Promise((resolve, reject) => {
    /** @param {Error | null} silence @param {T} result @param {ServerError | null} error @param {Meta} [meta] */
    const answered = (silence, result, error, meta) => {
      if (silence) {
        const message = `no answer to ${verb} within ${ms} ms; it is not known whether the server did it`;
        reject(new AckbaseError({ code: "TIMEOUT", status: 0, message }, { cause: silence }));
      } else if (error) {
        reject(new AckbaseError(error));
      } else {
        resolve({ result, meta: meta ?? {} });
      }
    };
    socket.timeout(ms).emit(verb, ...args, answered);
  });
}

/**
 * The six helpers over one socket. Each returns a promise that rejects with an {@link AckbaseError}. They hold no
 * state but the socket, may be called at any time and in parallel, and can be taken apart:
 * `const { getItem } = createHelpers(socket)`. The writes of one socket are done in the order of the calls.
 *
 * @param {SocketLike} socket
 */
export function createHelpers(socket) {
  /**
   * The arguments of a write, with its options where there are any, and its timeout.
   * @param {unknown[]} args @param {WriteOptions} [options] @returns {[unknown[], number | undefined]}
   */
  const writing = (args, options) => {
    const { timeout, ...rest } = options ?? {};
    return [Object.keys(rest).length > 0 ? [...args, rest] : args, timeout];
  };

  return {
    /**
     * The item, or `undefined` where there is none.
     * @template T
     * @param {Id} id
     * @param {string} collection
     * @param {number} [timeout] in milliseconds, 5000 unless given
     * @returns {Promise<T | undefined>}
     */
    async getItem(id, collection, timeout) {
      try {
        const { result } = await request(socket, "GET", [collection, id], timeout);
        return result ?? undefined;
      } catch (error) {
        if (error instanceof AckbaseError && error.code === "NOT_FOUND") return undefined;
        throw error;
      }
    },

    /**
     * One page of the items that a query matches.
     * @template T
     * @param {Query} options
     * @param {string} collection
     * @param {number} [timeout] in milliseconds, 5000 unless given
     * @returns {Promise<T[]>}
     */
    async getItems(options, collection, timeout) {
      return (await request(socket, "GET", [collection, options], timeout)).result;
    },

    /**
     * Adds an item and returns it as stored, with its id. An `id` of its own is kept; where that exists already,
     * it rejects with `CONFLICT`.
     * @template {object} T
     * @param {T} item
     * @param {string} collection
     * @param {WriteOptions} [options]
     * @returns {Promise<T & { id: Id }>}
     */
    async postItem(item, collection, options) {
      return (await request(socket, "POST", ...writing([collection, item], options))).result;
    },

    /**
     * Puts an item in the place of the one with its id, whole, or creates it, and returns it as stored.
     * @template {{ id: Id }} T
     * @param {T} item
     * @param {string} collection
     * @param {WriteOptions} [options]
     * @returns {Promise<T>}
     */
    async putItem(item, collection, options) {
      return (await request(socket, "PUT", ...writing([collection, item], options))).result;
    },

    patchItem: /** @type {PatchItem} */ (async (patch, collection, options) => {
      return (await request(socket, "PATCH", ...writing([collection, patch], options))).result;
    }),

    /**
     * Deletes an item: `true`, or `false` where there was none.
     * @param {Id} id
     * @param {string} collection
     * @param {WriteOptions} [options]
     * @returns {Promise<boolean>}
     */
    async deleteItem(id, collection, options) {
      return (await request(socket, "DELETE", ...writing([collection, id], options))).result;
    },
  };
}

/**
 * Changes a part of an item, or several items at once.
 *
 * * With an object, a merge patch (RFC 7396): its `id` says which item, `null` removes a field, what it does not
 *   name stays. Resolves to the item as stored.
 * * With an array, a JSON Patch (RFC 6902) on the collection: all of it or nothing, across as many items as it
 *   names. Resolves to the items it touched.
 *
 * @typedef PatchItem
 * @type {{
 *   <T extends object = Record<string, unknown>>(patch: JSONPatch[], collection: string, options?: WriteOptions): Promise<T[]>,
 *   <T extends object>(patch: MergePatch<T>, collection: string, options?: WriteOptions): Promise<T>,
 * }}
 */

/**
 * Some fields of an item, and the id that says which; `null` removes a field.
 * @template {object} T
 * @typedef {{ id: Id } & { [K in keyof T]?: T[K] | null }} MergePatch
 */

/** The six helpers, as {@link createHelpers} returns them. @typedef {ReturnType<typeof createHelpers>} Helpers */
