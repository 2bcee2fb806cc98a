/**
 * The demo page: one collection, live in every tab.
 */
import { metaOf } from "../client/ackbase.js";
import { connect, loadClient } from "./connection.js";
import { createEditor } from "./editor.js";
import { element, make } from "./element.js";
import { createFeed } from "./feed.js";
import { listenToRows, markItem, showItems } from "./list.js";
import { notify, notifyFault } from "./notices.js";
import { showChange, showGap } from "./stream.js";
import { clearTools, learnCategories, listenToPager, listenToTools, showPages, showView } from "./toolbar.js";
import { filtersOf, readAddress, writeAddress } from "./view.js";
import { nameOf, sentence } from "./words.js";

/** @typedef {import("./feed.js").Item} Item */
/** @typedef {import("./view.js").View} View */

const usual = document.documentElement.dataset.collection ?? "items";
const banner = element("banner");
const connection = element("state");
const connectButton = element("connect", HTMLButtonElement);
const table = element("table");
const empty = element("empty");
const emptyTitle = element("empty-title");
const emptyText = element("empty-text");
const emptyDo = element("empty-do", HTMLButtonElement);

let view = readAddress(location.search, usual);

/** Items that came by, so that a change can be told as "from … to …". The oldest go first. @type {Map<string, Item>} */
const known = new Map();
const mostKnown = 2000;
/** @param {Item} item */
function learn(item) {
  known.delete(String(item.id));
  known.set(String(item.id), item);
  if (known.size > mostKnown) known.delete(/** @type {string} */ (known.keys().next().value));
}

/** Revisions of this tab's own changes, and the ids that it deleted: their acks come before their events. @type {Set<string>} */
const own = new Set();

/** @param {string} title @param {string} text @param {string} [action] @param {() => void} [act] */
function showEmpty(title, text, action = "", act = () => {}) {
  table.hidden = true;
  empty.hidden = false;
  emptyTitle.textContent = title;
  emptyText.replaceChildren(...text.split("`").map((part, i) => (i % 2 === 1 ? make("code", "", part) : part)));
  emptyDo.textContent = action;
  emptyDo.hidden = action === "";
  emptyDo.onclick = act;
}

/** @param {Error} error */
function cannotStart(error) {
  element("state-text").textContent = "Not connected";
  connection.dataset.state = document.body.dataset.state = "failed";
  showEmpty("The page cannot start yet", error.message, "Reload", () => location.reload());
  element("items").setAttribute("aria-busy", "false");
}

/** @param {typeof import("socket.io-client")} client */
function start(client) {
  /** @type {import("./connection.js").State} */
  let state = { name: "connecting", text: "Connecting…", banner: "" };
  /** @type {import("./feed.js").Status} */
  let status = "connecting";
  /** Says how far what is shown can be trusted: what the connection is, and whether the list has caught up on it. */
  const tell = () => {
    const behind = state.name === "live" && status === "stale";
    connection.dataset.state = document.body.dataset.state = behind ? "connecting" : state.name;
    element("state-text").textContent = behind ? "Catching up…" : state.text;
    banner.textContent = state.banner;
    banner.hidden = state.banner === "";
    connectButton.hidden = false;
    element("connect-text").textContent = state.name === "away" ? "Go online" : "Go offline";
  };
  const socket = connect(client, (now) => {
    state = now;
    tell();
  });

  const feed = createFeed(socket, view.collection, {
    onPage(items, place, marks) {
      if (view.page > place.pages) return look({ page: place.pages });
      // What is known already is kept up to date by the changes; here this tab's writes show before they are done.
      for (const item of items) if (!known.has(String(item.id))) learn(item);
      learnCategories(items);
      const filtered = filtersOf(view) !== undefined;
      showItems(items, marks);
      showPages(place, items.length, filtered);
      table.hidden = items.length === 0;
      empty.hidden = items.length > 0;
      if (items.length > 0) return;
      if (filtered) showEmpty("Nothing matches", "No item has all of what you asked for.", "Clear the filter", clear);
      else showEmpty(`${view.collection} is empty`, "Add the first item here, or start the server with --seed catalogue for a shop full of them.", "Add item", editor.add);
    },
    onChange(change, marks) {
      const id = String(change.id);
      const before = known.get(id);
      const mark = change.type === "DELETED" ? `deleted ${id}` : change.rev;
      // Over polling an ack and its event can come in one answer: the ack's promise first needs its turn.
      setTimeout(() => showChange(change, before, own.delete(mark)));
      if (change.type === "DELETED") known.delete(id);
      else learn(change.item);
      markItem(id, marks);
    },
    onGap() {
      known.clear();
      showGap();
    },
    onStatus(now) {
      status = now;
      tell();
    },
    onFault(error) {
      element("items").setAttribute("aria-busy", "false");
      if (!socket.connected) return; // the banner says it
      if (table.hidden || known.size === 0) showEmpty("The list cannot be shown", sentence(error), "Try again", feed.reload);
      else notifyFault(error, "Reading the list");
    },
  });

  /** Does a write, and remembers it as this tab's. @type {typeof feed.write} */
  const write = async (act) => {
    const result = await feed.write(act);
    const { rev } = metaOf(result);
    if (rev) own.add(rev);
    if (own.size > 500) own.clear(); // no-ops make no event
    return result;
  };
  const editor = createEditor({ ...feed, write });

  /** @param {Item} item */
  const remove = async (item) => {
    try {
      const done = await feed.write((writes, options) => writes.remove(item.id, options));
      if (!done) return notify(`${nameOf(item)} was deleted by somebody else already.`);
      own.add(`deleted ${item.id}`);
      notify(`${nameOf(item)} is deleted.`, {
        action: "Undo",
        act: async () => {
          try {
            await write((writes, options) => writes.replace(item, { ...options, ifMatch: null }));
          } catch (error) {
            notifyFault(error, `Bringing back ${nameOf(item)}`);
          }
        },
      });
    } catch (error) {
      notifyFault(error, `Deleting ${nameOf(item)}`);
    }
  };

  /** Looks at the collection in another way. @param {Partial<View>} change */
  function look(change) {
    view = { ...view, ...change };
    history.replaceState(null, "", writeAddress(view, location.search, usual));
    showView(view);
    feed.show(view);
  }
  function clear() {
    clearTools();
    look({ search: "", category: "", from: null, to: null, page: 1 });
  }

  listenToTools(look);
  listenToPager((step) => look({ page: view.page + step }));
  listenToRows({ edit: editor.edit, remove });
  element("add").addEventListener("click", editor.add);
  connectButton.addEventListener("click", () => (state.name === "away" ? socket.connect() : socket.disconnect()));

  feed.show(view);
}

element("collection").textContent = view.collection;
document.title = `${view.collection} · ackbase`;
table.setAttribute("aria-label", `Items of ${view.collection}`);
showView(view);
loadClient().then(start, cannotStart);
