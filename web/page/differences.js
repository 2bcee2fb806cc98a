/**
 * What is different between two JSON values, field by field.
 */

/** A member's name as part of a JSON Pointer (RFC 6901). @param {string} name */
const escapePointer = (name) => name.replace(/~/g, "~0").replace(/\//g, "~1");

/** `before` is undefined for what was added, `after` for what was removed. @typedef {{ path: string, before: unknown, after: unknown }} Difference */

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether two JSON values are equal; the order of members does not matter. @param {unknown} a @param {unknown} b @returns {boolean} */
export function same(a, b) {
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((value, i) => same(value, b[i]));
  if (!isObject(a) || !isObject(b)) return a === b;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]));
}

/**
 * @param {unknown} before @param {unknown} after
 * @param {string} [path] of both, as a JSON Pointer
 * @returns {Difference[]} none where both are equal
 */
export function differences(before, after, path = "") {
  if (same(before, after)) return [];
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => {
      const there = `${path}/${escapePointer(name)}`;
      if (!Object.hasOwn(before, name)) return [{ path: there, before: undefined, after: after[name] }];
      if (!Object.hasOwn(after, name)) return [{ path: there, before: before[name], after: undefined }];
      return differences(before[name], after[name], there);
    });
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    // What both begin and end with is not told; what is between, element by element.
    let head = 0;
    while (head < before.length && head < after.length && same(before[head], after[head])) head++;
    let tail = 0;
    while (tail < before.length - head && tail < after.length - head && same(before.at(-1 - tail), after.at(-1 - tail))) tail++;
    const old = before.slice(head, before.length - tail);
    const fresh = after.slice(head, after.length - tail);
    return Array.from({ length: Math.max(old.length, fresh.length) }, (_, i) => {
      const there = `${path}/${head + i}`;
      if (i >= old.length) return [{ path: there, before: undefined, after: fresh[i] }];
      if (i >= fresh.length) return [{ path: there, before: old[i], after: undefined }];
      return differences(old[i], fresh[i], there);
    }).flat();
  }
  return [{ path, before, after }];
}
