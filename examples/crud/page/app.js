/**
 * Two clients of one server, and all that they say.
 */
import { createHelpers } from "/client/ackbase.js";
import { element, make } from "/page/element.js";
import { showState } from "/page/lamp.js";
import { io } from "/socket.io/socket.io.esm.min.js";
import { keepItems } from "./items.js";
import { createCalls } from "./stock.js";
import { clear, say, tap } from "./wire.js";

const collection = "items";
const mostShown = 8;
const template = element("client", HTMLTemplateElement);
const live = { c1: false, c2: false };

/** An id as a person types it: a number where it looks like one. @param {string} text */
const idOf = (text) => (/^[1-9]\d{0,15}$/.test(text) ? Number(text) : text);

/** @param {"c1" | "c2"} name @param {string} title */
function createClient(name, title) {
  const panel = /** @type {HTMLElement} */ (/** @type {DocumentFragment} */ (template.content.cloneNode(true)).firstElementChild);
  for (const part of panel.querySelectorAll("[id], [for], [aria-labelledby], [aria-describedby]")) {
    for (const attribute of ["id", "for", "aria-labelledby"]) if (part.hasAttribute(attribute)) part.setAttribute(attribute, `${name}-${part.getAttribute(attribute)}`);
  }
  panel.setAttribute("aria-labelledby", `${name}-title`);
  element("clients").append(panel);
  element(`${name}-title`).textContent = title;
  const form = element(`${name}-form`, HTMLFormElement);
  const result = element(`${name}-result`);
  const code = element(`${name}-code`);
  const id = element(`${name}-id`, HTMLInputElement);
  const label = element(`${name}-name`, HTMLInputElement);

  const socket = io({ forceNew: true, reconnectionDelay: 300, reconnectionDelayMax: 3000 });
  const tapped = tap(socket, name);
  const apis = { stock: createCalls(tapped), helpers: createHelpers(tapped) };

  const tell = () => {
    element(`${name}-state`).textContent = socket.connected ? "connected" : "not connected";
    live[name] = socket.connected;
    showState(live.c1 && live.c2 ? "live" : "connecting");
  };
  socket.on("connect", tell);
  socket.on("disconnect", tell);
  keepItems(socket, collection, {
    heard: ({ type, id }) => say(name, "event", `${type} ${id}`),
    changed(items) {
      const rows = items.slice(-mostShown).map((item) => {
        const row = make("li");
        row.append(make("b", "", String(item.id)), make("span", "", String(item.name ?? "")));
        row.dataset.id = String(item.id);
        return row;
      });
      element(`${name}-items`).replaceChildren(...rows);
      element(`${name}-more`).textContent = items.length > mostShown ? `and ${items.length - mostShown} before them` : "";
      element(`${name}-fault`).hidden = true;
    },
    refused({ code, message }) {
      element(`${name}-fault`).textContent = `The server does not tell what changes: ${code}, ${message}. It is asked again.`;
      element(`${name}-fault`).hidden = false;
    },
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const verb = /** @type {HTMLButtonElement} */ (/** @type {SubmitEvent} */ (event).submitter).value;
    const way = document.querySelector("input[name=way]:checked");
    const mode = way instanceof HTMLInputElement && way.value === "helpers" ? "helpers" : "stock";
    const api = apis[mode];
    const item = { id: idOf(id.value.trim()), name: label.value.trim() };
    const { name: named } = item;
    /** The call, and how it reads on socket.io-client alone. @type {Record<string, [() => Promise<any>, string, string]>} */
    const calls = {
      getItem: [() => api.getItem(item.id, collection), `getItem(${JSON.stringify(item.id)}, "items")`, `"GET", "items", ${JSON.stringify(item.id)}`],
      getItems: [() => api.getItems({ limit: 3, sort: "-id" }, collection), 'getItems({ limit: 3, sort: "-id" }, "items")', '"GET", "items", { limit: 3, sort: "-id" }'],
      postItem: [() => api.postItem({ name: named }, collection), `postItem({ name: ${JSON.stringify(named)} }, "items")`, `"POST", "items", { name: ${JSON.stringify(named)} }`],
      putItem: [() => api.putItem(item, collection), `putItem(${JSON.stringify(item)}, "items")`, `"PUT", "items", ${JSON.stringify(item)}`],
      patchItem: [() => api.patchItem(item, collection), `patchItem(${JSON.stringify(item)}, "items")`, `"PATCH", "items", ${JSON.stringify(item)}`],
      deleteItem: [() => api.deleteItem(item.id, collection), `deleteItem(${JSON.stringify(item.id)}, "items")`, `"DELETE", "items", ${JSON.stringify(item.id)}`],
    };
    const [call, helped, plain] = /** @type {[() => Promise<any>, string, string]} */ (calls[verb]);
    code.textContent = mode === "helpers" ? `await ${helped}` : `socket.emit(${plain}, (result) => { … })`;
    try {
      const value = await call();
      result.removeAttribute("data-fault");
      result.textContent = value === undefined ? "there is no such item" : JSON.stringify(value);
    } catch (fault) {
      result.dataset.fault = "";
      result.textContent = /** @type {Error} */ (fault).message;
    }
  });
}

element("clear").addEventListener("click", clear);
createClient("c1", "Client 1");
createClient("c2", "Client 2");
