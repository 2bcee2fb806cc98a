import { unlessMissing } from "./error.js";
import { newKey } from "./key.js";
import { createLive } from "./live.js";
import { withOptions } from "./request.js";
import { argumentsOf, createWrites } from "./writes.js";

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
  const ask = async (verb, args, { timeout, signal, ...rest } = {}) => connection.ask(verb, [name, ...withOptions(args, rest)], { timeout, signal });
  return {
    name,

    get: (id, options) => unlessMissing(ask("GET", [id], options)),
    list: (query = {}, options) => ask("GET", [query], options),
    history: (id, options) => ask("HISTORY", [id], options),

    // Every write has a key, so that it can be sent again.
    ...createWrites((verb, id, body, options) => ask(verb, argumentsOf(verb, id, body), { key: newKey(), ...options })),

    watch(target, handlers) {
      const id = typeof target === "object" ? null : (target ?? null);
      const { filters } = Object(target);
      return subscriptions.watch(name, id, filters, {
        onChange(change) {
          const name = /** @type {const} */ ({ ADDED: "onAdded", MODIFIED: "onModified", DELETED: "onDeleted" })[change.type];
          handlers[name]?.(change);
        },
        onReset: handlers.onReset?.bind(handlers),
        onError: handlers.onError?.bind(handlers) ??
          ((error) => {
            throw error; // an unhandled rejection: see Listeners
          }),
      }).leave;
    },

    live: (query) => createLive(parts, name, query),
  };
}
