/** @typedef {import("./types.js").Meta} Meta */

/** @type {WeakMap<object, Meta>} */
const metas = new WeakMap();

/**
 * What the server told beside a result: of an item `{ rev, cursor }`, as far as it is known; of what `list` resolved to
 * `{ total, page, pages, limit, next, cursor }`; of a history `{ next }`. An item of a page has none.
 *
 *     const lamp = await items.get(1)
 *     await items.update(1, { rrp: 25 }, { ifMatch: metaOf(lamp).rev })
 *
 * @param {unknown} result the very object or array that a collection gave
 * @returns {Meta}
 */
export const metaOf = (result) => metas.get(/** @type {object} */ (result)) ?? {};

/**
 * Remembers it.
 * @template T @param {T} result @param {Meta} meta @returns {T}
 */
export function withMeta(result, meta) {
  if (result && typeof result === "object") metas.set(result, meta);
  return result;
}
