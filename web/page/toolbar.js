/**
 * Filter, order and pages: the controls, and the view that they make.
 */
import { element, make } from "./element.js";
import { number, parseAmount } from "./words.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./feed.js").Place} Place */

const tools = element("tools", HTMLFormElement);
const search = element("search", HTMLInputElement);
const from = element("from", HTMLInputElement);
const to = element("to", HTMLInputElement);
const sort = element("sort", HTMLSelectElement);
const limit = element("limit", HTMLSelectElement);
const categories = element("categories");
const known = element("known-categories");
const fault = element("tools-fault");
const count = element("count");
const page = element("page");
const previous = element("previous", HTMLButtonElement);
const next = element("next", HTMLButtonElement);
const refine = element("refine", HTMLButtonElement);
const heads = [...document.querySelectorAll("th[data-sort]")];

/** Categories that the shop has from the first day; others join as items of them are seen. */
const seen = new Set(["electronics", "confectionery"]);
const mostCategories = 8;

/** Shows a view in the controls. @param {View} view */
export function showView(view) {
  if (document.activeElement !== search) search.value = view.search;
  for (const [input, value] of /** @type {const} */ ([[from, view.from], [to, view.to]])) {
    if (document.activeElement !== input) input.value = value === null ? "" : String(value);
  }
  if (![...sort.options].some(({ value }) => value === view.sort)) {
    const custom = make("option", "", view.sort);
    custom.value = view.sort;
    sort.append(custom);
  }
  sort.value = view.sort;
  limit.value = String(view.limit);
  if (view.category) seen.add(view.category);
  showCategories(view.category);
  for (const head of heads) {
    const field = /** @type {HTMLElement} */ (head).dataset.sort;
    const order = view.sort === field ? "ascending" : view.sort === `-${field}` ? "descending" : "none";
    head.setAttribute("aria-sort", order);
  }
}

/** Learns the categories of items that came by. @param {Iterable<{ [field: string]: unknown }>} items */
export function learnCategories(items) {
  const before = seen.size;
  for (const { category } of items) {
    if (typeof category === "string" && category !== "" && category.length <= 30 && seen.size < mostCategories) seen.add(category);
  }
  if (seen.size !== before) showCategories(/** @type {HTMLInputElement | null} */ (categories.querySelector("input:checked"))?.value ?? "");
}

/** @param {string} chosen */
function showCategories(chosen) {
  const wanted = ["", ...seen];
  const present = /** @type {HTMLInputElement[]} */ ([...categories.querySelectorAll("input")]);
  if (present.length !== wanted.length) {
    const focused = document.activeElement instanceof HTMLInputElement && document.activeElement.name === "category";
    for (const old of categories.querySelectorAll("label")) old.remove();
    for (const value of wanted) {
      const label = make("label");
      const radio = make("input");
      radio.type = "radio";
      radio.name = "category";
      radio.value = value;
      label.append(radio, make("span", "", value || "All"));
      categories.append(label);
      if (focused && value === chosen) radio.focus();
    }
    known.replaceChildren(...[...seen].map((value) => {
      const option = make("option");
      option.value = value;
      return option;
    }));
  }
  for (const radio of categories.querySelectorAll("input")) radio.checked = radio.value === chosen;
}

/**
 * Shows where in the collection the page is.
 * @param {Place} place @param {number} length items on this page @param {boolean} filtered
 */
export function showPages({ total, page: at, pages, limit: most }, length, filtered) {
  const what = total === 1 ? "item" : "items";
  const first = (at - 1) * most + 1;
  const which = length > 0 && total > length ? `, ${number(first)}–${number(first + length - 1)} shown` : "";
  count.textContent = `${number(total)} ${what}${filtered ? (total === 1 ? " matches" : " match") : ""}${which}`;
  page.textContent = `${number(at)} / ${number(pages)}`;
  page.setAttribute("aria-label", `Page ${at} of ${pages}`);
  // A button that gets disabled would drop the focus of whoever pages by keyboard.
  previous.setAttribute("aria-disabled", String(at <= 1));
  next.setAttribute("aria-disabled", String(at >= pages));
}

/**
 * Reads a price, and says what is wrong with it.
 * @param {HTMLInputElement} input @returns {number | null | undefined} undefined where it is none
 */
function priceOf(input) {
  if (input.value.trim() === "") return null;
  const value = parseAmount(input.value);
  return Number.isNaN(value) ? undefined : value;
}

/**
 * @param {(change: Partial<View>) => void} change called with what the user chose
 */
export function listenToTools(change) {
  let typing = 0;
  /** @type {Partial<View>} */
  let pending = {};
  /** Waits until the typing pauses, so that not every letter is a question. @param {Partial<View>} chosen */
  const soon = (chosen) => {
    pending = { ...pending, ...chosen };
    clearTimeout(typing);
    typing = window.setTimeout(now, 180);
  };
  const now = () => {
    clearTimeout(typing);
    const chosen = pending;
    pending = {};
    if (Object.keys(chosen).length > 0) change({ ...chosen, page: 1 });
  };

  search.addEventListener("input", () => soon({ search: search.value.trim() }));
  const prices = () => {
    const low = priceOf(from);
    const high = priceOf(to);
    from.setAttribute("aria-invalid", String(low === undefined));
    to.setAttribute("aria-invalid", String(high === undefined));
    let wrong = "";
    if (low === undefined || high === undefined) wrong = `“${(low === undefined ? from : to).value}” is not a price. Write a number, such as 12.50.`;
    else if (low !== null && high !== null && low > high) wrong = "The lowest price is above the highest: nothing can match.";
    fault.textContent = wrong;
    fault.hidden = wrong === "";
    if (low !== undefined && high !== undefined) soon({ from: low, to: high });
  };
  from.addEventListener("input", prices);
  to.addEventListener("input", prices);
  tools.addEventListener("submit", (event) => {
    event.preventDefault();
    now();
  });
  categories.addEventListener("change", (event) => {
    if (event.target instanceof HTMLInputElement) change({ category: event.target.value, page: 1 });
  });
  // On a phone, price and order are folded away until they are asked for, or in use.
  const unfold = (/** @type {boolean} */ open) => {
    refine.setAttribute("aria-expanded", String(open));
    tools.toggleAttribute("data-open", open);
  };
  refine.addEventListener("click", () => unfold(refine.getAttribute("aria-expanded") !== "true"));
  unfold(from.value !== "" || to.value !== "");
  sort.addEventListener("change", () => change({ sort: sort.value, page: 1 }));
  limit.addEventListener("change", () => change({ limit: Number(limit.value), page: 1 }));
  for (const head of heads) {
    const field = /** @type {HTMLElement} */ (head).dataset.sort;
    head.querySelector("button")?.addEventListener("click", () => {
      change({ sort: head.getAttribute("aria-sort") === "ascending" ? `-${field}` : field, page: 1 });
    });
  }
}

/** @param {(step: 1 | -1) => void} turn */
export function listenToPager(turn) {
  previous.addEventListener("click", () => previous.getAttribute("aria-disabled") !== "true" && turn(-1));
  next.addEventListener("click", () => next.getAttribute("aria-disabled") !== "true" && turn(1));
}

/** Empties the filter's controls. */
export function clearTools() {
  search.value = from.value = to.value = "";
  from.setAttribute("aria-invalid", "false");
  to.setAttribute("aria-invalid", "false");
  fault.hidden = true;
}
