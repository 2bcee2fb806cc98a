import { AckbaseError, silence } from "./error.js";
import { patience } from "./request.js";

/** @typedef {import("./types.js").ClientSocket} ClientSocket */
/** @typedef {import("./types.js").Meta} Meta */
/** @typedef {import("./types.js").Patience} Patience */
/** @typedef {(error: any, result?: any, meta?: any) => void} Answered */
/** @typedef {{ onConnect?(recovered: boolean): void, onDisconnect?(): void }} Listener */

/** After how many milliseconds a verb is sent again where a connection stays but does not answer. */
const again = 30_000;

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
  /** @type {Set<Listener>} */
  const listeners = new Set();
  let lost = false;
  let closed = false;

  const connected = () => {
    lost = false;
    // First what listens, so that a write that was asked for after a watch is heard by it.
    const before = [...waiting];
    for (const listener of [...listeners]) listener.onConnect?.(!!socket.recovered);
    for (const send of before) send();
  };
  const disconnected = () => {
    lost = true;
    for (const listener of [...listeners]) listener.onDisconnect?.();
  };
  socket.on("connect", connected);
  socket.on("disconnect", disconnected);
  socket.on("connect_error", disconnected);

  /**
   * Asks, and calls back once: with an error or a result. The callback runs before any event that came later.
   * Infinity as timeout waits as long as it takes.
   *
   * @param {string} verb @param {unknown[]} args @param {Patience} options @param {Answered} answered
   * @returns {() => void} stops waiting; the callback is not called then
   */
  function call(verb, args, { timeout = patience, signal }, answered) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    let sent = 0;
    const stop = () => {
      waiting.delete(send);
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
    };
    /** @type {Answered} */
    const finish = (...answer) => {
      if (!waiting.has(send)) return;
      stop();
      answered(...answer);
    };
    const aborted = () => finish(signal?.reason);
    function send() {
      // Nothing is left in the socket's own buffer: it would be sent even when its time is over.
      if (!socket.connected || closed) return;
      const turn = ++sent;
      socket.timeout(Math.min(timeout, again)).emit(verb, ...args, (/** @type {unknown} */ late, /** @type {any} */ result, /** @type {any} */ error, /** @type {Meta} */ meta) => {
        if (!late) finish(error ? new AckbaseError(error) : null, result, meta ?? {});
        else if (turn === sent && waiting.has(send)) send();
      });
    }
    waiting.add(send);
    if (signal?.aborted) {
      queueMicrotask(aborted);
      return stop;
    }
    signal?.addEventListener("abort", aborted, { once: true });
    if (timeout < 2 ** 31) timer = setTimeout(() => finish(silence(verb, timeout)), timeout);
    send();
    return stop;
  }

  return {
    socket,
    call,

    /** Whether the connection was lost, or could not be made. */
    get lost() {
      return lost;
    },

    /** @param {Listener} listener @returns {() => void} */
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    /**
     * call as a promise.
     * @param {string} verb @param {unknown[]} args @param {Patience} [options]
     * @returns {Promise<{ result: any, meta: Meta }>}
     */
    ask(verb, args, options = {}) {
      return new Promise((resolve, reject) => {
        call(verb, args, options, (error, result, meta) => (error ? reject(error) : resolve({ result, meta })));
      });
    },

    /** Lets go of the socket: nothing is sent any more. */
    close() {
      closed = true;
      socket.off("connect", connected);
      socket.off("disconnect", disconnected);
      socket.off("connect_error", disconnected);
    },
  };
}
