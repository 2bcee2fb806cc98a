/**
 * The collections and how many items each has, kept up to date while they are looked at.
 */
import { element, make } from "../page/element.js";
import { sentence } from "../page/words.js";
import { readCollections } from "./api.js";
import { amount } from "./measures.js";
import { createPoll } from "./poll.js";
import { writeRoute } from "./route.js";

const list = element("collections");
const hush = element("shelf-hush");
const other = element("other", HTMLFormElement);
const otherName = element("other-name", HTMLInputElement);

/**
 * @param {{ open(name: string): void, known(names: string[]): void }} actions known is called with each answer
 */
export function createShelf({ open, known }) {
  /** @type {Map<string, { line: HTMLElement, link: HTMLAnchorElement, count: HTMLElement }>} */
  const lines = new Map();
  let present = "";

  const mark = () => {
    for (const [name, { link }] of lines) {
      if (name === present) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };

  const poll = createPoll(async () => {
    let answer;
    try {
      answer = await readCollections();
    } catch (error) {
      if (lines.size === 0) say(sentence(error));
      return;
    }
    const names = answer.collections.map(({ name }) => name);
    for (const [name, { line }] of lines) {
      if (names.includes(name)) continue;
      line.remove();
      lines.delete(name);
    }
    let at = list.firstElementChild;
    for (const { name, items } of answer.collections) {
      let entry = lines.get(name);
      if (!entry) {
        const line = make("li");
        const link = make("a");
        link.href = writeRoute({ view: "data", collection: name, query: {} });
        const count = make("span", "count");
        link.append(make("span", "of", name), count);
        line.append(link);
        entry = { line, link, count };
        lines.set(name, entry);
      }
      const text = amount(items);
      if (entry.count.textContent !== text) {
        entry.count.textContent = text;
        entry.count.setAttribute("aria-label", `${text} ${items === 1 ? "item" : "items"}`);
      }
      if (entry.line === at) at = at.nextElementSibling;
      else list.insertBefore(entry.line, at);
    }
    say(names.length === 0 ? "There is no collection yet: it comes with its first item." : answer.more ? "These are the first by name; open others below." : "");
    mark();
    known(names);
  }, 2000);

  /** @param {string} text */
  function say(text) {
    hush.textContent = text;
    hush.hidden = text === "";
  }

  other.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = otherName.value.trim();
    if (name === "") return otherName.focus();
    otherName.value = "";
    open(name);
  });

  return {
    ...poll,
    /** Marks the collection that is shown. @param {string} name */
    mark(name) {
      present = name;
      mark();
    },
  };
}
