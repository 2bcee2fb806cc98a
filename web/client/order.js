import { compare, find, kind } from "./value.js";

/**
 * The order of a query's items: negative if a comes first, zero for the same item only.
 * @param {string | undefined | null} sort such as "-price,name"
 * @returns {(a: any, b: any) => number}
 */
export function orderOf(sort) {
  const keys = (sort ?? "").split(",").map((key) => key.trim()).filter(Boolean);
  return (a, b) => {
    for (const key of keys) {
      const path = key.replace(/^-/, "");
      const order = compare(find(a, path), find(b, path));
      if (order) return path === key ? order : -order;
    }
    return compare(a.id, b.id);
  };
}

/**
 * Picks an item's fields, and its id; the whole array where a path leads into one.
 * @param {string[] | undefined | null} fields
 * @returns {(item: any) => any}
 */
export function pickerOf(fields) {
  if (!fields?.length) return (item) => item;
  const paths = ["id", ...fields].map((field) => field.split("."));
  /** @param {any} value @param {string[][]} wanted what follows, of each path that leads here @returns {any} */
  const pick = (value, wanted) => {
    if (wanted.some((path) => !path.length) || (kind(value) === 6 && wanted.some(([name]) => /^(0|[1-9]\d{0,8})$/.test(name ?? "")))) return value;
    if (kind(value) < 7) return undefined;
    const entries = Object.entries(value)
      .map(([name, v]) => /** @type {const} */ ([name, pick(v, wanted.filter(([first]) => first === name).map(([, ...rest]) => rest))]))
      .filter(([, v]) => v !== undefined);
    return entries.length ? Object.fromEntries(entries) : undefined;
  };
  return (item) => pick(item, paths);
}
