import { later } from "./connection.js";
import { matcher } from "./filter.js";
import { Listeners } from "./listeners.js";
import { orderOf } from "./order.js";
import { merge, patched } from "./patch.js";
import { equal, same } from "./value.js";
import { createWrites } from "./writes.js";

/** @typedef {import("./types.js").Id} Id */
/** @typedef {import("./types.js").LiveQuery} Query */
/** @typedef {import("./types.js").Change} Change */
/** @typedef {import("./types.js").Snapshot} Snapshot */
/** @typedef {import("./types.js").SafeOptions} SafeOptions */
/** @typedef {import("./outbox.js").Write} Write */

/** A page is read again at most once in this time, and changes are gathered for this long before, in milliseconds. */
const pause = 200;
const gather = 20;

/** @param {any[]} rows @param {any} id */
const byId = (rows, id) => rows.find((row) => same(row.id, id));

/** An item as a write would leave it; undefined where there is none then. @param {Write} write @param {any} before @returns {any} */
function foresee({ verb, id, body }, before) {
  if (verb === "POST") return { ...body, id };
  if (verb === "PUT") return { ...body, id: before?.id ?? id };
  if (verb === "PATCH" && before) return Array.isArray(body) ? (patched(before, body) ?? before) : merge(before, body);
}

/**
 * The present result of a query.
 *
 * What the server answered last (`base`) is kept up to date by the changes that the subscription to the query's filters
 * brings. Where all that matches is in `base`, that is enough. Where it is one page of many, a change that moves
 * items over the page's borders shows as far as the page knows, and the page is read again: so the last thing that
 * happened to the page was either a change that its borders do not depend on, or a read that was sent after it. Over
 * `base` lie the writes that have no answer yet, and those whose answer has come before their change.
 *
 * @template {object} T
 * @param {import("./client.js").Parts} parts
 * @param {string} name of the collection
 * @param {Query} [query]
 * @returns {import("./types.js").Live<T>}
 */
