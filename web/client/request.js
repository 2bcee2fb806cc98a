import { AckbaseError, silence } from "./error.js";

/** @typedef {import("./types.js").SocketLike} SocketLike */
/** @typedef {import("./types.js").ServerError} ServerError */
/** @typedef {import("./types.js").Meta} Meta */

/** How long an answer is waited for unless it is said otherwise, in milliseconds. */
export const patience = 5000;

/** Arguments and their options, where there are any. @param {unknown[]} args @param {object} options */
export const withOptions = (args, options) => (Object.keys(options).length > 0 ? [...args, options] : args);

/**
 * Emits one verb and waits for its acknowledgement: `(result, error, meta)`.
 *
 * @template [T=any]
 * @param {SocketLike} socket
 * @param {string} verb `"GET"`, `"POST"` …
 * @param {unknown[]} args the verb's arguments, without the callback
 * @param {number} [timeout] in milliseconds, 5000 unless given
 * @returns {Promise<{ result: T, meta: Meta }>} rejects with an {@link AckbaseError}
 */
export function request(socket, verb, args, timeout) {
  const ms = timeout ?? patience;
  return new Promise((resolve, reject) => {
    /** @param {Error | null} late @param {T} result @param {ServerError | null} error @param {Meta} [meta] */
    const answered = (late, result, error, meta) => {
      if (late) reject(silence(verb, ms, late));
      else if (error) reject(new AckbaseError(error));
      else resolve({ result, meta: meta ?? {} });
    };
    socket.timeout(ms).emit(verb, ...args, answered);
  });
}
