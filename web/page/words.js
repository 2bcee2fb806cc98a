/**
 * Values, changes and errors, said for a person.
 */

import { differences as between } from "./differences.js";

/** @typedef {import("./feed.js").Item} Item */
/** @typedef {import("./feed.js").Change} Change */
/** One field's change; `undefined` where the field was, or is, not there. @typedef {{ field: string, before: unknown, after: unknown }} Difference */

const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const count = new Intl.NumberFormat();

/** The fields that have a place of their own on the page; others are listed by name. */
export const usual = ["id", "name", "category", "rrp", "info"];

/** @param {unknown} value a price, or whatever stands in its place */
export function price(value) {
  return typeof value === "number" ? money.format(value) : brief(value);
}

/** @param {number} n */
export const number = (n) => count.format(n);

/** A value in one short line. @param {unknown} value @param {number} [most] characters */
export function brief(value, most = 80) {
  if (value === undefined || value === null) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** What an item is called. @param {Item | undefined} item @param {unknown} [id] */
export function nameOf(item, id = item?.id) {
  const name = item?.name;
  return typeof name === "string" && name.trim() !== "" ? brief(name) : `Item ${brief(id)}`;
}

/** A decimal number as people type it, with a point or a comma; NaN for anything else. @param {string} text */
export function parseAmount(text) {
  const plain = text.trim().replace(/^(\d*),(\d+)$/, "$1.$2");
  return /^\d+(\.\d*)?$|^\.\d+$/.test(plain) ? Number(plain) : NaN;
}

/**
 * What a change did, field by field. `before` is what this page knew of the item, if anything.
 * @param {Change} change @param {Item | undefined} before @returns {Difference[]}
 */
export function differences(change, before) {
  if (change.type !== "MODIFIED" || !before) return [];
  return between(before, change.item).map(({ path, before: old, after }) => ({
    field: path.slice(1).split("/").map((part) => part.replace(/~1/g, "/").replace(/~0/g, "~")).join("."), before: old, after,
  }));
}

/** @param {unknown} error @returns {{ code: string, status: number, message: string, details?: any }} */
export function parts(error) {
  const { code = "", status = 0, message = String(error), details } = /** @type {any} */ (error ?? {});
  return { code, status, message, details };
}

/** An error as a sentence. @param {unknown} error */
export function sentence(error) {
  const { message } = parts(error);
  const text = message.trim();
  const full = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(full) ? full : `${full}.`;
}
