/**
 * An item's history as a timeline: who changed what and why, and a way back to each version.
 */
import { request } from "../client/ackbase.js";
import { element, make } from "../page/element.js";
import { notify, notifyFault } from "../page/notices.js";
import { parts, sentence } from "../page/words.js";
import { readItem, writeItem } from "./api.js";
import { differences } from "../page/differences.js";
import { tidy } from "./jsontext.js";
import { amount, gist, moment } from "./measures.js";

/** @typedef {import("../client/ackbase.js").Id} Id */
/** @typedef {import("../page/differences.js").Difference} Difference */
/**
 * A change as HISTORY tells it.
 * @typedef {{ type: "ADDED" | "MODIFIED" | "DELETED", time?: string, rev: string, prev?: string, cursor: string,
 *   reason?: string, by?: string, item: unknown }} Entry
 */
/** What is kept of a change: its item is not. @typedef {Omit<Entry, "item"> & { cut: boolean, changed: Difference[] }} Version */

const timeline = element("timeline");
const note = element("history-note");
const older = element("older", HTMLButtonElement);

const pageSize = 200; // changes read at once
const mostKept = 1000; // versions in memory; of a longer history the newest
const mostShown = 50; // at first, and with each "older"
const mostFields = 12; // of one change

const signs = { ADDED: "+", MODIFIED: "~", DELETED: "−" };
const words = { ADDED: "Added", MODIFIED: "Modified", DELETED: "Deleted" };

/**
 * @param {import("socket.io-client").Socket} socket
 * @param {() => Promise<void>} restored called when a version was written back
 */
