/** @typedef {import("./types.js").ServerError} ServerError */

/**
 * Why a call failed: what the server said, or that nothing came.
 *
 * `code` is a stable word (`"NOT_FOUND"`, `"CONFLICT"` …), `status` the HTTP status of the same meaning, `message`
 * a sentence for a person, `details` what a program can read of it (for `INVALID`: a list of `{ path, message }`).
 * Two codes are the client's own, with `status` 0: without an answer in time it is `"TIMEOUT"`, and whether a write
 * happened is not known then; `"QUEUE_FULL"` is a write that was not made, because too many wait already.
 */
export class AckbaseError extends Error {
  /** @param {ServerError} error @param {{ cause?: unknown }} [options] */
  constructor(error, options) {
    super(error.message, options);
    this.name = "AckbaseError";
    /** @type {string} */
    this.code = error.code;
    /** @type {number} */
    this.status = error.status;
    /** @type {any} */
    this.details = error.details;
  }
}

/**
 * Says that no answer came.
 * @param {string} verb @param {number} ms @param {unknown} [cause]
 */
export const silence = (verb, ms, cause) =>
  new AckbaseError({ code: "TIMEOUT", status: 0, message: `no answer to ${verb} within ${ms} ms; it is not known whether the server did it` }, { cause });

/**
 * What a promise resolves to, undefined where there is no such item.
 * @template T @param {Promise<T>} asked @returns {Promise<T | undefined>}
 */
export const unlessMissing = (asked) =>
  asked.catch((error) => {
    if (error.code !== "NOT_FOUND") throw error;
    return undefined;
  });

/**
 * After how many milliseconds the same may be asked again, where the server only says "not now"; else nothing.
 * @param {ServerError | null} error @returns {number | undefined}
 */
export const pauseAfter = (error) =>
  error && /^(RATE_LIMITED|UNAVAILABLE)$/.test(error.code) ? (error.details?.retryAfter ?? 1000) : undefined;
