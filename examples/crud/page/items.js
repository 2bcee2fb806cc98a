/**
 * The items of a collection, kept up to date on socket.io-client alone: a snapshot, then the changes, and after a lost connection
 * what was missed.
 */

/** @typedef {import("/socket.io/socket.io.esm.min.js").Socket} Socket */
/** @typedef {{ id: number | string, [field: string]: unknown }} Item */
/** @typedef {{ type: string, id: number | string, item: Item, cursor: string }} Change */
/** @typedef {{ code: string, status: number, message: string, details?: any }} Refusal */

/** After how long it is asked again where the server has refused to tell, in milliseconds. */
const pause = 2000;

/**
 * @param {Socket} socket @param {string} collection
 * @param {{ changed: (items: Item[]) => void, heard: (change: Change) => void, refused: (error: Refusal) => void }} listener
 *   refused: what `changed` told last is not kept up to date until it tells again
 */
export function keepItems(socket, collection, { changed, heard, refused }) {
  /** @type {Map<string, Item>} */
  let items = new Map();
  /** Up to where the items are known; nothing before there is a snapshot. */
  let cursor = "";
  /** Whether the server has said that it tells. */
  let subscribed = false;
  /** How often it was asked: an answer to an earlier time is not waited for any more. */
  let asked = 0;

  const subscribe = () => {
    const turn = ++asked;
    subscribed = false;
    const options = cursor ? { since: cursor } : { snapshot: true };
    socket.emit("SUBSCRIBE", collection, options, (/** @type {any} */ result, /** @type {Refusal | null} */ error) => {
      if (turn !== asked) return;
      if (error?.code === "GONE") {
        cursor = "";
        subscribe();
      } else if (error) {
        refused(error);
        setTimeout(() => {
          if (turn === asked && socket.connected) subscribe(); // else it is asked on connection
        }, error.details?.retryAfter ?? pause);
      } else {
        subscribed = true;
        if (result.items) {
          items = new Map(result.items.map((/** @type {Item} */ item) => [String(item.id), item]));
          cursor = result.cursor;
        }
        changed([...items.values()]);
      }
    });
  };
  socket.on("connect", () => {
    // A session that is recovered has its subscriptions, but not the answer that was on its way when the connection broke.
    if (!socket.recovered || !subscribed) subscribe();
  });
  socket.on("BOOKMARK", (mark) => {
    if (cursor) cursor = mark.cursor;
  });
  for (const type of ["ADDED", "MODIFIED", "DELETED"]) {
    socket.on(type, (/** @type {Change} */ change) => {
      heard(change);
      if (!cursor) return; // it is in the snapshot that comes
      cursor = change.cursor;
      if (type === "DELETED") items.delete(String(change.id));
      else items.set(String(change.id), change.item);
      changed([...items.values()]);
    });
  }
}
