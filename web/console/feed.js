/**
 * Changes as they happen, of some collections: each once, also over a break of the connection.
 */
import { request } from "../client/ackbase.js";
import { parts } from "../page/words.js";

/** A change as it is told with patches: of a MODIFIED the patch, of others the item. @typedef {Omit<import("../client/ackbase.js").Change, "item"> & { item?: unknown, patch?: { op: string, path: string, value?: unknown }[] }} Change */

/**
 * @param {import("socket.io-client").Socket} socket
 * @param {{ onChange(change: Change): void, onGap(collection: string): void, onFault(error: unknown): void, onReady(ready: boolean): void }} hear
 *   onGap: changes may be missing here; onReady: whether the server has answered for all that is followed
 */
export function createFeed(socket, hear) {
  /** The cursor of each collection that is followed: where it goes on after a break. @type {Map<string, string>} */
  const followed = new Map();
  /** The same of those that are not followed any more. @type {Map<string, string>} */
  const left = new Map();
  let origin = ""; // where in the log it began: a collection that comes later is followed from there
  let asked = 0; // that have no answer yet

  /** @param {Change} change */
  const onChange = (change) => {
    if (change.room !== change.collection || !followed.has(change.collection)) return; // another view's subscription
    followed.set(change.collection, change.cursor);
    hear.onChange(change);
  };
  /** @param {{ room: string, collection: string, cursor: string }} mark */
  const onBookmark = ({ room, cursor }) => {
    if (followed.has(room)) followed.set(room, cursor);
  };

  /** @param {string} collection @param {string} [since] */
  async function subscribe(collection, since) {
    asked++;
    hear.onReady(false);
    try {
      const { result } = await request(socket, "SUBSCRIBE", [collection, null, { patch: true, ...(since && { since }) }]);
      origin ||= result.cursor;
      if (followed.get(collection) === "") followed.set(collection, result.cursor);
    } catch (error) {
      if (!socket.connected || !followed.has(collection)) return;
      if (since && parts(error).code === "GONE") {
        hear.onGap(collection);
        followed.set(collection, "");
        await subscribe(collection);
      } else {
        hear.onFault(error);
      }
    } finally {
      asked--;
      hear.onReady(asked === 0);
    }
  }

  socket.on("ADDED", onChange);
  socket.on("MODIFIED", onChange);
  socket.on("DELETED", onChange);
  socket.on("BOOKMARK", onBookmark);
  socket.on("connect", () => {
    if (socket.recovered) return;
    for (const [collection, cursor] of followed) subscribe(collection, cursor);
  });

  return {
    /** Follows these collections from now on, and no others. @param {string[]} collections */
    follow(collections) {
      for (const [collection, cursor] of followed) {
        if (collections.includes(collection)) continue;
        followed.delete(collection);
        if (cursor !== "") left.set(collection, cursor);
        if (socket.connected) request(socket, "UNSUBSCRIBE", [collection]).catch(hear.onFault);
      }
      for (const collection of collections) {
        if (followed.has(collection)) continue;
        const since = left.get(collection) ?? origin;
        followed.set(collection, since);
        if (socket.connected) subscribe(collection, since);
      }
    },

    /** Follows none any more, and begins anew with the next. */
    end() {
      this.follow([]);
      left.clear();
      origin = "";
    },
  };
}
