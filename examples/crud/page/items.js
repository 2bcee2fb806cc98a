/**
 * The items of a collection, kept up to date on socket.io-client alone: a snapshot, then the changes, and after a lost connection
 * what was missed.
 */

/** @typedef {import("/socket.io/socket.io.esm.min.js").Socket} Socket */
/** @typedef {{ id: number | string, [field: string]: unknown }} Item */
/** @typedef {{ type: string, id: number | string, item: Item, cursor: string }} Change */

/**
 * @param {Socket} socket @param {string} collection
 * @param {{ changed: (items: Item[]) => void, heard: (change: Change) => void }} listener
 */
export function keepItems(socket, collection, { changed, heard }) {
  /** @type {Map<string, Item>} */
  let items = new Map();
  let cursor = "";

  const subscribe = () => {
    const options = cursor ? { since: cursor } : { snapshot: true };
    socket.emit("SUBSCRIBE", collection, options, (/** @type {any} */ result, /** @type {any} */ error) => {
      if (error?.code === "GONE") {
        cursor = "";
        subscribe();
        return;
      }
      if (!result) return;
      if (result.items) {
        items = new Map(result.items.map((/** @type {Item} */ item) => [String(item.id), item]));
        cursor = result.cursor;
      }
      changed([...items.values()]);
    });
  };
  socket.on("connect", () => {
    if (!socket.recovered) subscribe();
  });
  socket.on("BOOKMARK", (mark) => (cursor = mark.cursor));
  for (const type of ["ADDED", "MODIFIED", "DELETED"]) {
    socket.on(type, (/** @type {Change} */ change) => {
      cursor = change.cursor;
      if (type === "DELETED") items.delete(String(change.id));
      else items.set(String(change.id), change.item);
      heard(change);
      changed([...items.values()]);
    });
  }
}
