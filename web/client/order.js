import { compare, find } from "./value.js";

/**
 * The order of a query's items: negative if a comes first, zero for the same item only.
 * @param {string | undefined | null} sort such as "-price,name"
 * @returns {(a: any, b: any) => number}
 */
export function orderOf(sort) {
  const keys = String(sort ?? "").split(",").map((key) => key.trim()).filter(Boolean);
  return (a, b) => {
    for (const key of keys) {
      const path = key.replace(/^-/, "");
      const order = compare(find(a, path), find(b, path));
      if (order) return path === key ? order : -order;
    }
    return compare(a.id, b.id);
  };
}
