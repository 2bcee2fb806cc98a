/**
 * The shop: the products of a category over HTTP, and how often each was ordered, live.
 */
import { element, make } from "/page/element.js";
import { showState } from "/page/lamp.js";
import { bySocketIO, byWebSocket } from "./lines.js";
import { openShelf } from "./shelf.js";

/** @typedef {import("./shelf.js").Product} Product */
/** @typedef {import("./lines.js").Total} Total */

const category = element("category", HTMLSelectElement);
const products = element("products");
const form = element("add", HTMLFormElement);
const fields = /** @type {const} */ (["name", "rrp", "info"]);
const template = element("item", HTMLTemplateElement);

customElements.define(
  "product-item",
  class extends HTMLElement {
    constructor() {
      super();
      this.attachShadow({ mode: "open" }).append(template.content.cloneNode(true));
    }
  },
);

/** The latest totals of the category, as each way has told them. @type {Record<"websocket" | "socketio", Map<string, number>>} */
const totals = { websocket: new Map(), socketio: new Map() };

/** Puts a text into a slot of a product. @param {Element} item @param {string} slot @param {string} text */
function fill(item, slot, text) {
  let part = item.querySelector(`[slot="${slot}"]`);
  if (!part) {
    part = make("span", "");
    part.slot = slot;
    item.append(part);
  }
  if (part.textContent !== text) part.textContent = text;
}

/** @param {string} id */
const find = (id) => products.querySelector(`[data-id="${CSS.escape(id)}"]`);

/** @param {Product[]} list */
function showProducts(list) {
  const ids = new Set(list.map(({ id }) => id));
  for (const item of [...products.children]) if (!ids.has(item.getAttribute("data-id") ?? "")) item.remove();
  for (const [i, product] of list.entries()) {
    const item = find(product.id) ?? document.createElement("product-item");
    item.setAttribute("data-id", product.id);
    fill(item, "name", String(product.name));
    fill(item, "rrp", typeof product.rrp === "number" ? product.rrp.toFixed(2) : String(product.rrp));
    fill(item, "info", String(product.info));
    const total = totals[chosen()].get(product.id);
    if (total !== undefined) fill(item, "orders", String(total));
    if (products.children[i] !== item) products.insertBefore(item, products.children[i] ?? null); // else it keeps the focus
  }
  element("invitation").hidden = true;
  showCount();
}

function showCount() {
  const count = products.children.length;
  element("count").textContent = count === 1 ? "1 product" : `${count} products`;
}

/** @param {string} text */
function showFault(text) {
  element("fault").textContent = text;
  element("fault").hidden = text === "";
}

/** A total came by one of the two ways. @param {"websocket" | "socketio"} way @param {Total} message */
function hear(way, { id, total }) {
  const feed = element(way);
  feed.prepend(make("li", "", total === null ? `${id} gone` : `${id} → ${total}`));
  while (feed.children.length > 8) feed.lastElementChild?.remove();
  const news = totals[way].get(id) !== total;
  if (total === null) totals[way].delete(id);
  else totals[way].set(id, total);
  if (chosen() !== way) return;
  const item = find(id);
  if (total === null) {
    item?.remove();
    showCount();
    shelf?.drop(id);
    return;
  }
  if (!item) {
    shelf?.seek(id); // somebody added it
    return;
  }
  fill(item, "orders", String(total));
  if (!news) return;
  item.removeAttribute("data-fresh");
  void item.clientWidth; // so that the mark begins anew
  item.setAttribute("data-fresh", "");
}

const ways = { websocket: "WebSocket", socketio: "Socket.IO" };
const states = { websocket: false, socketio: false };

/** @returns {"websocket" | "socketio"} */
function chosen() {
  const radio = document.querySelector("input[name=way]:checked");
  return radio instanceof HTMLInputElement && radio.value === "socketio" ? "socketio" : "websocket";
}

function showWay() {
  const way = chosen();
  if (category.value === "") return;
  showState(states[way] ? "live" : "connecting", ways[way]);
}

/** @param {"websocket" | "socketio"} way @returns {import("./lines.js").Listener} */
const listener = (way) => ({
  hear: (message) => hear(way, message),
  state(live) {
    states[way] = live;
    if (live && way === chosen()) void shelf?.load(); // what was added or deleted meanwhile
    showWay();
  },
});

/** @type {ReturnType<typeof openShelf> | undefined} */
let shelf;
/** @type {(() => void)[]} */
let open = [];

function openCategory() {
  shelf?.close();
  for (const close of open) close();
  totals.websocket.clear();
  totals.socketio.clear();
  products.replaceChildren();
  element("count").textContent = "";
  showFault("");
  for (const way of Object.keys(ways)) element(way).replaceChildren();
  states.websocket = states.socketio = false;
  element("lines").hidden = element("adding-part").hidden = false;
  element("shelf").textContent = category.selectedOptions[0]?.textContent ?? "Products";
  shelf = openShelf(category.value, { show: showProducts, fault: showFault });
  void shelf.load();
  open = [byWebSocket(category.value, listener("websocket")), bySocketIO(category.value, listener("socketio"))];
}
for (const radio of document.querySelectorAll("input[name=way]")) radio.addEventListener("change", () => {
  showWay();
  void shelf?.load(); // fills in what this way has told
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
  if (!shelf || button.getAttribute("aria-busy") === "true") return;
  /** @type {Record<string, string>} */
  const payload = {};
  for (const field of fields) payload[field] = element(field, HTMLInputElement).value;
  payload.rrp = String(payload.rrp).replace(",", "."); // as many people write it
  button.setAttribute("aria-busy", "true");
  try {
    const on = shelf;
    await on.add(payload);
    form.reset();
    showMistakes([], "");
    if (on === shelf) element("name").focus();
  } catch (fault) {
    const { message, details } = /** @type {Error & { details?: { path: string, message: string }[] }} */ (fault);
    showMistakes(details ?? [], message);
  } finally {
    button.removeAttribute("aria-busy");
  }
});

/** Shows what is wrong where it is wrong; what belongs to no field, below them. @param {{ path: string, message: string }[]} mistakes @param {string} message */
function showMistakes(mistakes, message) {
  for (const field of fields) {
    const wrong = mistakes.find(({ path }) => path === `/${field}`);
    element(`${field}-wrong`).textContent = wrong?.message ?? "";
    element(field).setAttribute("aria-invalid", String(wrong !== undefined));
  }
  const first = fields.find((field) => mistakes.some(({ path }) => path === `/${field}`));
  if (first) element(first).focus();
  element("add-fault").textContent = first ? "" : message;
  element("add-fault").hidden = first !== undefined || message === "";
}

showState("connecting");
element("state-text").textContent = "Choose a category";
category.addEventListener("input", openCategory);
if (category.value !== "") openCategory(); // chosen while the page loaded, or before it was left
