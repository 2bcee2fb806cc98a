/**
 * The stream of changes: what happened to the collection, newest on top, from this tab or another.
 */
import { element, make } from "./element.js";
import { brief, differences, nameOf, price } from "./words.js";

/** @typedef {import("./feed.js").Change} Change */
/** @typedef {import("./feed.js").Item} Item */

const most = 100; // entries; older ones go
const panel = element("stream");
const log = element("log");
const hush = element("hush");
const tally = element("tally");
const latest = element("latest");
const pull = element("pull");
const drawer = element("drawer", HTMLButtonElement);
const clear = element("clear", HTMLButtonElement);

const signs = { ADDED: "+", MODIFIED: "~", DELETED: "−" };
let total = 0;

/** @type {HTMLElement[]} entries that wait for the next frame, oldest first */
let waiting = [];

function flush() {
  // A screenful at a time is all that can be seen, or read out, of a burst.
  const fresh = waiting.slice(-most).reverse();
  waiting = [];
  log.prepend(...fresh);
  while (log.children.length > most) log.lastElementChild?.remove();
  tally.textContent = String(total);
  hush.hidden = true;
  log.tabIndex = 0; // it scrolls, so it must be reached by keyboard
  clear.disabled = false;
}

/** @param {HTMLElement} entry */
function add(entry) {
  waiting.push(entry);
  if (waiting.length > 2 * most) waiting = waiting.slice(-most);
  // A hidden tab gets no frames.
  if (document.hidden) flush();
  else if (waiting.length === 1) requestAnimationFrame(() => waiting.length > 0 && flush());
}

/** @param {string} field @param {unknown} value */
const shown = (field, value) => (field === "rrp" ? price(value) : brief(value));

/**
 * @param {Change} change
 * @param {Item | undefined} before the item as this page knew it
 * @param {boolean} own whether this tab made the change
 */
export function showChange(change, before, own) {
  total += 1;
  const entry = make("div", "change");
  entry.dataset.type = change.type;
  const name = nameOf(change.item, change.id);

  const sign = make("span", "sign", signs[change.type]);
  sign.setAttribute("aria-hidden", "true");
  const head = make("p", "head");
  const time = make("time", "", new Date(change.time).toLocaleTimeString());
  time.dateTime = change.time;
  head.append(make("span", "type", change.type), " ", make("span", "ident", `id ${change.id}`), " ", time);
  if (own) head.append(" ", make("span", "own", "this tab"));
  const text = make("div", "said");
  text.append(head, make("p", "subject", name));
  const fields = differences(change, before);
  if (change.type === "ADDED" || (change.type === "MODIFIED" && fields.length === 0)) {
    const { category, rrp } = change.item;
    const gist = [brief(category, 40), price(rrp)].filter((word) => word !== "").join(" · ");
    if (gist) text.append(make("p", "gist", gist));
  }
  if (fields.length > 0) {
    const list = make("ul", "fields");
    for (const { field, before: old, after } of fields.slice(0, 6)) {
      const line = make("li");
      line.append(make("b", "", field), " ");
      if (old !== undefined) line.append(make("del", "", shown(field, old)), " ");
      if (after !== undefined) line.append(make("ins", "", shown(field, after)));
      else line.append(make("span", "gone", "removed"));
      list.append(line);
    }
    if (fields.length > 6) list.append(make("li", "", `and ${fields.length - 6} more`));
    text.append(list);
  }
  if (change.reason) text.append(make("p", "reason", `“${change.reason}”`));
  entry.append(sign, text);
  latest.textContent = `${signs[change.type]} ${name}`;
  add(entry);
}

/** Says that changes are missing here, since the server's log did not reach back to when the connection broke. */
export function showGap() {
  const entry = make("div", "gap", "Back after a long while. What changed meanwhile is in the list, not in this stream.");
  add(entry);
}

clear.addEventListener("click", () => {
  log.replaceChildren();
  waiting = [];
  total = 0;
  tally.textContent = "0";
  latest.textContent = "No change yet";
  hush.hidden = false;
  log.removeAttribute("tabindex");
  clear.disabled = true;
});

drawer.addEventListener("click", () => {
  const open = drawer.getAttribute("aria-expanded") !== "true";
  drawer.setAttribute("aria-expanded", String(open));
  pull.textContent = open ? "Hide" : "Show";
  panel.toggleAttribute("data-open", open);
});
