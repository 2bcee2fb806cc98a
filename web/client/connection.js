import { AckbaseError, pauseAfter, silence } from "./error.js";
import { Listeners, listenTo } from "./listeners.js";
import { withMeta } from "./meta.js";
import { patience } from "./request.js";

/** @typedef {import("./types.js").ClientSocket} ClientSocket */
/** @typedef {import("./types.js").Meta} Meta */
/** @typedef {import("./types.js").Patience} Patience */
/** @typedef {(error: any, result?: any, meta?: any) => void} Answered */
/** @typedef {{ onConnect?(recovered: boolean): void, onDisconnect?(): void }} Listener */

/** After how many milliseconds a verb is sent again where a connection stays but does not answer. */
const again = 30_000;

/** Does something later. @param {() => void} act @param {number} ms @returns {() => void} unless this comes before */
export function later(act, ms) {
  const timer = setTimeout(act, ms);
  return () => clearTimeout(timer);
}

/**
 * Ends a wait when its time is over, or its signal says so.
 * @param {string} verb @param {Patience} patience @param {(error: unknown) => void} end
 * @param {number} [begun] when the time began
 * @returns {() => void} lets go of both
 */
export function limit(verb, { timeout = Infinity, signal }, end, begun = Date.now()) {
  const aborted = () => end(signal?.reason);
  const stop = timeout < 2 ** 31 ? later(() => end(silence(verb, timeout)), Math.max(0, begun + timeout - Date.now())) : undefined;
  signal?.addEventListener("abort", aborted);
  if (signal?.aborted) queueMicrotask(aborted);
  return () => {
    stop?.();
    signal?.removeEventListener("abort", aborted);
  };
}

/**
 * A socket and what was asked over it. What has no answer when the connection breaks is asked again over the next
 * one, in the same order, until its time is over: that is safe, as reads change nothing and writes have keys.
 *
 * @typedef {ReturnType<typeof createConnection>} Connection
 * @param {ClientSocket} socket
 */
export function createConnection(socket) {
  /** @type {Set<() => void>} */
  const waiting = new Set();
  const listeners = /** @type {Listeners<Listener>} */ (new Listeners());
  let lost = false;
  let closed = false;

  const connected = () => {
    lost = false;
    // First what listens, so that a write that was asked for after a watch is heard by it.
    const before = [...waiting];
    listeners.tell("onConnect", !!socket.recovered);
    for (const send of before) send();
  };
  const disconnected = () => {
    lost = true;
    listeners.tell("onDisconnect");
  };
  const leave = listenTo(socket, { connect: connected, disconnect: disconnected, connect_error: disconnected });

  /**
   * Asks, and calls back once: with an error or a result. The callback runs before any event that came later. Without
   * options it takes as long as it takes, and asks again where the server only says "not now".
   *
   * @param {string} verb @param {unknown[]} args @param {Answered} answered @param {Patience} [options]
   * @returns {() => void} stops waiting; the callback is not called then
   */
  function call(verb, args, answered, options) {
    const { timeout = patience, signal } = options ?? { timeout: Infinity };
    /** Takes back what is to be sent later. @type {(() => void) | undefined} */
    let wait;
    const stop = () => {
      waiting.delete(send);
      release();
    };
    /** @type {Answered} */
    const finish = (...answer) => {
      if (!waiting.has(send)) return;
      stop();
      answered(...answer);
    };
    function send() {
      // Nothing is left in the socket's own buffer: it would be sent even when its time is over.
      if (!waiting.has(send) || !socket.connected || closed || signal?.aborted) return;
      wait?.();
      socket.timeout(again).emit(verb, ...args, (/** @type {unknown} */ late, /** @type {any} */ result, /** @type {any} */ error, /** @type {Meta} */ meta) => {
        const pause = options ? undefined : pauseAfter(error);
        if (late) send();
        else if (pause === undefined) finish(error ? new AckbaseError(error) : null, result, meta ?? {});
        else wait = later(send, pause);
      });
    }
    waiting.add(send);
    const release = limit(verb, { timeout, signal }, finish);
    send();
    return stop;
  }

  return {
    socket,
    call,
    listeners,

    /** Whether the connection was lost, or could not be made. */
    isLost: () => lost,

    /**
     * call as a promise of the result, whose meta is known.
     * @param {string} verb @param {unknown[]} args @param {Patience} options
     * @returns {Promise<any>}
     */
    ask: (verb, args, options) =>
      new Promise((resolve, reject) => {
        call(verb, args, (error, result, meta) => (error ? reject(error) : resolve(withMeta(result, meta))), options);
      }),

    /** Lets go of the socket: nothing is sent any more. */
    close() {
      closed = true;
      leave();
    },
  };
}
