import { equal, kind } from "./value.js";

/** An object after a merge patch (RFC 7396). @param {any} target @param {any} patch @returns {any} */
export function merge(target, patch) {
  if (kind(patch) < 7) return patch;
  const merged = kind(target) > 6 ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else if (value !== undefined) merged[name] = merge(merged[name], value);
  }
  return merged;
}

/**
 * A value after a JSON Patch (RFC 6902); undefined where it cannot be applied.
 * @param {any} target @param {any[]} operations @returns {any}
 */
export function patched(target, operations) {
  const root = { "": structuredClone(target) };
  /** What is there itself: a path must not lead to a prototype. @param {any} on @param {string} name @returns {any} */
  const own = (on, name) => {
    if (!Object.hasOwn(on, name)) throw name;
    return on[name];
  };
  /** The object or array that a path ends in, and the name there. @param {string} path @returns {[any, string]} */
  const at = (path) => {
    const names = path.split("/").map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = /** @type {string} */ (names.pop());
    return [names.reduce(own, root), last];
  };
  /** @param {string} path */
  const remove = (path) => {
    const [on, name] = at(path);
    own(on, name);
    if (Array.isArray(on)) on.splice(+name, 1);
    else delete on[name];
  };
  try {
    for (let { op, path, from, value } of operations) {
      if (from !== undefined) value = structuredClone(own(...at(from)));
      if (op === "test" && !equal(own(...at(path)), value)) return;
      if (op === "move") remove(from);
      if (op === "remove" || op === "replace") remove(path);
      if (op === "remove" || op === "test") continue;
      const [on, name] = at(path);
      if (Array.isArray(on)) on.splice(name === "-" ? on.length : +name, 0, value);
      else on[name] = value;
    }
    return root[""];
  } catch {}
}
