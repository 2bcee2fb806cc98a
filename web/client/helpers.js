import { AckbaseError } from "./error.js";
import { request } from "./request.js";

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

/** The six helpers, as {@link createHelpers} returns them. @typedef {ReturnType<typeof createHelpers>} Helpers */
