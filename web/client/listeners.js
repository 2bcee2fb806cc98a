/**
 * Listens to events of a socket.
 * @param {import("./types.js").ClientSocket} socket @param {Record<string, (...args: any[]) => void>} events
 * @returns {() => void} ends it
 */
export function listenTo(socket, events) {
  for (const event in events) socket.on(event, /** @type {any} */ (events[event]));
  return () => {
    for (const event in events) socket.off(event, /** @type {any} */ (events[event]));
  };
}

/**
 * Those who listen to something: objects with a function for what they want to hear.
 *
 * @template {object} L
 * @extends {Set<L>}
 */
export class Listeners extends Set {
  /**
   * Tells those who listen now, but who is ended by one told before. One that throws keeps nobody else from hearing:
   * its error is an unhandled rejection.
   * @param {keyof L} what @param {...any} args
   */
  tell(what, ...args) {
    for (const listener of [...this]) {
      try {
        if (this.has(listener)) /** @type {any} */ (listener)[what]?.(...args);
      } catch (error) {
        Promise.reject(error);
      }
    }
  }
}
