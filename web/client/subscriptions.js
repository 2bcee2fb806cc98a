import { Listeners, listenTo } from "./listeners.js";
import { withMeta } from "./meta.js";
import { canonical, same } from "./value.js";

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
  const held = /** @type {Listeners<ReturnType<typeof createSubscription>>} */ (new Listeners());
  const find = (/** @type {string} */ key) => [...held].find((subscription) => subscription.key === key);

  /** @param {string} key see keyOf @param {Id | null} id */
  function createSubscription(key, id) {
    // The filters as they are now: whose object it is may change it.
    const [collection, , filters] = JSON.parse(key);
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
    function ask(snapshot = reset && [...watchers].some(({ onReset }) => onReset)) {
      cancel?.();
      open = replaying = false;
      if (!socket.connected) return; // asked when it is
      const since = cursor;
      cancel = call("SUBSCRIBE", [collection, id, { filters, since, snapshot }], (error, result, meta) => {
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
      if (error.code === "GONE") {
        cursor = undefined;
        reset = true;
        ask();
      } else if (snapshot && error.code === "TOO_LARGE") {
        ask(false);
      } else {
        held.delete(subscription);
        watchers.tell("onError", error);
      }
    }

    const subscription = {
      key,
      watchers,
      isLive,

      /** @param {Watcher} watcher @param {string} [since] where to begin, if it is the first one */
      join(watcher, since) {
        const first = !watchers.size;
        watchers.add(watcher);
        if (first) {
          cursor = since;
          reset = false;
          heard.clear(); // it may begin before what others heard
          ask();
        }
        return first;
      },

      /** Unsubscribes when nobody watches any more. @param {Watcher} watcher */
      leave(watcher) {
        if (!watchers.delete(watcher) || watchers.size || !held.has(subscription)) return;
        cancel?.();
        open = false;
        // It stays held until the server has done it: until then it tells of items by the collection's room alone. A
        // refusal, but for a moment, is of what never was.
        cancel = call("UNSUBSCRIBE", [collection, id, { filters }], () => held.delete(subscription));
      },

      /** @param {string} name */
      replays: (name) => replaying && room === name,

      /** @param {Change} change @param {boolean} wins whether the collection's room tells of items too */
      hear(change, wins) {
        const own = wins && isLive() && id !== null && change.collection === collection && same(change.id, id);
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
    const wins = change.room === change.collection && ![...held].some(({ replays }) => replays(change.room));
    held.tell("hear", change, wins);
  };
  const close = listenTo(socket, { ADDED: hear, MODIFIED: hear, DELETED: hear, BOOKMARK: (mark) => held.tell("bookmark", mark) });
  listeners.add({
    onConnect: (recovered) => held.tell("onConnect", recovered),
    onDisconnect: () => held.tell("onDisconnect"),
  });

  /** One text for each target; {} is no filters, as it is to the server. @param {string} collection @param {Id | null} id @param {Filters} [filters] */
  const keyOf = (collection, id, filters) => canonical(id === null ? [collection, id, filters ?? {}] : [collection, String(id)]);

  return {
    /** Whether what filters match is watched already. @param {string} collection @param {Filters} [filters] */
    has: (collection, filters) => !!find(keyOf(collection, null, filters))?.watchers.size,

    /**
     * Watches a target. `since` is where to begin, if nobody watches it yet.
     *
     * @param {string} collection @param {Id | null} id @param {Filters | undefined} filters
     * @param {Watcher} watcher @param {string} [since]
     */
    watch(collection, id, filters, watcher, since) {
      const key = keyOf(collection, id, filters);
      const subscription = find(key) ?? createSubscription(key, id);
      held.add(subscription);
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
