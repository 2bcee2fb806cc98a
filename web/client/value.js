/**
 * JSON values as the server sees them: their order, their equality, and where a path leads.
 *
 * @module
 */

/** The kind of a value, in the order of kinds: missing, null, false, true, number, text, array, object. @param {unknown} v */
export const kind = (v) =>
  v === undefined ? 0 : v === null ? 1 : v === false ? 2 : v === true ? 3 : typeof v === "number" ? 4 : typeof v === "string" ? 5 : Array.isArray(v) ? 6 : 7;

/** By characters, as their UTF-8 bytes are ordered. @param {string} a @param {string} b */
function compareTexts(a, b) {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1);
}

/** The total order of values: arrays are equal among themselves, objects too. @param {any} a @param {any} b @returns {number} */
export function compare(a, b) {
  const k = kind(a);
  return k - kind(b) || (k === 4 ? a - b : k === 5 ? compareTexts(a, b) : 0);
}

/** Whether two ids have the same text. @param {unknown} a @param {unknown} b */
export const same = (a, b) => String(a) === String(b);

/** What a dotted path leads to. @param {any} item @param {string} path @returns {any} */
export const find = (item, path) =>
  path.split(".").reduce((at, name) => (kind(at) > 5 && Object.hasOwn(at, name) && (kind(at) > 6 || name !== "length") ? at[name] : undefined), item);

/** Whether two values are the same as JSON. @param {any} a @param {any} b @returns {boolean} */
export function equal(a, b) {
  if (a === b) return true;
  const k = kind(a);
  if (k < 6 || k !== kind(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]));
}

/** One text for all that is the same as JSON. @param {unknown} value */
export const canonical = (value) =>
  JSON.stringify(value, (_, v) => (kind(v) > 6 ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1))) : v));
