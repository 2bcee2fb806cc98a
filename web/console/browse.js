/**
 * The items of a collection that a query matches, page by page.
 */
import { request } from "../client/ackbase.js";
import { element, make } from "../page/element.js";
import { sentence } from "../page/words.js";
import { fromFilters, inWords, toFilters } from "./conditions.js";
import { createFilter } from "./filter.js";
import { amount, gist } from "./measures.js";
import { writeRoute } from "./route.js";

/** @typedef {import("../client/ackbase.js").Query} Query */
/** @typedef {import("../client/ackbase.js").Id} Id */
/** @typedef {{ id: Id, [field: string]: unknown }} Item */

const form = element("query", HTMLFormElement);
const fold = element("query-fold", HTMLDetailsElement);
const sort = element("sort", HTMLInputElement);
const fields = element("fields", HTMLInputElement);
const limit = element("limit", HTMLSelectElement);
const asJSON = element("query-json");
const fault = element("data-fault");
const sheet = element("sheet");
const table = element("items");
const head = element("items-head");
const body = element("items-rows");
const nothing = element("nothing");
const pager = element("pager");
const which = element("which");
const count = element("data-count");
const previous = element("previous", HTMLButtonElement);
const next = element("next", HTMLButtonElement);

const usualLimit = 50;
const mostColumns = 7;

/**
 * @param {import("socket.io-client").Socket} socket
 * @param {{ ask(query: Query): void, open(id: Id): void }} actions ask shows another query
 */
