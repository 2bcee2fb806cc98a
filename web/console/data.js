/**
 * The view of the data: collections, what of one is looked at, and the item that is open.
 */
import { element } from "../page/element.js";
import { createBrowse } from "./browse.js";
import { createItem } from "./item.js";
import { createShelf } from "./shelf.js";

/** @typedef {import("./route.js").Route} Route */
/** @typedef {Extract<Route, { view: "data" }>} DataRoute */

/**
 * @param {import("socket.io-client").Socket} socket
 * @param {(route: Route, instead?: boolean) => void} go
 */
export function createData(socket, go) {
  /** @type {DataRoute} */
  let route = { view: "data", collection: "", query: {} };
  let shown = false;

  const shelf = createShelf({
    open: (name) => go({ view: "data", collection: name, query: {} }),
    known(names) {
      const [first] = names;
      if (shown && route.collection === "" && first !== undefined) go({ ...route, collection: first }, true);
    },
  });
  const browse = createBrowse(socket, {
    ask: (query) => go({ view: "data", collection: route.collection, query }),
    open: (id) => go({ ...route, id: String(id) }),
  });
  const item = createItem(socket, {
    closed() {
      const { id, tab, ...list } = route;
      if (shown && id !== undefined) go(list);
    },
    changed() {
      browse.refresh();
      shelf.start();
    },
    /** @param {"history" | undefined} tab */
    turned(tab) {
      if (route.id === undefined) return;
      const { tab: before, ...rest } = route;
      if (before !== tab) go(tab ? { ...rest, tab } : rest, true);
    },
  });
  element("again").addEventListener("click", () => browse.refresh());
  element("new").addEventListener("click", () => item.add(route.collection));
  document.addEventListener("visibilitychange", () => shown && !document.hidden && browse.refresh());

  return {
    /** @param {DataRoute} next */
    show(next) {
      route = next;
      shown = true;
      shelf.mark(route.collection);
      shelf.start();
      element("data-title").textContent = route.collection || "Choose a collection";
      element("data-acts").hidden = route.collection === "";
      if (route.collection !== "") browse.show(route.collection, route.query);
      if (route.id === undefined) item.close();
      else item.open(route.collection, route.id, route.tab);
    },
    hide() {
      shown = false;
      shelf.stop();
      item.close(true);
    },
    /** After a connection. */
    resume() {
      if (shown) browse.refresh();
    },
  };
}
