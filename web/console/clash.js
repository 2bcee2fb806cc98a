/**
 * What somebody else made of an item while it was open here, and the choice between both.
 */
import { element, make } from "../page/element.js";
import { differences } from "../page/differences.js";
import { gist } from "./measures.js";

/** A choice: the words on its button, and what it does. @typedef {{ words: string, act(): void }} Choice */

const clash = element("clash");
const clashText = element("clash-text");
const both = element("both");
const theirs = element("theirs", HTMLButtonElement);
const mine = element("mine", HTMLButtonElement);

const mostRows = 40; // of a comparison

export function hideClash() {
  clash.hidden = true;
}

/**
 * @param {string} text
 * @param {HTMLElement | undefined} compared
 * @param {Choice} give @param {Choice} keep giving way to the others, and keeping to what was wanted
 */
export function showClash(text, compared, give, keep) {
  clashText.textContent = text;
  both.replaceChildren(...(compared ? [compared] : []));
  theirs.textContent = give.words;
  theirs.onclick = give.act;
  mine.textContent = keep.words;
  mine.onclick = keep.act;
  clash.hidden = false;
  clash.focus();
}

/**
 * Two versions of an item, where they differ.
 * @param {[name: string, text: string]} one @param {[name: string, text: string]} other with the JSON that it is
 */
export function versus([one, before], [other, after]) {
  const list = differences(JSON.parse(before), JSON.parse(after));
  if (list.length === 0) return make("p", "", "Nowhere: both are the same.");
  const table = make("table");
  const head = make("tr");
  for (const words of ["Field", one, other]) {
    const cell = make("th", "", words);
    cell.scope = "col";
    head.append(cell);
  }
  table.append(head, ...list.slice(0, mostRows).map(({ path, before, after }) => {
    const line = make("tr");
    const field = make("th", "", path === "" ? "the item" : path.slice(1).replace(/\//g, "."));
    field.scope = "row";
    line.append(field, ...[before, after].map((value) => (value === undefined ? make("td", "absent", "not there") : make("td", "", gist(value, 300)))));
    return line;
  }));
  if (list.length > mostRows) {
    const rest = make("td", "", `and ${list.length - mostRows} more`);
    rest.colSpan = 3;
    const line = make("tr");
    line.append(rest);
    table.append(line);
  }
  return table;
}