export function createLive({ connection, subscriptions, outbox }, name, query = {}) {
  // The query as it is now: whose object it is may change it. Changes come whole, and so do items.
  /** @type {import("./types.js").Query} */
  const { fields, ...wire } = JSON.parse(JSON.stringify(query));
  const order = orderOf(wire.sort);
  /** @type {(item: any) => boolean} */
  let matches = () => false;
  try {
    matches = matcher(wire.filters);
  } catch {} // the server says what is wrong with them
  const limit = Number(wire.limit ?? 50);
  const first = Number(wire.page ?? 1) === 1 && wire.after == null;
  const counted = wire.total !== false;

  const listeners = /** @type {Listeners<{ show(): void }>} */ (new Listeners());
  /** @type {any[]} */
  let base = [];
  /** @type {number | undefined} */
  let total;
  let loaded = false;
  /** Whether all that matches is in base. */
  let whole = false;
  /** @type {import("./error.js").AckbaseError | undefined} */
  let error;
  /** @type {ReturnType<typeof subscriptions.watch> | undefined} */
  let watch;
  /** @type {(() => void) | undefined} ends the read under way */
  let reading;
  /** The changes since that read was sent. @type {Change[]} */
  let fresh = [];
  let again = false;
  let reads = 0;
  let lastRead = 0;
  /** Whether base may lack something that no change will tell. */
  let behind = false;
  /** Takes back the read that is to come. @type {(() => void) | undefined} */
  let due;
  /** Writes that were answered, but are not in base yet. @type {{ id: Id, item: any, rev?: string, cursor?: string, created: boolean, read: number }[]} */
  let answered = [];
  /** Revisions and cursors heard while writes were under way. @type {Set<string | undefined>} */
  const heard = new Set();
  let refreshing = false;
  /** @type {Snapshot} */
  let snapshot = /** @type {any} */ ({ items: [] });

  /** Whether the page's borders are wide enough for an item. @param {any[]} rows @param {any} item */
  const inside = (rows, item) => whole || (rows.length > 0 ? (first || order(item, rows[0]) > 0) && order(item, rows.at(-1)) < 0 : first);

  /** @param {any[]} rows without the item @param {any} item */
  const insert = (rows, item) => {
    const at = rows.findIndex((row) => order(item, row) < 0);
    return at < 0 ? [...rows, item] : [...rows.slice(0, at), item, ...rows.slice(at)];
  };

  /** Takes a change into base. Tells whether the page must be read again. @param {Change} change */
  function place({ type, id, item: after }) {
    const item = type === "DELETED" ? undefined : after;
    if (type === "MODIFIED" && !item) return true; // somebody else on this socket asked for patches
    const before = byId(base, id);
    const rows = base.filter((row) => row !== before);
    if (before && item && !order(before, item)) {
      base = base.map((row) => (row === before ? item : row));
      return false;
    }
    if (whole) {
      base = item ? insert(rows, item) : rows;
      if (counted) total = base.length;
      return base.length > 2 * limit; // it would grow without end
    }
    const fits = item && inside(base, item);
    if (before || fits) {
      base = fits ? insert(rows, item).slice(0, limit) : rows;
      return true;
    }
    // An item of another page. Its coming or going moves the count, and the pages behind it.
    if (type !== "MODIFIED") return counted || !first || base.length < limit;
    return !first && !!wire.sort;
  }

  /** Whether base shows what a write made. @param {Id} id @param {any} item */
  function reflected(id, item) {
    const now = byId(base, id);
    if (!item) return loaded && !now;
    return now ? equal(now, item) : loaded && !matches(item);
  }

  /** What is done about what it hears of. @type {import("./subscriptions.js").Watcher & import("./connection.js").Listener & import("./outbox.js").Listener} */
  const ears = {
    onChange(change) {
      const { id, rev, prev, cursor, item, type } = change;
      const waiting = outbox.of(name);
      if (!waiting.length || heard.size > 5000) heard.clear();
      if (waiting.length) heard.add(cursor).add(rev);
      // Of two writes that were answered, the change of the first says nothing of the second, a DELETE, which has no revision.
      const ours = answered.some((a) => a.rev === rev);
      answered = answered.filter((a) => !same(a.id, id) || (a.rev !== rev && (ours || a.rev !== prev) && a.cursor !== cursor));
      if (type === "ADDED") {
        // Our own, where the answer was lost with a connection and this came before it is given again.
        const ours = waiting.find((w) => w.temporary && w.sent && w.shown === undefined && equal({ ...w.body, id }, item));
        if (ours) ours.shown = id;
      }
      if (reading) fresh.push(change);
      if (loaded && place(change)) readSoon();
      refreshSoon();
    },
    onGap() {
      behind = true;
      read();
    },
    onState: refreshSoon,
    onError: fail,
    onConnect: refreshSoon,
    onDisconnect: refreshSoon,
    onWrites: (collection) => collection === name && refresh(),
    onAnswer(write, result, { rev, cursor, created = false }) {
      if (write.collection !== name || Array.isArray(result)) return;
      const item = write.verb === "DELETE" ? undefined : result;
      const { id } = item ?? write;
      // The answer to a write comes before its change, unless both were on their way when a connection broke.
      if (!result || heard.has(rev) || (!item && heard.has(cursor)) || (reflected(/** @type {Id} */ (id), item) && !answered.some((a) => same(a.id, id)))) return;
      answered.push({ id: /** @type {Id} */ (id), item, rev, cursor, created: created || write.verb === "POST", read: reads + 1 });
      // Its change comes for sure if it was made just now, and nothing that is read meanwhile holds it already.
      if (!whole || reading || write.retried || !watch?.isLive()) readSoon();
    },
  };

  /** @param {import("./error.js").AckbaseError} fault */
  function fail(fault) {
    error = fault;
    watch?.leave();
    watch = undefined;
    refresh();
  }

  /** @param {string} [since] */
  function join(since) {
    watch = subscriptions.watch(name, null, wire.filters, ears, since);
    behind = !watch.exact;
  }

  function readSoon(wait = Math.max(gather, pause - (Date.now() - lastRead))) {
    if (reading) again = true;
    else due ??= later(read, wait);
  }

  function read() {
    reading?.();
    due?.();
    due = undefined;
    again = false;
    fresh = [];
    const turn = ++reads;
    reading = connection.call("GET", [name, wire], (fault, result, meta) => {
      reading = undefined;
      lastRead = Date.now();
      if (fault) return fail(fault);
      error = undefined;
      base = result;
      total = meta.total ?? undefined;
      whole = first && result.length >= (total ?? (result.length < limit ? 0 : Infinity));
      loaded = true;
      behind = false;
      for (const change of fresh) again = place(change) || again;
      // What was answered before this was asked is in it.
      answered = answered.filter((a) => a.read > turn && !reflected(a.id, a.item));
      if (!watch) join(meta.cursor);
      if (behind || again) readSoon(behind ? 0 : undefined);
      refresh();
    });
  }

  /** @returns {[any[], number | undefined]} what shows now, and how many there are in all */
  function compose() {
    let rows = base;
    let count = total;
    /** @param {Id | undefined} id @param {any} item @param {any} before @param {boolean | undefined} isNew */
    const lay = (id, item, before, isNew) => {
      const shows = item && matches(item);
      if (before || shows) rows = rows.filter((row) => !same(row.id, id));
      if (shows && (inside(base, item) || (before && !order(before, item)))) rows = insert(rows, item);
      // What is not on this page may be on another one, and is counted then.
      if (count !== undefined && (before || whole || isNew)) count += +!!shows - +!!before;
    };
    for (const { id, item, created } of answered) lay(id, item, byId(rows, id), created);
    for (const write of outbox.of(name)) {
      if (write.shown !== undefined || write.id === undefined) continue;
      const before = byId(rows, write.id);
      lay(write.id, foresee(write, before), before, write.verb === "POST");
    }
    return [rows.slice(0, limit), count];
  }

  /** @returns {import("./types.js").Status} */
  function status() {
    if (error) return "error";
    if (!connection.socket.connected) return connection.isLost() || loaded ? "offline" : "connecting";
    if (!loaded) return "connecting";
    return watch?.isLive() && !behind ? "live" : "stale";
  }

  /** Makes the snapshot anew, of what is the same in it, and tells where it differs. */
  function refresh() {
    refreshing = false;
    const [rows, count] = compose();
    const old = new Map(snapshot.items.map((item) => [String(item.id), item]));
    let items = rows.map((row) => {
      const shown = old.get(String(row.id));
      return equal(row, shown) ? shown : row;
    });
    if (items.length === snapshot.items.length && items.every((item, i) => item === snapshot.items[i])) items = /** @type {any[]} */ (snapshot.items);
    const next = { items, status: status(), error, total: count, pending: outbox.of(name).length };
    if (Object.entries(next).every(([name, value]) => value === /** @type {any} */ (snapshot)[name])) return;
    snapshot = next;
    listeners.tell("show");
  }
  refresh();

  function refreshSoon() {
    if (refreshing) return;
    refreshing = true;
    queueMicrotask(() => refreshing && refresh());
  }

  function start() {
    connection.listeners.add(ears);
    outbox.listeners.add(ears);
    // What others of this page watch already is joined before the read, so that nothing is between them.
    if (subscriptions.has(name, wire.filters)) join();
    read();
    refresh();
  }

  function end() {
    connection.listeners.delete(ears);
    outbox.listeners.delete(ears);
    watch?.leave();
    reading?.();
    due?.();
    watch = reading = due = undefined;
    answered = [];
    refresh();
  }

  return {
    getSnapshot: () => snapshot,
    get status() {
      return snapshot.status;
    },
    subscribe(listener) {
      // One function may subscribe twice. What one does that is told may be shown before the next is: never the older last.
      const own = { show: () => listener(snapshot) };
      if (listeners.size === 0) start();
      listeners.add(own);
      listener(snapshot);
      return () => {
        if (listeners.delete(own) && listeners.size === 0) end();
      };
    },
    reload: () => {
      error = undefined;
      if (listeners.size) read();
      refresh();
    },

    ...createWrites((verb, id, body, options) => outbox.add(name, verb, id, body, options)),
  };
}
