import { compare, find, kind } from "./value.js";

/** @typedef {(value: any) => boolean} Test */

/** The number that a text is in JSON. @param {string} text */
function numberOf(text) {
  try {
    const n = JSON.parse(text);
    return Number.isFinite(n) ? n : undefined;
  } catch {}
}

/** A text is a scalar with that text, any other value only itself. @param {any} wanted @returns {Test} */
const same = (wanted) => (value) =>
  value === wanted || (typeof wanted === "string" && kind(value) > 0 && kind(value) < 5 && String(value) === wanted);

/** @param {any} limit @param {(order: number) => boolean} holds @returns {Test} */
function beyond(limit, holds) {
  const limits = [limit];
  if (typeof limit === "string") limits.push(numberOf(limit));
  const group = (/** @type {any} */ v) => (typeof v === "boolean" ? 2 : kind(v)); // true and false are of one kind here
  return (value) => limits.some((l) => l !== undefined && group(value) === group(l) && holds(compare(value, l)));
}

/** @type {Record<string, (operand: any) => Test>} */
const operators = {
  $eq: same,
  $ne: (v) => not(same(v)),
  $in: (list) => (value) => list.some((/** @type {any} */ v) => same(v)(value)),
  $nin: (list) => not(/** @type {any} */ (operators.$in)(list)),
  $gt: (v) => beyond(v, (c) => c > 0),
  $gte: (v) => beyond(v, (c) => c >= 0),
  $lt: (v) => beyond(v, (c) => c < 0),
  $lte: (v) => beyond(v, (c) => c <= 0),
  $exists: (wanted) => (value) => (value !== undefined) === (String(wanted) === "true"),
  $startsWith: (text) => (value) => typeof value === "string" && value.startsWith(text),
  $contains: (part) => (value) => (typeof value === "string" ? typeof part === "string" && value.includes(part) : Array.isArray(value) && value.some(same(part))),
  $not: (conditions) => not(under(conditions)),
};

/** @param {Test} test @returns {Test} */
const not = (test) => (value) => !test(value);

/** What stands under a field: a value, or operators. @param {any} condition @returns {Test} */
function under(condition) {
  if (kind(condition) < 7) return same(condition);
  const tests = Object.entries(condition).map(([name, operand]) => operators[name]?.(operand) ?? (() => false));
  return (value) => tests.every((test) => test(value));
}

/**
 * Whether an item is what filters ask for, exactly as the server decides it (PROTOCOL.md, Queries).
 * @param {any} filters @returns {Test}
 */
export function matcher(filters) {
  const tests = Object.entries(filters ?? {})
    .filter(([, condition]) => condition !== undefined)
    .map(([field, condition]) => {
      if (field === "$not") return not(matcher(condition));
      if (field === "$and" || field === "$or") {
        const each = condition.map(matcher);
        return field === "$or" ? (/** @type {any} */ item) => each.some((/** @type {Test} */ test) => test(item)) : (/** @type {any} */ item) => each.every((/** @type {Test} */ test) => test(item));
      }
      const test = under(condition);
      return (/** @type {any} */ item) => test(find(item, field));
    });
  return (item) => tests.every((test) => test(item));
}
