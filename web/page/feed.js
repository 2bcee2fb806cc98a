/**
 * The live collection: one subscription to all its changes, one to the present filter, and the page of items that
 * is read again whenever one of them could have changed it.
 */
import { AckbaseError, request } from "../client/ackbase.js";
import { filtersOf, queryOf } from "./view.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("../client/ackbase.js").Id} Id */
/** @typedef {import("../client/ackbase.js").Meta} Meta */
/** @typedef {{ id: Id, [field: string]: unknown }} Item */
/** @typedef {{ op: string, path: string, value?: unknown, from?: string }} Operation */
/**
 * @typedef {{ type: "ADDED" | "MODIFIED" | "DELETED", room: string, collection: string, id: Id, rev: string,
 *   cursor: string, time: string, reason?: string, by?: string, item?: Item, patch?: Operation[] }} Change
 */
/** What changed on the page since it was last read: by the id's text. @typedef {Map<string, Change["type"]>} Marks */

/** The page is read at most once in this time (ms), however many changes there are. */
const pause = 200;

/**
 * @param {import("socket.io-client").Socket} socket
 * @param {{
 *   onPage(items: Item[], meta: Meta, marks: Marks): void,
 *   onChange(change: Change): void,
 *   onLeave(id: Id): void,
 *   onFault(error: unknown): void,
 * }} hear
 */
export function createFeed(socket, hear) {
  /** @type {View | undefined} */
  let view;
  let allRoom = "";
  let shownRoom = "";
  /** @type {string | undefined} the filter that is subscribed to, as JSON */
  let held;
  let wish = 0; // counts what was asked for, so that an answer that came too late is known
  let reading = false;
  let again = false;
  let timer = 0;
  /** @type {Marks} */
  let marks = new Map();

  /** @param {Change} change */
  const hearChange = (change) => {
    if (change.room === allRoom) hear.onChange(change);
    if (change.room !== shownRoom) return;
    marks.set(String(change.id), change.type);
    if (change.type === "DELETED") hear.onLeave(change.id);
    readSoon();
  };
  socket.on("ADDED", hearChange);
  socket.on("MODIFIED", hearChange);
  socket.on("DELETED", hearChange);

  function readSoon() {
    if (reading) again = true;
    else if (!timer) timer = window.setTimeout(read, 30);
  }

  async function read() {
    clearTimeout(timer);
    timer = 0;
    if (!view || !socket.connected) return;
    reading = true;
    again = false;
    const asked = wish;
    const seen = marks;
    marks = new Map();
    try {
      const { result, meta } = await request(socket, "GET", [view.collection, queryOf(view)]);
      if (asked === wish) hear.onPage(result, meta, seen);
    } catch (error) {
      if (asked === wish) hear.onFault(error);
    } finally {
      reading = false;
      // A later wish is read at once, further changes after a while.
      if (asked !== wish) read();
      else if (again) timer = window.setTimeout(read, pause);
    }
  }

  /** Subscribes to what the view shows, where that is another filter than before, and reads its page. */
  async function follow() {
    if (!view || !socket.connected) return;
    const { collection } = view;
    const filters = filtersOf(view);
    const wanted = filters && JSON.stringify(filters);
    const asked = ++wish;
    if (wanted !== held) {
      // Sent in this order on one socket, so the page that is read below has everything before the first event.
      if (held) request(socket, "UNSUBSCRIBE", [collection, null, { filters: JSON.parse(held) }]).catch(hear.onFault);
      held = wanted;
      shownRoom = allRoom;
      if (filters) {
        shownRoom = "";
        request(socket, "SUBSCRIBE", [collection, null, { filters }]).then(({ meta }) => {
          if (held === wanted) shownRoom = meta.room ?? "";
        }, hear.onFault);
      }
    }
    marks = new Map();
    if (!reading) await read();
  }

  return {
    /** Shows a view from now on. @param {View} next */
    show(next) {
      view = next;
      return follow();
    },

    /** After a connection: subscribes anew, since the server forgot this socket, and reads what was missed. */
    async resume() {
      if (!view) return;
      held = undefined;
      allRoom = shownRoom = "";
      try {
        // The patch says what changed; the items themselves are read with the page.
        const { meta } = await request(socket, "SUBSCRIBE", [view.collection, null, { patch: true }]);
        allRoom = meta.room ?? "";
        shownRoom = allRoom;
      } catch (error) {
        hear.onFault(error);
        return;
      }
      await follow();
    },

    /**
     * Does one verb, at once or not at all: a write must not lie about until the connection is back.
     * @param {string} verb @param {unknown[]} args @returns {Promise<{ result: any, meta: Meta }>}
     */
    async act(verb, ...args) {
      if (!view || !socket.connected) {
        throw new AckbaseError({ code: "UNAVAILABLE", status: 503, message: "there is no connection to the server now, so nothing was saved; try again when the page is live" });
      }
      return request(socket, verb, [view.collection, ...args]);
    },
  };
}
