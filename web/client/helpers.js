import { unlessMissing } from "./error.js";
import { request, withOptions } from "./request.js";

/** @typedef {import("./types.js").SocketLike} SocketLike */
/** @typedef {import("./types.js").Id} Id */
/** @typedef {import("./types.js").JSONPatch} JSONPatch */
/** @typedef {import("./types.js").Query} Query */
/** @typedef {import("./types.js").WriteOptions} WriteOptions */
/** @template {object} T @typedef {import("./types.js").MergePatch<T>} MergePatch */

/**
 * The six helpers over one socket. Each returns a promise that rejects with an {@link AckbaseError}. They hold no
 * state but the socket, may be called at any time and in parallel, and can be taken apart:
 * `const { getItem } = createHelpers(socket)`. The writes of one socket are done in the order of the calls.
 *
 * @param {SocketLike} socket
 */
export function createHelpers(socket) {
  /** @param {string} verb @param {unknown[]} args @param {WriteOptions} [options] @returns {Promise<any>} */
  const ask = async (verb, args, { timeout, ...rest } = {}) =>
    (await request(socket, verb, withOptions(args, rest), timeout)).result;
  /** @param {string} verb @returns {(what: any, collection: string, options?: WriteOptions) => Promise<any>} */
  const write = (verb) => (what, collection, options) => ask(verb, [collection, what], options);

  return {
    /**
     * The item, or `undefined` where there is none; `timeout` in milliseconds, 5000 unless given.
     * @type {<T>(id: Id, collection: string, timeout?: number) => Promise<T | undefined>}
     */
    getItem: async (id, collection, timeout) => (await unlessMissing(ask("GET", [collection, id], { timeout }))) ?? undefined,

    /**
     * One page of the items that a query matches.
     * @type {<T>(options: Query, collection: string, timeout?: number) => Promise<T[]>}
     */
    getItems: (options, collection, timeout) => ask("GET", [collection, options], { timeout }),

    /**
     * Adds an item and returns it as stored, with its id. An `id` of its own is kept; where that exists already,
     * it rejects with `CONFLICT`.
     * @type {<T extends object>(item: T, collection: string, options?: WriteOptions) => Promise<T & { id: Id }>}
     */
    postItem: write("POST"),

    /**
     * Puts an item in the place of the one with its id, whole, or creates it, and returns it as stored.
     * @type {<T extends { id: Id }>(item: T, collection: string, options?: WriteOptions) => Promise<T>}
     */
    putItem: write("PUT"),

    /** @type {PatchItem} */
    patchItem: write("PATCH"),

    /**
     * Deletes an item: `true`, or `false` where there was none.
     * @type {(id: Id, collection: string, options?: WriteOptions) => Promise<boolean>}
     */
    deleteItem: write("DELETE"),
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

/** The six helpers, as {@link createHelpers} returns them. @typedef {ReturnType<typeof createHelpers>} Helpers */
