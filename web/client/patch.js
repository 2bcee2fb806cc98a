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
  const get = (path) => own(...at(path));
  /** @param {string} path @param {any} [value] undefined removes */
  const put = (path, value) => {
    const [on, name] = at(path);
    if (value === undefined) get(path);
    if (!Array.isArray(on)) {
      if (value === undefined) delete on[name];
      else on[name] = value;
    } else if (value === undefined) on.splice(+name, 1);
    else on.splice(name === "-" ? on.length : +name, 0, value);
  };
  try {
    for (const { op, path, from, value } of operations) {
      if (op === "test" && !equal(get(path), value)) throw path;
      const moved = op === "move" || op === "copy" ? structuredClone(get(from)) : value;
      if (op === "move") put(from);
      if (op === "replace" && Array.isArray(at(path)[0])) put(path);
      if (op === "remove") put(path);
      else if (op !== "test") put(path, moved);
    }
    return root[""];
  } catch {}
}
