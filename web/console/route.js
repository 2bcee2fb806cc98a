/**
 * What the console shows lies behind the # of its address, so that a reload or a link shows the same.
 */

/** @typedef {import("../client/ackbase.js").Query} Query */
/** @typedef {{ view: "data", collection: string, query: Query, id?: string, tab?: "history" } | { view: "stream" | "clients" | "charts" }} Route */

const others = /** @type {const} */ (["stream", "clients", "charts"]);

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string} hash @returns {Route} */
export function readRoute(hash) {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2);
  const [, view, collection = "", id] = path.split("/").map(decoded);
  const other = others.find((name) => name === view);
  if (other) return { view: other };
  const given = new URLSearchParams(search);
  /** @type {Query} */
  let query = {};
  try {
    const read = JSON.parse(given.get("q") ?? "{}");
    if (typeof read === "object" && read !== null && !Array.isArray(read)) query = read;
  } catch {
    query = {};
  }
  return { view: "data", collection, query, ...(id && { id }), ...(given.get("tab") === "history" && { tab: /** @type {const} */ ("history") }) };
}

/** @param {Route} route @returns {string} the address's part from # on */
export function writeRoute(route) {
  if (route.view !== "data") return `#/${route.view}`;
  const { collection, query, id, tab } = route;
  if (collection === "") return "#/data";
  const search = new URLSearchParams();
  if (Object.keys(query).length > 0) search.set("q", JSON.stringify(query));
  if (tab) search.set("tab", tab);
  const asked = search.toString();
  return `#/data/${encodeURIComponent(collection)}${id === undefined ? "" : `/${encodeURIComponent(id)}`}${asked ? `?${asked}` : ""}`;
}
