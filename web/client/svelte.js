/**
 * The client in Svelte 3 and later. A live query is a Svelte store as it is: `$list.items`. This is for a query
 * that changes.
 *
 * @module
 */

/** @typedef {import("./types.js").LiveQuery} Query */
/** @template T @typedef {{ subscribe(listener: (value: T) => void): () => void }} Readable */

/**
 * A store of the present result of a query that is itself in a store, and its writes, which show at once:
 * `const list = liveOf(products, query)`, then `$list.items` and `list.create(…)`.
 *
 * @template {object} T
 * @param {import("./types.js").Collection<T>} collection
 * @param {Readable<Query>} query
 * @returns {Readable<import("./types.js").Snapshot<T>> & import("./types.js").Writes<T>}
 */
export function liveOf(collection, query) {
  const { create, replace, update, remove } = collection.live();
  return {
    create,
    replace,
    update,
    remove,
    subscribe(listener) {
      let stop = () => {};
      /** @type {string | undefined} */
      let text;
      const end = query.subscribe((now) => {
        if (text === JSON.stringify(now)) return;
        text = JSON.stringify(now);
        const before = stop;
        stop = collection.live(now).subscribe(listener);
        before(); // after that, so that a subscription which both need goes on
      });
      return () => {
        end();
        stop();
      };
    },
  };
}
