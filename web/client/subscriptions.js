import { pauseAfter } from "./error.js";
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
export function createSubscriptions(connection) {
  /** @type {Map<string, Subscription>} */
  const held = new Map();

  class Subscription {
    /** @type {Set<Watcher>} */
    watchers = new Set();
    /** @type {string | undefined} */
    cursor;
    /** @type {string | undefined} the server's name for it, once it is answered */
    room;
    /** Whether the server has been asked and has answered, and has not forgotten since. */
    open = false;
    /** Whether what was missed is still to come. */
    replaying = false;
    /** Whether onReset is to be called with what there is. */
    reset = false;
    /** @type {(() => void) | undefined} */
    cancel;

    /** @param {string} key @param {string} collection @param {Id | null} id @param {Filters | undefined} filters */
    constructor(key, collection, id, filters) {
      this.key = key;
      this.collection = collection;
      this.id = id;
      this.filters = filters;
    }

    get live() {
      return this.open && !this.replaying && connection.socket.connected;
    }

    /** Subscribes, from the cursor on if there is one. @param {boolean} [snapshot] */
    ask(snapshot) {
      this.cancel?.();
      this.open = this.replaying = false;
      if (!connection.socket.connected) return; // asked when it is
      const since = this.cursor;
      const options = { filters: this.filters, since, snapshot };
      this.cancel = connection.call("SUBSCRIBE", [this.collection, this.id, options], { timeout: Infinity }, (error, result, meta) => {
        if (error) return this.refused(error, snapshot);
        this.open = true;
        this.replaying = since !== undefined;
        this.cursor = result.cursor;
        this.room = meta.room;
        const reset = this.reset;
        this.reset = false;
        for (const watcher of [...this.watchers]) {
          if (since === undefined) watcher.onGap?.();
          if (reset) watcher.onReset?.(result.items);
          watcher.onState?.();
        }
      });
    }

    /** @param {import("./error.js").AckbaseError} error @param {boolean} [snapshot] */
    refused(error, snapshot) {
      const pause = pauseAfter(error);
      if (error.code === "GONE") {
        this.cursor = undefined;
        this.reset = true;
        this.ask([...this.watchers].some(({ onReset }) => onReset) || undefined);
      } else if (snapshot && error.code === "TOO_LARGE") {
        this.ask();
      } else if (pause !== undefined) {
        const timer = setTimeout(() => this.ask(snapshot), pause);
        this.cancel = () => clearTimeout(timer);
      } else {
        held.delete(this.key);
        for (const watcher of [...this.watchers]) watcher.onError(error);
      }
    }

    /** @param {Change} change */
    hear(change) {
      if (!this.open) return;
      this.cursor = change.cursor;
      for (const watcher of [...this.watchers]) watcher.onChange(change);
    }

    /** Unsubscribes when nobody watches any more. @param {Watcher} watcher */
    leave(watcher) {
      if (!this.watchers.delete(watcher) || this.watchers.size > 0 || held.get(this.key) !== this) return;
      this.cancel?.();
      this.open = false;
      this.cursor = undefined;
      // It stays held until the server has done it: until then it tells of items by the collection's room alone.
      this.cancel = connection.call("UNSUBSCRIBE", [this.collection, this.id, { filters: this.filters }], { timeout: Infinity }, () => {
        if (held.get(this.key) === this) held.delete(this.key);
      });
    }
  }

  /** @param {Change} change */
  const hear = (change) => {
    if (change.item) withMeta(change.item, { rev: change.rev, cursor: change.cursor });
    const whole = change.room === change.collection;
    const replayed = whole && [...held.values()].some(({ room, replaying }) => replaying && room === change.room);
    for (const subscription of [...held.values()]) {
      // A subscription to the collection wins over those to its items, but for what each of them has missed.
      const won = whole && !replayed && subscription.live && subscription.collection === change.collection && String(subscription.id) === String(change.id);
      if (subscription.room === change.room || won) subscription.hear(change);
    }
  };
  /** @param {{ room: string, cursor: string }} mark */
  const bookmark = ({ room, cursor }) => {
    for (const subscription of held.values()) {
      if (subscription.room !== room || !subscription.open) continue;
      subscription.cursor = cursor;
      subscription.replaying = false;
      for (const watcher of [...subscription.watchers]) watcher.onState?.();
    }
  };
  const { socket } = connection;
  const events = { ADDED: hear, MODIFIED: hear, DELETED: hear, BOOKMARK: bookmark };
  for (const [event, listener] of Object.entries(events)) socket.on(event, listener);

  const stop = connection.listen({
    onConnect(recovered) {
      for (const subscription of [...held.values()]) {
        if (subscription.watchers.size === 0) continue; // being unsubscribed from
        if (!recovered || !subscription.open || subscription.replaying) subscription.ask();
        else for (const watcher of [...subscription.watchers]) watcher.onState?.();
      }
    },
    onDisconnect() {
      for (const subscription of held.values()) {
        if (subscription.watchers.size > 0 && !subscription.open) subscription.cancel?.(); // asked anew on connection
        for (const watcher of [...subscription.watchers]) watcher.onState?.();
      }
    },
  });

  return {
    /** Whether what filters match is watched already. @param {string} collection @param {Filters} [filters] */
    has: (collection, filters) => !!held.get(canonical([collection, null, filters]))?.watchers.size,

    /**
     * Watches a target. `since` is where to begin, if nobody watches it yet.
     *
     * @param {string} collection @param {Id | null} id @param {Filters | undefined} filters
     * @param {Watcher} watcher @param {string} [since]
     */
    watch(collection, id, filters, watcher, since) {
      const key = canonical([collection, id === null ? null : String(id), filters]);
      let subscription = held.get(key);
      if (!subscription) held.set(key, (subscription = new Subscription(key, collection, id, filters)));
      const first = subscription.watchers.size === 0;
      subscription.watchers.add(watcher);
      if (first) {
        subscription.cursor = since;
        subscription.ask();
      }
      const at = subscription;
      return {
        /** Whether it begins at `since`. */
        exact: first,
        /** Whether all is told as soon as it happens. */
        live: () => at.live,
        leave: () => at.leave(watcher),
      };
    },

    /** Hears nothing any more. */
    close() {
      stop();
      held.clear();
      for (const [event, listener] of Object.entries(events)) socket.off(event, listener);
    },
  };
}
