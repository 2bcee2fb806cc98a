/**
 * The live collection: the items of the page, and every change, by the client's own `live` and `watch`.
 */
import { AckbaseError, createClient, metaOf } from "../client/ackbase.js";
import { queryOf } from "./view.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("../client/ackbase.js").Id} Id */
/** @typedef {import("../client/ackbase.js").Status} Status */
/** @typedef {{ id: Id, [field: string]: unknown }} Item */
/** @typedef {import("../client/ackbase.js").Change<Item>} Change */
/** Where in the collection the page is. @typedef {{ total: number, page: number, pages: number, limit: number }} Place */
/** What changed lately, by the id's text. @typedef {Map<string, Change["type"]>} Marks */

/** How long a write waits for its answer, and how long a change marks a row that has yet to come, in milliseconds. */
const patience = 10_000;
const fresh = 1000;

/**
 * @param {import("socket.io-client").Socket} socket
 * @param {string} name of the collection
 * @param {{
 *   onPage(items: readonly Item[], place: Place, marks: Marks): void,
 *   onChange(change: Change, marks: Marks): void,
 *   onGap(): void,
 *   onStatus(status: Status): void,
 *   onFault(error: unknown): void,
 * }} hear onGap: changes may be missing, since the server's log did not reach back
 */
export function createFeed(socket, name, hear) {
  const items = createClient(socket).collection(name);
  /** @type {import("../client/ackbase.js").Live<any> | undefined} */
  let live;
  let leave = () => {};
  /** @type {Marks} */
  const marks = new Map();

  /** @param {Change} change */
  const onChange = (change) => {
    const id = String(change.id);
    marks.set(id, change.type);
    setTimeout(() => marks.get(id) === change.type && marks.delete(id), fresh);
    hear.onChange(change, marks);
  };
  items.watch(null, /** @type {import("../client/ackbase.js").Handlers<any>} */ ({
    onAdded: onChange, onModified: onChange, onDeleted: onChange,
    onReset: hear.onGap,
    onError() {}, // the page's own query is refused as well, and says so
  }));

  return {
    /** Shows a view from now on. @param {View} view */
    show(view) {
      const before = leave;
      const query = items.live(queryOf(view));
      live = query;
      leave = query.subscribe(({ items: shown, total, status, error }) => {
        hear.onStatus(status);
        if (error) hear.onFault(error);
        else if (total !== undefined) { // it is known only when the first answer has come
          hear.onPage(/** @type {any} */ (shown), { total, page: view.page, pages: Math.max(1, Math.ceil(total / view.limit)), limit: view.limit }, marks);
        }
      });
      before(); // after the new one, so that what both watch is not left in between
    },

    /** Tries again after a fault. */
    reload: () => live?.reload(),

    /** The item as it is now, with its revision. @param {Id} id @returns {Promise<{ item: Item, rev: string | undefined }>} */
    async read(id) {
      const item = await items.get(id);
      if (!item) throw new AckbaseError({ code: "NOT_FOUND", status: 404, message: `there is no item ${id} any more` });
      return { item: /** @type {Item} */ (item), rev: metaOf(item).rev };
    },

    /**
     * Does a write, which shows at once. Without a connection it does not: a write of this page must not lie about
     * until there is one again.
     * @template T
     * @param {(writes: import("../client/ackbase.js").Live<any>, options: { timeout: number }) => Promise<T>} write
     * @returns {Promise<T>}
     */
    async write(write) {
      if (!live || !socket.connected) {
        throw new AckbaseError({ code: "UNAVAILABLE", status: 503, message: "there is no connection to the server now, so nothing was saved; try again when the page is live" });
      }
      return write(live, { timeout: patience });
    },
  };
}