export function createBrowse(socket, { ask, open }) {
  let collection = "";
  /** @type {Query} as the address has it */
  let query = {};
  /** What the pages before this one ended with; the first page began without. @type {(string | undefined)[]} */
  let way = [undefined];
  let following = "";
  let wish = 0;
  /** @type {unknown} a filter that the builder cannot show; kept until another is built */
  let foreign;

  const filter = createFilter(element("filter"), () => {
    foreign = undefined;
    tell();
  });

  /** What the form says. @returns {Query} */
  function formQuery() {
    const filters = foreign ?? toFilters(filter.group);
    const picked = fields.value.split(",").map((name) => name.trim()).filter((name) => name !== "");
    return {
      ...(filters !== undefined && { filters: /** @type {any} */ (filters) }),
      ...(sort.value.trim() !== "" && { sort: sort.value.trim() }),
      ...(picked.length > 0 && { fields: picked }),
      ...(Number(limit.value) !== usualLimit && { limit: Number(limit.value) }),
    };
  }

  /** Says what the form asks for. */
  function tell() {
    asJSON.textContent = JSON.stringify(formQuery());
  }

  /** @param {Query} shown */
  function fill(shown) {
    const group = fromFilters(shown.filters);
    foreign = group ? undefined : shown.filters;
    filter.set(group ?? { join: "$and", parts: [] });
    sort.value = shown.sort ?? "";
    fields.value = Array.isArray(shown.fields) ? shown.fields.join(",") : String(shown.fields ?? "");
    const rows = String(shown.limit ?? usualLimit);
    if (![...limit.options].some(({ value }) => value === rows)) limit.append(new Option(rows, rows));
    limit.value = rows;
    const said = [
      foreign ? JSON.stringify(foreign) : inWords(group ?? filter.group),
      shown.sort ? `sorted by ${shown.sort}` : "",
    ].filter((part) => part !== "").join(", ");
    element("query-gist").textContent = said === "" ? "All items, by id" : gist(said, 200).replace(/^"|"$/g, "");
    tell();
  }

  async function run() {
    const asked = ++wish;
    if (collection === "" || !socket.connected) return;
    sheet.setAttribute("aria-busy", "true");
    const after = way.at(-1);
    try {
      const { result, meta } = await request(socket, "GET", [collection, { ...query, ...(after !== undefined && { after }) }]);
      if (asked !== wish) return;
      complain("");
      show(result, meta);
    } catch (error) {
      if (asked !== wish || !socket.connected) return;
      complain(sentence(error));
    } finally {
      if (asked === wish) sheet.setAttribute("aria-busy", "false");
    }
  }

  /** @param {string} text */
  function complain(text) {
    fault.textContent = text;
    fault.hidden = text === "";
    sheet.hidden = pager.hidden = text !== "";
    if (text !== "") count.textContent = "";
  }

  /** Which fields have a column: the id, then those that most of these items have, in their order. @param {Item[]} items */
  function columnsOf(items) {
    if (Array.isArray(query.fields)) return ["id", ...query.fields.filter((name) => name !== "id")];
    /** @type {Map<string, number>} */
    const seen = new Map();
    for (const item of items) for (const name of Object.keys(item)) seen.set(name, (seen.get(name) ?? 0) + 1);
    seen.delete("id");
    const often = [...seen].sort(([, a], [, b]) => b - a).slice(0, mostColumns - 1).map(([name]) => name);
    return ["id", ...[...seen.keys()].filter((name) => often.includes(name))];
  }

  /** @param {Item[]} items @param {import("../client/ackbase.js").Meta} meta */
  function show(items, meta) {
    following = meta.next ?? "";
    const columns = columnsOf(items);
    const sorted = (query.sort ?? "").split(",")[0]?.trim() ?? "";
    const more = items.some((item) => Object.keys(item).some((name) => !columns.includes(name)));
    head.replaceChildren(...columns.map((name) => {
      const cell = make("th");
      cell.scope = "col";
      const order = sorted === name || (sorted === "" && name === "id") ? "ascending" : sorted === `-${name}` ? "descending" : "none";
      cell.setAttribute("aria-sort", order);
      const button = make("button", "", name);
      button.type = "button";
      // A comma parts fields, and a minus sign turns the order: such a name cannot be sorted by from here.
      button.disabled = /^-|,/.test(name);
      button.addEventListener("click", () => ask({ ...query, sort: order === "ascending" ? `-${name}` : name }));
      cell.append(button);
      return cell;
    }));
    if (more) {
      const cell = make("th", "more", "…");
      cell.scope = "col";
      cell.setAttribute("aria-label", "Further fields");
      head.append(cell);
    }
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.closest("tr")?.dataset.id : undefined;
    body.replaceChildren(...items.map((item) => row(item, columns, more)));
    if (focused !== undefined) {
      const again = [...body.querySelectorAll("tr")].find(({ dataset }) => dataset.id === focused)?.querySelector("a");
      (again ?? element("across")).focus();
    }
    filter.offer(columnsOf(items).filter((name) => !name.includes(".")));

    const first = (way.length - 1) * (query.limit ?? usualLimit) + 1;
    const total = meta.total ?? items.length;
    count.textContent = `${amount(total)} ${total === 1 ? "item" : "items"}${query.filters ? (total === 1 ? " matches" : " match") : ""}`;
    which.textContent = items.length > 0 ? `${amount(first)}–${amount(first + items.length - 1)} of ${amount(total)}` : "";
    table.hidden = items.length === 0;
    nothing.hidden = items.length > 0;
    nothing.textContent = query.filters ? "No item is like that." : way.length > 1 ? "There is nothing on this page any more." : `${collection} has no items yet.`;
    pager.hidden = way.length === 1 && following === "";
    // A button that gets disabled would drop the focus of whoever pages by keyboard.
    previous.setAttribute("aria-disabled", String(way.length === 1));
    next.setAttribute("aria-disabled", String(following === ""));
  }

  /** @param {Item} item @param {string[]} columns @param {boolean} more whether there is a column for the rest */
  function row(item, columns, more) {
    const line = make("tr");
    line.dataset.id = String(item.id);
    for (const name of columns) {
      const cell = make("td");
      cell.dataset.field = name;
      const value = name in item ? item[name] : at(item, name);
      if (name === "id") {
        const link = make("a", "ident", String(item.id));
        link.href = writeRoute({ view: "data", collection, query, id: String(item.id) });
        cell.append(link);
      } else if (value === undefined) {
        cell.className = "absent";
      } else if (typeof value === "string") {
        cell.textContent = value.length > 160 ? `${value.slice(0, 159)}…` : value;
      } else {
        cell.className = "literal";
        cell.textContent = gist(value, 90);
      }
      line.append(cell);
    }
    if (more) {
      const rest = Object.keys(item).filter((name) => !columns.includes(name));
      const cell = make("td", "more", rest.length > 0 ? `+${rest.length}` : "");
      cell.title = rest.slice(0, 20).join(", ").slice(0, 300);
      line.append(cell);
    }
    return line;
  }

  /** The value at a dotted path. @param {unknown} item @param {string} path */
  function at(item, path) {
    return path.split(".").reduce((/** @type {any} */ value, name) => (typeof value === "object" && value !== null && Object.hasOwn(value, name) ? value[name] : undefined), item);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(formQuery());
  });
  element("query-clear").addEventListener("click", () => ask({}));
  for (const control of [sort, fields, limit]) control.addEventListener("input", tell);
  previous.addEventListener("click", () => {
    if (way.length === 1) return;
    way = way.slice(0, -1);
    run();
  });
  next.addEventListener("click", () => {
    if (following === "") return;
    way = [...way, following];
    run();
  });
  body.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || event.target.closest("a") || String(getSelection()) !== "") return;
    const id = event.target.closest("tr")?.dataset.id;
    if (id !== undefined) open(id);
  });
  body.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !(event.target instanceof HTMLElement)) return;
    const links = [...body.querySelectorAll("a")];
    const to = links[links.indexOf(/** @type {HTMLAnchorElement} */ (event.target)) + step];
    if (!to) return;
    to.focus();
    event.preventDefault();
  });

  return {
    /** Shows what a query matches, from the first page on; nothing happens where that is shown already. @param {string} name @param {Query} wanted */
    show(name, wanted) {
      if (name === collection && JSON.stringify(wanted) === JSON.stringify(query)) return;
      if (name !== collection) {
        head.replaceChildren();
        body.replaceChildren();
        count.textContent = "";
        fold.open = wanted.filters !== undefined;
      }
      collection = name;
      query = wanted;
      way = [undefined];
      form.hidden = false;
      fill(query);
      run();
    },
    /** Reads the page again. */
    refresh: run,
  };
}
