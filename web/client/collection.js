import { AckbaseError } from "./error.js";
import { newKey } from "./key.js";
import { createLive } from "./live.js";
import { withMeta } from "./meta.js";

/** @typedef {import("./types.js").Id} Id */
/** @typedef {import("./types.js").SafeOptions} SafeOptions */

/**
 * One collection over a client's connection.
 *
 * @template {object} T
 * @param {import("./client.js").Parts} parts
 * @param {string} name
 * @returns {import("./types.js").Collection<T>}
 */
export function createCollection(parts, name) {
  const { connection, subscriptions } = parts;

  /** @param {string} verb @param {unknown[]} args @param {import("./types.js").Patience & Record<string, unknown>} [options] */
  const ask = async (verb, args, { timeout, signal, ...rest } = {}) => {
    const sent = Object.keys(rest).length > 0 ? [...args, rest] : args;
    const { result, meta } = await connection.ask(verb, [name, ...sent], { timeout, signal });
    return withMeta(result, meta);
  };
  /** Every write has a key, so that it can be sent again. @param {string} verb @param {unknown[]} args @param {SafeOptions} [options] */
  const write = (verb, args, options) => ask(verb, args, { key: newKey(), ...options });

  return {
    name,

    async get(id, options) {
      try {
        return await ask("GET", [id], options);
      } catch (error) {
        if (error instanceof AckbaseError && error.code === "NOT_FOUND") return undefined;
        throw error;
      }
    },
    list: (query = {}, options) => ask("GET", [query], options),
    history: (id, options) => ask("HISTORY", [id], options),

    create: (item, options) => write("POST", [item], options),
    replace: (item, options) => write("PUT", [item], options),
    remove: (id, options) => write("DELETE", [id], options),
    update: /** @type {any} */ (
      (/** @type {any} */ first, /** @type {any} */ second, /** @type {any} */ third) =>
        typeof first === "object" ? write("PATCH", [first], second) : write("PATCH", [first, second], third)
    ),

    watch(target, handlers) {
      const id = typeof target === "object" ? null : (target ?? null);
      const filters = typeof target === "object" ? target?.filters : undefined;
      const { onReset } = handlers;
      return subscriptions.watch(name, id, filters, {
        onChange(change) {
          const { onAdded, onModified, onDeleted } = handlers;
          ({ ADDED: onAdded, MODIFIED: onModified, DELETED: onDeleted })[change.type]?.(change);
        },
        onReset: onReset && ((items) => onReset(items)),
        onError(error) {
          if (handlers.onError) handlers.onError(error);
          else Promise.reject(error);
        },
      }).leave;
    },

    live: (query) => createLive(parts, name, query),
  };
}
