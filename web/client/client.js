import { createCollection } from "./collection.js";
import { createConnection } from "./connection.js";
import { createOutbox } from "./outbox.js";
import { createSubscriptions } from "./subscriptions.js";

/** @typedef {import("./types.js").ClientSocket} ClientSocket */
/** @typedef {import("./types.js").ClientOptions} ClientOptions */

/** What the collections of a client share. @typedef {{ connection: import("./connection.js").Connection, outbox: import("./outbox.js").Outbox, subscriptions: import("./subscriptions.js").Subscriptions }} Parts */

/**
 * A client over one socket. Make one for each socket: its parts of the page share subscriptions and the queue.
 *
 * @template {ClientSocket} S
 * @param {S} socket any `Socket` of socket.io-client 4.4 or later
 * @param {ClientOptions} [options]
 */
export function createClient(socket, options = {}) {
  const connection = createConnection(socket);
  /** @type {Parts} */
  const parts = {
    connection,
    subscriptions: createSubscriptions(connection), // before the writes that wait: what is watched hears of them
    outbox: createOutbox(connection, options),
  };
  /** @type {Map<string, import("./types.js").Collection<any>>} */
  const collections = new Map();

  return {
    socket,

    /**
     * A collection, always the same object for the same name.
     * @template {object} [T=Record<string, any>]
     * @param {string} name
     * @returns {import("./types.js").Collection<T>}
     */
    collection(name) {
      let collection = collections.get(name);
      if (!collection) collections.set(name, (collection = createCollection(parts, name)));
      return collection;
    },

    /** Lets go of the socket, which stays as it is: nothing is sent or heard any more. */
    close() {
      parts.subscriptions.close();
      connection.close();
    },
  };
}