export function createHistory(socket, restored) {
  let collection = "";
  /** @type {Id} */
  let id = "";
  let wish = 0;
  /** @type {Version[]} the newest last */
  let versions = [];
  let shown = 0;

  /** Reads the whole history, from the oldest change on, and keeps what changed in each. @param {number} asked */
  async function load(asked) {
    versions = [];
    /** @type {unknown} */
    let state = {};
    let number = 0;
    /** @type {string | undefined} */
    let after;
    do {
      const { result, meta } = await request(socket, "HISTORY", [collection, id, { limit: pageSize, ...(after !== undefined && { after }) }]);
      if (asked !== wish) return;
      for (const entry of /** @type {Entry[]} */ (result)) {
        const next = entry.item;
        number++;
        // The first one of a log that does not reach back to ADDED tells all that there was.
        const cut = number === 1 && (entry.type !== "ADDED" || entry.time === undefined);
        const list = entry.type === "DELETED" ? [] : differences(entry.type === "ADDED" || cut ? {} : state, next);
        versions.push({
          type: entry.type, rev: entry.rev, cursor: entry.cursor, cut,
          ...(entry.time !== undefined && { time: entry.time }), ...(entry.reason !== undefined && { reason: entry.reason }), ...(entry.by !== undefined && { by: entry.by }),
          changed: list.slice(0, mostFields + 1).map(brief), // one more than is shown: then there are more
        });
        state = next;
      }
      if (versions.length > mostKept) versions = versions.slice(-mostKept);
      after = meta.next || undefined;
      note.textContent = after ? `${amount(number)} changes read …` : "";
    } while (after !== undefined);
    show(number);
  }

  /** @param {Difference} one @returns {Difference} without what would not be shown of it */
  const brief = ({ path, before, after }) => ({
    path,
    before: before === undefined ? undefined : gist(before, 400),
    after: after === undefined ? undefined : gist(after, 400),
  });

  /** @param {number} all how many changes there are */
  function show(all) {
    note.textContent = all === 0 ? "There is no change of this item in the log." :
      `${amount(all)} ${all === 1 ? "change" : "changes"}${versions.length < all ? `; the newest ${amount(versions.length)} can be seen here` : ""}.`;
    timeline.replaceChildren();
    shown = 0;
    more();
  }

  function more() {
    const from = versions.length - shown;
    const some = versions.slice(Math.max(0, from - mostShown), from).reverse();
    const [first] = some.map((version) => {
      const line = entry(version);
      timeline.append(line);
      return line;
    });
    if (shown > 0) /** @type {HTMLElement | null | undefined} */ (first?.querySelector("button"))?.focus();
    shown += some.length;
    older.hidden = shown >= versions.length;
  }
  older.addEventListener("click", more);

  /** @param {Version} version */
  function entry(version) {
    const line = make("li", "version");
    line.dataset.type = version.type;
    const sign = make("span", "sign", signs[version.type]);
    sign.setAttribute("aria-hidden", "true");
    const told = make("div", "told");
    const head = make("p", "head");
    const when = version.time === undefined ? "some time ago" : moment(new Date(version.time));
    const time = make("time", "", when);
    if (version.time !== undefined) time.dateTime = version.time;
    head.append(make("b", "type", words[version.type]), " ", time);
    if (version.by) head.append(" ", make("span", "by", `by ${version.by}`));
    told.append(head);
    if (version.reason) told.append(make("p", "reason", `“${version.reason}”`));
    if (version.cut) told.append(make("p", "hush", "The log does not reach further back: this is all that the item was by then."));
    if (version.changed.length > 0) told.append(diff(version));

    const newest = version === versions.at(-1);
    const acts = make("div", "acts");
    if (version.type !== "DELETED") {
      const look = make("button", "quiet", "Show");
      look.type = "button";
      look.setAttribute("aria-expanded", "false");
      look.setAttribute("aria-label", `Show the version of ${when}`);
      look.addEventListener("click", () => reveal(version, told, look));
      acts.append(look);
      if (!newest) {
        const back = make("button", "quiet", "Restore this version");
        back.type = "button";
        back.setAttribute("aria-label", `Restore this version, of ${when}`);
        back.addEventListener("click", () => restore(version, back));
        acts.append(back);
      } else {
        acts.append(make("span", "now", "now"));
      }
    } else if (newest) {
      acts.append(make("span", "now", "now"));
    }
    told.append(acts);
    line.append(sign, told);
    return line;
  }

  /** @param {Version} version */
  function diff({ type, changed }) {
    const list = make("ul", "diff");
    for (const { path, before, after } of changed.slice(0, mostFields)) {
      const line = make("li");
      line.append(make("b", "", path === "" ? "the item" : path.slice(1).replace(/\//g, ".")));
      if (before !== undefined) line.append(" ", make("del", "", String(before)));
      if (after !== undefined) line.append(" ", make(type === "ADDED" ? "span" : "ins", "", String(after)));
      list.append(line);
    }
    if (changed.length > mostFields) list.append(make("li", "hush", "and more"));
    return list;
  }

  /** Shows a whole version, or hides it. @param {Version} version @param {HTMLElement} told @param {HTMLButtonElement} look */
  async function reveal(version, told, look) {
    const open = told.querySelector("pre");
    if (open) {
      open.remove();
      look.setAttribute("aria-expanded", "false");
      return;
    }
    try {
      const { text } = await readItem(collection, id, version.cursor);
      const whole = make("pre", "whole", tidy(text));
      whole.tabIndex = 0;
      told.append(whole);
      look.setAttribute("aria-expanded", "true");
    } catch (error) {
      notifyFault(error, "Reading this version");
    }
  }

  /** Writes a version back, over the newest change that is seen here and no other. @param {Version} version @param {HTMLButtonElement} back */
  async function restore(version, back) {
    const newest = versions.at(-1);
    if (!newest || back.getAttribute("aria-busy") === "true") return;
    back.setAttribute("aria-busy", "true");
    const asked = wish;
    try {
      const { text } = await readItem(collection, id, version.cursor);
      const reason = `restored the version of ${version.time ?? "before"}`;
      await writeItem(collection, id, text, newest.type === "DELETED" ? { ifNone: true, reason } : { ifMatch: newest.rev, reason });
      notify(`${collection} / ${id} is again what it was${version.time === undefined ? "" : ` at ${moment(new Date(version.time))}`}.`);
      await restored();
    } catch (error) {
      if (parts(error).code === "PRECONDITION_FAILED") notify("Nothing was restored: somebody changed the item meanwhile. Its history is read again.", { error: true });
      else notifyFault(error, "Restoring");
    }
    if (asked === wish) read();
  }

  function read() {
    const asked = ++wish;
    load(asked).catch((error) => {
      if (asked !== wish) return;
      timeline.replaceChildren();
      older.hidden = true;
      note.textContent = parts(error).code === "NOT_FOUND" ? "There is no change of this item in the log." : sentence(error);
    });
  }

  return {
    /** @param {string} where @param {Id} what */
    show(where, what) {
      if (where !== collection || what !== id) timeline.replaceChildren();
      [collection, id] = [where, what];
      note.textContent = timeline.children.length === 0 ? "Reading the history …" : note.textContent;
      read();
    },
    hide() {
      wish++;
      versions = [];
      timeline.replaceChildren();
      older.hidden = true;
    },
  };
}
