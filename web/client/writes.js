/** @typedef {import("./types.js").Id} Id */
/** @typedef {"POST" | "PUT" | "PATCH" | "DELETE"} Verb */

/**
 * The four writes, over a function that does one.
 *
 * @param {(verb: Verb, id: Id | undefined, body: any, options: any) => Promise<any>} send
 * @returns {import("./types.js").Writes<any>}
 */
export const createWrites = (send) => ({
  create: (item, options) => send("POST", item.id, item, options),
  replace: (item, options) => send("PUT", item.id, item, options),
  remove: (id, options) => send("DELETE", id ?? null, undefined, options),
  update: /** @type {any} */ (
    (/** @type {any} */ what, /** @type {any} */ patch, /** @type {any} */ options) => {
      if (Array.isArray(what)) return send("PATCH", undefined, what, patch);
      // No id is null, which the server refuses: a patch must not become one of the whole collection by it.
      if (typeof what !== "object") return send("PATCH", what ?? null, patch, options);
      const { id = null, ...rest } = what;
      return send("PATCH", id, rest, patch);
    }
  ),
});

/** What the server is sent of a write, behind the collection. @param {Verb} verb @param {Id | undefined} id @param {any} body */
export const argumentsOf = (verb, id, body) => (verb === "POST" ? [body] : verb === "PUT" ? [{ ...body, id }] : [id, body].filter((arg) => arg !== undefined));
