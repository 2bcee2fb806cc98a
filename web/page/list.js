/**
 * The table of items. Rows are kept by id and changed in place, so that focus, and the eye, stay where they are.
 */
import { element, make } from "./element.js";
import { brief, nameOf, price, usual } from "./words.js";

/** @typedef {import("./feed.js").Item} Item */
/** @typedef {import("./feed.js").Marks} Marks */

const sheet = element("items");
const body = element("rows");
const template = element("row", HTMLTemplateElement);
const icons = ["electronics", "confectionery"];

/** @type {Map<string, { row: HTMLTableRowElement, item: Item | undefined }>} */
const shown = new Map();

/** @param {HTMLTableRowElement} row @param {string} name @returns {HTMLElement} */
const part = (row, name) => /** @type {HTMLElement} */ (row.querySelector(name));

/** @param {HTMLTableRowElement} row @param {Item} item */
function fill(row, item) {
  const name = nameOf(item);
  const category = typeof item.category === "string" ? item.category : brief(item.category);
  const icon = icons.includes(category) ? category : "other";
  row.dataset.icon = icon;
  part(row, "use").setAttribute("href", `#i-${icon}`);
  part(row, ".name").textContent = name;
  part(row, ".info").textContent = brief(item.info, 300);
  part(row, "td.c-category").textContent = category;
  part(row, "td.c-rrp").textContent = price(item.rrp);
  part(row, "td.c-id").textContent = brief(item.id);
  part(row, ".extra").replaceChildren(
    ...Object.keys(item).filter((field) => !usual.includes(field)).map((field) => {
      const pair = make("span", "pair-of");
      pair.append(make("b", "", field), ` ${item[field] === null ? "null" : brief(item[field])}`);
      return pair;
    }),
  );
  part(row, "[data-do=edit]").setAttribute("aria-label", `Edit ${name}`);
  part(row, "[data-do=delete]").setAttribute("aria-label", `Delete ${name}`);
}

/** Lets the highlighter pass over a row once. @param {HTMLTableRowElement} row @param {string} kind */
function highlight(row, kind) {
  delete row.dataset.changed;
  void row.offsetWidth; // so that the same mark starts anew
  row.dataset.changed = kind;
}
body.addEventListener("animationend", (event) => {
  if (event.target instanceof HTMLElement && event.animationName === "pass") delete event.target.closest("tr")?.dataset.changed;
});

/**
 * Shows these items, in this order. An item that is the same object as before is the same.
 * @param {readonly Item[]} items
 * @param {Marks} marks which of them changed; those that show are taken out
 */
export function showItems(items, marks) {
  const focused = document.activeElement;
  const before = [...body.children].indexOf(/** @type {Element} */ (focused?.closest("tr")));
  const keep = new Set(items.map(({ id }) => String(id)));
  for (const [id, { row }] of shown) {
    if (keep.has(id)) continue;
    row.remove();
    shown.delete(id);
  }
  let place = body.firstElementChild;
  for (const item of items) {
    const id = String(item.id);
    let entry = shown.get(id);
    if (!entry) {
      const row = /** @type {HTMLTableRowElement} */ (/** @type {DocumentFragment} */ (template.content.cloneNode(true)).firstElementChild);
      row.dataset.id = id;
      entry = { row, item: undefined };
      shown.set(id, entry);
    }
    if (entry.item !== item) fill(entry.row, item);
    entry.item = item;
    markItem(id, marks);
    if (entry.row === place) place = place.nextElementSibling;
    else body.insertBefore(entry.row, place);
  }
  // Moving or removing a row takes the focus away from what is in it.
  if (focused instanceof HTMLElement && document.activeElement !== focused && before >= 0) {
    if (focused.isConnected) focused.focus();
    else focusRow(Math.min(before, body.children.length - 1), focused.dataset.do ?? "edit");
  }
  sheet.setAttribute("aria-busy", "false");
}

/** Marks an item that changed, if it is here. @param {string} id @param {Marks} marks */
export function markItem(id, marks) {
  const entry = shown.get(id);
  const mark = marks.get(id);
  if (!entry || !mark) return;
  marks.delete(id);
  highlight(entry.row, mark);
}

/** The item of a row on this page; undefined where there is none. @param {unknown} id */
export const itemOnPage = (id) => shown.get(String(id))?.item;

/** @param {number} at @param {string} action */
function focusRow(at, action) {
  const row = body.children[at];
  const button = row?.querySelector(`[data-do="${action}"]`);
  if (button instanceof HTMLElement) button.focus();
  else sheet.focus();
}

/**
 * Edits and deletes by click and by key: up and down go from row to row, Delete deletes.
 * @param {{ edit(item: Item): void, remove(item: Item): void }} actions
 */
export function listenToRows({ edit, remove }) {
  body.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const item = itemOnPage(event.target.closest("tr")?.dataset.id);
    const action = event.target.closest("button")?.dataset.do;
    if (!item) return;
    if (action === "delete") remove(item);
    else if (action === "edit") edit(item);
  });
  body.addEventListener("dblclick", (event) => {
    if (!(event.target instanceof Element) || event.target.closest("button")) return;
    const item = itemOnPage(event.target.closest("tr")?.dataset.id);
    if (item) edit(item);
  });
  body.addEventListener("keydown", (event) => {
    if (!(event.target instanceof HTMLElement) || event.altKey || event.ctrlKey || event.metaKey) return;
    const row = event.target.closest("tr");
    const at = row ? [...body.children].indexOf(row) : -1;
    if (!row || at < 0) return;
    const last = body.children.length - 1;
    const goal = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last }[event.key];
    if (goal !== undefined) {
      focusRow(goal, event.target.dataset.do ?? "edit");
      event.preventDefault();
    } else if (event.key === "Delete") {
      const item = itemOnPage(row.dataset.id);
      if (item) remove(item);
      event.preventDefault();
    }
  });
}
