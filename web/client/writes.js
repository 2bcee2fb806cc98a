import { AckbaseError } from "./error.js";

/** @typedef {import("./types.js").Id} Id */
/** @typedef {"POST" | "PUT" | "PATCH" | "DELETE"} Verb */

/**
 * The four writes, over a function that does one.
 *
 * @param {(verb: Verb, id: Id | undefined, body: any, options: any) => Promise<any>} send
 * @returns {import("./types.js").Writes<any>}
 */
export function createWrites(send) {
  /** Refuses what would become another write by what JSON leaves out, and what nothing could be shown of. @type {typeof send} */
  const write = async (verb, id, body, options) => {
    if (id === null || (verb !== "DELETE" && Object(body) !== body) || { ifMatch: 0, ...options }.ifMatch === undefined) {
      throw new AckbaseError({ code: "BAD_REQUEST", status: 400, message: `${verb} lacks its id, its object, or the revision of ifMatch` });
    }
    return send(verb, id, body, options);
  };
  return {
    create: (item, options) => write("POST", item?.id, item, options),
    replace: (item, options) => write("PUT", item?.id ?? null, item, options),
    remove: (id, options) => write("DELETE", id ?? null, undefined, options),
    update: /** @type {any} */ (
      (/** @type {any} */ what, /** @type {any} */ patch, /** @type {any} */ options) => {
        if (Array.isArray(what)) return write("PATCH", undefined, what, patch);
        if (typeof what !== "object") return write("PATCH", what ?? null, patch, options);
        const { id = null, ...rest } = what ?? {};
        return write("PATCH", id, rest, patch);
      }
    ),
  };
}

/** What the server is sent of a write, behind the collection. @param {Verb} verb @param {Id | undefined} id @param {any} body */
export const argumentsOf = (verb, id, body) => (verb === "POST" ? [body] : verb === "PUT" ? [{ ...body, id }] : [id, body].filter((arg) => arg !== undefined));
