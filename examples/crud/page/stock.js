/**
 * The six calls as promises on socket.io-client alone: a verb with its arguments, and a callback that gets
 * `(silence, result, error, meta)`.
 */

/** What the calls need of a socket. @typedef {{ timeout(ms: number): { emit(event: string, ...args: any[]): unknown } }} SocketLike */

/** @param {SocketLike} socket */
export function createCalls(socket) {
  /** @param {string} verb @param {...unknown} args @returns {Promise<any>} */
  const call = (verb, ...args) =>
    new Promise((resolve, reject) => {
      socket.timeout(5000).emit(verb, ...args, (/** @type {Error | null} */ silence, /** @type {any} */ result, /** @type {any} */ error) => {
        if (silence) reject(silence);
        else if (error && error.code !== "NOT_FOUND") reject(Object.assign(new Error(error.message), error));
        else resolve(result ?? undefined);
      });
    });

  return {
    /** @param {number | string} id @param {string} collection */
    getItem: (id, collection) => call("GET", collection, id),
    /** @param {object} query @param {string} collection */
    getItems: (query, collection) => call("GET", collection, query),
    /** @param {object} item @param {string} collection */
    postItem: (item, collection) => call("POST", collection, item),
    /** @param {object} item @param {string} collection */
    putItem: (item, collection) => call("PUT", collection, item),
    /** @param {object} patch @param {string} collection */
    patchItem: (patch, collection) => call("PATCH", collection, patch),
    /** @param {number | string} id @param {string} collection */
    deleteItem: (id, collection) => call("DELETE", collection, id),
  };
}
