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
  value === wanted || (kind(wanted) === 5 && kind(value) > 0 && kind(value) < 5 && String(value) === wanted);

/** @param {any} limit @param {(order: number) => boolean} holds @returns {Test} */
function beyond(limit, holds) {
  const limits = kind(limit) === 5 ? [limit, numberOf(limit)] : [limit];
  const group = (/** @type {any} */ v) => (v === true ? 2 : kind(v)); // true and false are of one kind here
  return (value) => value !== undefined && limits.some((l) => group(value) === group(l) && holds(compare(value, l)));
}

/** @param {Test} test @returns {Test} */
const not = (test) => (value) => !test(value);
/** @param {Test[]} tests @returns {Test} */
const all = (tests) => (value) => tests.every((test) => test(value));
/** @param {Test[]} tests @returns {Test} */
const any = (tests) => (value) => tests.some((test) => test(value));

/** @type {Record<string, (operand: any) => Test>} */
const operators = {
  $eq: same,
  $ne: (v) => not(same(v)),
  $in: (list) => any(list.map(same)),
  $nin: (list) => not(any(list.map(same))),
  $gt: (v) => beyond(v, (c) => c > 0),
  $gte: (v) => beyond(v, (c) => c >= 0),
  $lt: (v) => beyond(v, (c) => c < 0),
  $lte: (v) => beyond(v, (c) => c <= 0),
  $exists: (wanted) => (value) => (value !== undefined) === (String(wanted) === "true"),
  $startsWith: (text) => (value) => kind(value) === 5 && value.startsWith(text),
  $contains: (part) => (value) => (kind(value) === 5 ? kind(part) === 5 && value.includes(part) : kind(value) === 6 && value.some(same(part))),
  $not: (conditions) => not(under(conditions)),
};

/** What stands under a field: a value, or operators. @param {any} condition @returns {Test} */
const under = (condition) =>
  kind(condition) < 7 ? same(condition) : all(Object.entries(condition).map(([name, operand]) => /** @type {any} */ (operators)[name](operand)));

/**
 * Whether an item is what filters ask for, exactly as the server decides it (PROTOCOL.md, Queries).
 * @param {any} filters @returns {Test}
 */
export const matcher = (filters) =>
  all(
    Object.entries(filters ?? {}).map(([field, condition]) => {
      if (field === "$not") return not(matcher(condition));
      if (field === "$and") return all(condition.map(matcher));
      if (field === "$or") return any(condition.map(matcher));
      const test = under(condition);
      return (item) => test(find(item, field));
    }),
  );
