/**
 * What of the collection is looked at: filter, order, page. It lives in the page's address, so that a reload or a
 * copied link shows the same.
 */

/** @typedef {import("../client/ackbase.js").Filters} Filters */
/** @typedef {import("../client/ackbase.js").Query} Query */

/**
 * @typedef {object} View
 * @property {string} collection
 * @property {string} search text that the name contains
 * @property {string} category empty for all
 * @property {number | null} from the lowest price
 * @property {number | null} to the highest price
 * @property {string} sort as in a query
 * @property {number} page from 1
 * @property {number} limit items on a page
 */

const limits = [10, 25, 50];

/** @param {string | null} text @returns {number | null} */
const amount = (text) => (text === null || text === "" || !Number.isFinite(Number(text)) ? null : Number(text));

/** @param {string} search the address's part from `?` on @param {string} collection the default @returns {View} */
export function readAddress(search, collection) {
  const given = new URLSearchParams(search);
  const page = Number(given.get("page"));
  const limit = Number(given.get("limit"));
  return {
    collection: given.get("collection") || collection,
    search: given.get("search") ?? "",
    category: given.get("category") ?? "",
    from: amount(given.get("from")),
    to: amount(given.get("to")),
    sort: given.get("sort") || "id",
    page: Number.isSafeInteger(page) && page > 0 ? page : 1,
    limit: limits.includes(limit) ? limit : 10,
  };
}

/**
 * The address of a view: what is as usual is left out, what is not of the view (`transport`) stays.
 * @param {View} view @param {string} search the present one @param {string} collection the default
 */
export function writeAddress(view, search, collection) {
  const given = new URLSearchParams(search);
  const usual = readAddress("", collection);
  for (const [name, value] of Object.entries(view)) {
    if (value === null || value === usual[/** @type {keyof View} */ (name)]) given.delete(name);
    else given.set(name, String(value));
  }
  const text = given.toString();
  return text ? `?${text}` : location.pathname;
}

/**
 * What an item must be like; undefined where anything goes.
 * @param {View} view @returns {Filters | undefined}
 */
export function filtersOf(view) {
  /** @type {Filters} */
  const filters = {};
  if (view.search) filters.$or = spellings(view.search).map((text) => ({ name: { $contains: text } }));
  if (view.category) filters.category = view.category;
  if (view.from !== null || view.to !== null) {
    filters.rrp = {
      ...(view.from !== null && { $gte: view.from }),
      ...(view.to !== null && { $lte: view.to }),
    };
  }
  return Object.keys(filters).length > 0 ? filters : undefined;
}

/** `$contains` minds case and people do not: the text as typed, small, and with a capital. @param {string} text */
function spellings(text) {
  const small = text.toLowerCase();
  return [...new Set([text, small, small.charAt(0).toUpperCase() + small.slice(1)])];
}

/** @param {View} view @returns {Query} */
export function queryOf(view) {
  const filters = filtersOf(view);
  return { page: view.page, limit: view.limit, sort: view.sort, ...(filters && { filters }) };
}
