/**
 * The filter as a tree of groups and conditions that a person builds, and as the JSON that a query has.
 */

/** @typedef {import("../client/ackbase.js").Filters} Filters */
/** What holds of a group: all of its parts, one of them, or not all of them. @typedef {"$and" | "$or" | "$not"} Join */
/** One condition; `value` is text as typed. @typedef {{ field: string, op: string, value: string }} Condition */
/** @typedef {{ join: Join, parts: (Condition | Group)[] }} Group */

/** The operators, as they read between a field and a value. @type {[op: string, words: string][]} */
export const operators = [
  ["$eq", "is"], ["$ne", "is not"], ["$gt", ">"], ["$gte", "≥"], ["$lt", "<"], ["$lte", "≤"],
  ["$contains", "contains"], ["$startsWith", "begins with"], ["$in", "is one of"], ["$nin", "is none of"], ["$exists", "exists"],
];

/** @type {[join: Join, words: string][]} */
export const joins = [["$and", "all of these"], ["$or", "any of these"], ["$not", "not all of these"]];

/** @param {Condition | Group} part @returns {part is Group} */
export const isGroup = (part) => "join" in part;

/** @returns {Condition} */
export const newCondition = () => ({ field: "", op: "$eq", value: "" });

/** @param {Join} [join] @returns {Group} */
export const newGroup = (join = "$and") => ({ join, parts: [newCondition()] });

/**
 * A value as typed: JSON where it is a number, true, false, null or a text in quotes, else the text.
 * @param {string} text @returns {string | number | boolean | null}
 */
export function typedValue(text) {
  const plain = text.trim();
  if (/^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|"(?:[^"\\]|\\.)*")$/.test(plain)) {
    try {
      const value = JSON.parse(plain);
      // A long number would lose digits; as a text it is compared by them.
      return typeof value === "number" && (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) ? plain : value;
    } catch {
      return text;
    }
  }
  return text;
}

/** How a value is typed. @param {unknown} value */
function asTyped(value) {
  if (typeof value !== "string") return JSON.stringify(value) ?? "";
  return typedValue(value) === value ? value : JSON.stringify(value);
}

/** The values of `$in`: separated by commas; one with a comma in it stands in quotes. @param {string} text */
function typedList(text) {
  const parts = text.match(/\s*"(?:[^"\\]|\\.)*"\s*(?=,|$)|[^,]+/g) ?? [];
  return parts.map((part) => typedValue(part.trim()));
}

/** @param {Condition} condition @returns {Filters} */
function conditionFilter({ field, op, value }) {
  const texts = op === "$startsWith";
  const wanted = op === "$exists" ? value !== "false" : op === "$in" || op === "$nin" ? typedList(value) : texts ? String(typedValue(value)) : typedValue(value);
  return { [field.trim()]: op === "$eq" ? /** @type {any} */ (wanted) : { [op]: wanted } };
}

/**
 * The filter of a group; undefined where it says nothing. Conditions without a field are left out.
 * @param {Group} group @returns {Filters | undefined}
 */
export function toFilters(group) {
  /** @type {Filters[]} */
  const all = [];
  for (const part of group.parts) {
    const one = isGroup(part) ? toFilters(part) : part.field.trim() === "" ? undefined : conditionFilter(part);
    if (one) all.push(one);
  }
  if (all.length === 0) return undefined;
  if (group.join === "$not") return { $not: together(all) };
  if (group.join === "$or" && all.length > 1) return { $or: all };
  return together(all);
}

/** All of these as one filter, as short as it goes. @param {Filters[]} all @returns {Filters} */
function together(all) {
  const names = all.flatMap((one) => Object.keys(one));
  if (new Set(names).size === names.length) return Object.assign({}, ...all);
  return { $and: all };
}

/**
 * The group that a filter stands for.
 * @param {unknown} filters @returns {Group | undefined} undefined where it has a form that the builder does not know
 */
export function fromFilters(filters) {
  if (filters === undefined || filters === null) return { join: "$and", parts: [] };
  if (typeof filters !== "object" || Array.isArray(filters)) return undefined;
  /** @type {(Condition | Group)[]} */
  const parts = [];
  for (const [name, value] of Object.entries(filters)) {
    if (name === "$not") {
      const inner = fromFilters(value);
      if (!inner) return undefined;
      parts.push(inner.join === "$and" ? { join: "$not", parts: inner.parts } : { join: "$not", parts: [inner] });
    } else if (name === "$and" || name === "$or") {
      if (!Array.isArray(value)) return undefined;
      const inner = value.map(fromFilters);
      if (!inner.every((one) => one !== undefined)) return undefined;
      parts.push({ join: name, parts: inner.flatMap((one) => (one.join === "$and" && one.parts.length === 1 ? one.parts : [one])) });
    } else if (name.startsWith("$")) {
      return undefined;
    } else {
      const some = conditionsOf(name, value);
      if (!some) return undefined;
      parts.push(...some);
    }
  }
  const [only] = parts;
  if (parts.length === 1 && only && isGroup(only)) return only;
  return { join: "$and", parts };
}

/** @param {string} field @param {unknown} value @returns {(Condition | Group)[] | undefined} */
function conditionsOf(field, value) {
  if (typeof value !== "object" || value === null) return [{ field, op: "$eq", value: asTyped(value) }];
  if (Array.isArray(value)) return undefined;
  /** @type {(Condition | Group)[]} */
  const parts = [];
  for (const [op, wanted] of Object.entries(value)) {
    if (op === "$not") {
      const inner = conditionsOf(field, wanted);
      if (!inner) return undefined;
      parts.push({ join: "$not", parts: inner });
    } else if (!operators.some(([known]) => known === op)) {
      return undefined;
    } else if (Array.isArray(wanted)) {
      parts.push({ field, op, value: wanted.map((one) => (typeof one === "string" && one.includes(",") ? JSON.stringify(one) : asTyped(one))).join(", ") });
    } else {
      parts.push({ field, op, value: asTyped(wanted) });
    }
  }
  return parts;
}

/** A filter in words, in short. @param {Group} group @returns {string} empty where it says nothing */
export function inWords(group) {
  const said = group.parts.flatMap((part) => {
    if (isGroup(part)) {
      const inner = inWords(part);
      return inner === "" ? [] : [part.join === "$not" ? inner : `(${inner})`];
    }
    if (part.field.trim() === "") return [];
    const words = operators.find(([op]) => op === part.op)?.[1] ?? part.op;
    if (part.op === "$exists") return [`${part.field} ${part.value === "false" ? "is missing" : "exists"}`];
    return [`${part.field} ${words} ${part.value}`];
  });
  if (said.length === 0) return "";
  const all = said.join(group.join === "$or" ? " or " : " and ");
  return group.join === "$not" ? `not (${all})` : all;
}
