import { later } from "./connection.js";
import { pauseAfter } from "./error.js";
import { Listeners, listenTo } from "./listeners.js";
import { withMeta } from "./meta.js";
import { canonical } from "./value.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./types.js").Id} Id */
/** @typedef {import("./types.js").Filters} Filters */
/** @typedef {import("./types.js").Change} Change */

/**
 * What one part of the page wants to hear of a subscription. `onGap`: what comes now does not follow on what came
 * before. `onState`: whether it is live may have changed.
 *
 * @typedef {{ onChange(change: Change): void, onError(error: import("./error.js").AckbaseError): void,
 *   onReset?(items: any[] | undefined): void, onGap?(): void, onState?(): void }} Watcher
 */

/** @typedef {ReturnType<typeof createSubscriptions>} Subscriptions */

/**
 * The subscriptions of a socket: one for each target, however many watch it. Each knows its cursor and goes on from
 * there after a connection that did not recover.
 *
 * @param {Connection} connection
 */
export function createSubscriptions({ socket, call, listeners }) {
  /** @type {Map<string, ReturnType<typeof createSubscription>>} */
  const held = new Map();
  const all = () => [...held.values()];

  /** @param {string} key @param {string} collection @param {Id | null} id @param {Filters | undefined} filters */
  function createSubscription(key, collection, id, filters) {
    const watchers = /** @type {Listeners<Watcher>} */ (new Listeners());
    /** @type {string | undefined} */
    let cursor;
    /** The server's name for it, once it has answered. @type {string | undefined} */
    let room;
    /** Whether the server has answered, and has not forgotten it since. */
    let open = false;
    /** Whether what was missed is still to come. */
    let replaying = false;
    /** The last changes' cursors: a connection that recovers may tell again what came while it was breaking off. @type {Set<string | undefined>} */
    const heard = new Set();
    /** Whether onReset is to be called with what there is. */
    let reset = false;
    /** Ends what is under way. @type {(() => void) | undefined} */
    let cancel;

    const isLive = () => open && !replaying && socket.connected;

    /** Subscribes, from the cursor on if there is one. @param {boolean} [snapshot] */
    function ask(snapshot) {
      cancel?.();
      open = replaying = false;
      if (!socket.connected) return; // asked when it is
      const since = cursor;
      cancel = call("SUBSCRIBE", [collection, id, { filters, since, snapshot }], { timeout: Infinity }, (error, result, meta) => {
        if (error) return refused(error, snapshot);
        open = true;
        replaying = !!since;
        cursor = result.cursor;
        room = meta.room;
        if (!since) watchers.tell("onGap");
        if (reset) watchers.tell("onReset", result.items);
        reset = false;
        watchers.tell("onState");
      });
    }

    /** @param {import("./error.js").AckbaseError} error @param {boolean} [snapshot] */
    function refused(error, snapshot) {
      const pause = pauseAfter(error);
      if (error.code === "GONE") {
        cursor = undefined;
        reset = true;
        ask([...watchers].some(({ onReset }) => onReset) || undefined);
      } else if (snapshot && error.code === "TOO_LARGE") {
        ask();
      } else if (pause !== undefined) {
        cancel = later(() => ask(snapshot), pause);
      } else {
        held.delete(key);
        watchers.tell("onError", error);
      }
    }

    const subscription = {
      watchers,
      isLive,

      /** @param {Watcher} watcher @param {string} [since] where to begin, if it is the first one */
      join(watcher, since) {
        const first = !watchers.size;
        watchers.add(watcher);
        if (first) {
          cursor = since;
          heard.clear(); // it may begin before what others heard
          ask();
        }
        return first;
      },

      /** Unsubscribes when nobody watches any more. @param {Watcher} watcher */
      leave(watcher) {
        if (!watchers.delete(watcher) || watchers.size || held.get(key) !== subscription) return;
        cancel?.();
        open = false;
        // It stays held until the server has done it: until then it tells of items by the collection's room alone.
        cancel = call("UNSUBSCRIBE", [collection, id, { filters }], { timeout: Infinity }, () => held.delete(key));
      },

      /** @param {string} name */
      replays: (name) => replaying && room === name,

      /** @param {Change} change @param {boolean} wins whether the collection's room tells of items too */
      hear(change, wins) {
        const own = wins && isLive() && id !== null && change.collection === collection && String(change.id) === String(id);
        if (!open || (change.room !== room && !own) || heard.has(change.cursor)) return;
        cursor = change.cursor;
        heard.add(cursor);
        if (heard.size > 1000) heard.delete(heard.keys().next().value);
        watchers.tell("onChange", change);
      },

      /** @param {{ room: string, cursor: string }} mark */
      bookmark(mark) {
        if (!open || mark.room !== room) return;
        cursor = mark.cursor;
        replaying = false;
        watchers.tell("onState");
      },

      /** @param {boolean} recovered */
      onConnect(recovered) {
        if (!watchers.size) return; // being unsubscribed from
        if (!recovered || !open || replaying) ask();
        watchers.tell("onState");
      },

      onDisconnect() {
        if (watchers.size && !open) cancel?.(); // asked anew on connection
        watchers.tell("onState");
      },
    };
    return subscription;
  }

  /** @param {Change} change */
  const hear = (change) => {
    if (change.item) withMeta(change.item, { rev: change.rev, cursor: change.cursor });
    // A subscription to the collection wins over those to its items, but for what it has missed.
    const wins = change.room === change.collection && !all().some(({ replays }) => replays(change.room));
    for (const subscription of all()) subscription.hear(change, wins);
  };
  /** @param {{ room: string, cursor: string }} mark */
  const bookmark = (mark) => all().forEach((subscription) => subscription.bookmark(mark));
  const close = listenTo(socket, { ADDED: hear, MODIFIED: hear, DELETED: hear, BOOKMARK: bookmark });
  listeners.add({
    onConnect: (recovered) => all().forEach((subscription) => subscription.onConnect(recovered)),
    onDisconnect: () => all().forEach((subscription) => subscription.onDisconnect()),
  });

  /** Filters that ask for nothing are none, as they are to the server. @param {string} collection @param {Id | null} id @param {Filters} [filters] */
  const keyOf = (collection, id, filters) => canonical([collection, id === null ? id : String(id), filters ?? {}]);

  return {
    /** Whether what filters match is watched already. @param {string} collection @param {Filters} [filters] */
    has: (collection, filters) => !!held.get(keyOf(collection, null, filters))?.watchers.size,

    /**
     * Watches a target. `since` is where to begin, if nobody watches it yet.
     *
     * @param {string} collection @param {Id | null} id @param {Filters | undefined} filters
     * @param {Watcher} watcher @param {string} [since]
     */
    watch(collection, id, filters, watcher, since) {
      const key = keyOf(collection, id, filters);
      const subscription = held.get(key) ?? createSubscription(key, collection, id, filters);
      held.set(key, subscription);
      return {
        /** Whether it begins at `since`. */
        exact: subscription.join(watcher, since),
        /** Whether all is told as soon as it happens. */
        isLive: subscription.isLive,
        leave: () => subscription.leave(watcher),
      };
    },

    /** Hears nothing any more. */
    close,
  };
}
