/**
 * Changes as they happen, of some collections: each once, also over a break of the connection.
 */
import { request } from "../client/ackbase.js";

/** A change as it is told with patches: of a MODIFIED the patch, of others the item. @typedef {Omit<import("../client/ackbase.js").Change, "item"> & { item?: unknown, patch?: { op: string, path: string, value?: unknown }[] }} Change */

/**
 * A collection that is followed. `cursor`: where it goes on after a break; empty until the server has told one. `asked`: what has no
 * answer yet, to be told what comes from now on or what came since a cursor. `timer`: asks again.
 * @typedef {{ cursor: string, asked?: "now" | "since" | undefined, timer?: ReturnType<typeof setTimeout> }} Followed
 */

/** How long an answer is waited for, and after how long the same is asked again where the server only says "not now", in milliseconds. */
const patience = 30_000;
const pause = 1000;

/**
 * @param {import("socket.io-client").Socket} socket
 * @param {{ onChange(change: Change): void, onGap(collection: string): void, onFault(error: unknown): void, onReady(ready: boolean): void }} hear
 *   onGap: changes may be missing here; onReady: whether the server has answered for all that is followed
 */
export function createFeed(socket, hear) {
  /** @type {Map<string, Followed>} */
  const followed = new Map();
  /** The cursors of those that are not followed any more. @type {Map<string, string>} */
  const left = new Map();
  /** Those of them for which the server has not said that it has ended. @type {Set<string>} */
  const leaving = new Set();
  let origin = ""; // where in the log it began: a collection that comes later is followed from there

  const tell = () => hear.onReady([...followed.values()].every(({ asked }) => !asked));

  /** @param {Change} change */
  const onChange = (change) => {
    const one = change.room === change.collection ? followed.get(change.collection) : undefined; // else another view's subscription
    if (!one || one.asked === "since") return; // that answer will be followed by this change too
    one.cursor = change.cursor;
    hear.onChange(change);
  };
  /** @param {{ room: string, cursor: string }} mark */
  const onBookmark = ({ room, cursor }) => {
    const one = followed.get(room);
    if (one && one.asked !== "since") one.cursor = cursor;
  };

  /**
   * Asks for a collection. The answer is taken in its callback: a promise would come after changes that follow it in the same poll.
   * @param {string} collection @param {Followed} one @param {string} [since]
   */
  function subscribe(collection, one, since = one.cursor || origin) {
    clearTimeout(one.timer);
    one.asked = since ? "since" : "now";
    tell();
    socket.timeout(patience).emit("SUBSCRIBE", collection, null, { patch: true, ...(since && { since }) }, (/** @type {unknown} */ late, /** @type {{ cursor: string } | null} */ result, /** @type {any} */ error) => {
      // What has no answer when the connection breaks is asked again over the next one.
      if (followed.get(collection) !== one || !socket.connected) return;
      if (late || error?.code === "RATE_LIMITED" || error?.code === "UNAVAILABLE") {
        one.timer = setTimeout(() => socket.connected && subscribe(collection, one, since), error?.details?.retryAfter ?? pause);
        return;
      }
      if (error?.code === "GONE" && since) {
        hear.onGap(collection);
        one.cursor = "";
        subscribe(collection, one, "");
        return;
      }
      if (result) {
        origin ||= result.cursor;
        one.cursor ||= result.cursor;
      } else {
        hear.onFault(error);
      }
      one.asked = undefined;
      tell();
    });
  }

  /** @param {string} collection */
  async function unsubscribe(collection) {
    leaving.add(collection);
    if (!socket.connected) return;
    try {
      await request(socket, "UNSUBSCRIBE", [collection], patience);
      leaving.delete(collection);
    } catch (error) {
      if (socket.connected) hear.onFault(error);
    }
  }

  socket.on("ADDED", onChange);
  socket.on("MODIFIED", onChange);
  socket.on("DELETED", onChange);
  socket.on("BOOKMARK", onBookmark);
  socket.on("connect", () => {
    // A session that is recovered has what the server had heard of by then: not what it was asked for while the connection broke.
    if (!socket.recovered) leaving.clear();
    for (const collection of leaving) unsubscribe(collection);
    for (const [collection, one] of followed) if (!socket.recovered || one.asked) subscribe(collection, one);
  });

  return {
    /** Follows these collections from now on, and no others. @param {string[]} collections */
    follow(collections) {
      for (const [collection, { cursor, timer }] of followed) {
        if (collections.includes(collection)) continue;
        clearTimeout(timer);
        followed.delete(collection);
        if (cursor !== "") left.set(collection, cursor);
        unsubscribe(collection);
      }
      for (const collection of collections) {
        if (followed.has(collection)) continue;
        leaving.delete(collection);
        const one = /** @type {Followed} */ ({ cursor: left.get(collection) ?? "", asked: "now" });
        followed.set(collection, one);
        if (socket.connected) subscribe(collection, one);
      }
      if (followed.size > 0) tell();
    },

    /** Follows none any more, and begins anew with the next. */
    end() {
      this.follow([]);
      left.clear();
      origin = "";
    },
  };
}
