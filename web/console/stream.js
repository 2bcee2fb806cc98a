/**
 * The live stream: the newest changes of the collections, as many as a person can look at, however fast they come.
 */
import { element, make } from "../page/element.js";
import { sentence } from "../page/words.js";
import { readCollections } from "./api.js";
import { createFeed } from "./feed.js";
import { amount, gist } from "./measures.js";
import { createPoll } from "./poll.js";
import { writeRoute } from "./route.js";

/** @typedef {import("./feed.js").Change} Change */
/** What is kept of a change. @typedef {{ type: Change["type"], collection: string, id: string, time: string, reason: string, by: string, text: string }} Kept */

const mostKept = 1000; // changes in memory
const mostShown = 100; // lines
const mostFollowed = 100; // collections at the same time; a socket may have 256

const list = element("events");
const sheet = element("stream-sheet");
const nothing = element("stream-nothing");
const rate = element("stream-rate");
const note = element("stream-note");
const pause = element("pause", HTMLButtonElement);
const sieve = element("sieve", HTMLFormElement);
const of = element("stream-of", HTMLSelectElement);
const grep = element("grep", HTMLInputElement);
const signs = { ADDED: "+", MODIFIED: "~", DELETED: "−" };

/** What a change did, in a line. @param {Change} change */
function said(change) {
  if (!change.patch) return gist(change.item, 220);
  const steps = change.patch.slice(0, 8).map(({ op, path, value }) => {
    const field = path.slice(1).replace(/\//g, ".");
    return op === "remove" ? `${field} removed` : op === "add" || op === "replace" ? `${field} → ${gist(value, 80)}` : `${field} ${op}`;
  });
  return steps.join(", ") + (change.patch.length > 8 ? ", …" : "");
}

/** @param {import("socket.io-client").Socket} socket */
export function createStream(socket) {
  /** A ring: the newest is before `head`. @type {(Kept | undefined)[]} */
  const kept = new Array(mostKept);
  let head = 0; // changes so far
  let drawn = 0; // of these, those that have been looked at for the list
  let paused = false;
  let frame = 0;
  let wanted = "";
  /** @type {string[]} */
  let names = [];
  /** How many came in each of the last seconds. */
  let second = { at: 0, count: 0, last: 0 };

  const feed = createFeed(socket, {
    onChange(change) {
      kept[head % mostKept] = {
        type: change.type, collection: change.collection, id: String(change.id), time: change.time,
        reason: change.reason ?? "", by: change.by ?? "", text: said(change),
      };
      head++;
      count();
      draw();
    },
    onGap: (collection) => (note.textContent = `Changes of ${collection} are missing here: the log does not reach back to where the connection broke.`),
    onFault: (error) => (note.textContent = sentence(error)),
    onReady(ready) {
      sheet.setAttribute("aria-busy", String(!ready));
      draw();
    },
  });

  function count() {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second.at) second = { at: now, count: 0, last: now === second.at + 1 ? second.count : 0 };
    second.count++;
  }

  /** Draws with the next frame; a hidden tab has none, and needs none. */
  function draw() {
    if (frame === 0) frame = requestAnimationFrame(flush);
  }

  /** @param {Kept} change */
  function fits(change) {
    if (!(/** @type {HTMLInputElement | null} */ (sieve.querySelector(`input[value=${change.type}]`))?.checked)) return false;
    if (of.value !== "" && change.collection !== of.value) return false;
    return wanted === "" || `${change.collection}/${change.id} ${change.text} ${change.reason} ${change.by}`.toLowerCase().includes(wanted);
  }

  function flush() {
    frame = 0;
    if (!paused) {
      /** @type {HTMLElement[]} the newest first */
      const fresh = [];
      for (let at = head - 1; at >= Math.max(drawn, head - mostKept) && fresh.length < mostShown; at--) {
        const change = kept[at % mostKept];
        if (change && fits(change)) fresh.push(line(change));
      }
      drawn = head;
      if (fresh.length >= mostShown) list.replaceChildren(...fresh);
      else list.prepend(...fresh);
      while (list.children.length > mostShown) list.lastElementChild?.remove();
    }
    nothing.hidden = list.children.length > 0;
    list.hidden = list.children.length === 0;
    nothing.textContent = sheet.getAttribute("aria-busy") === "true" ? "Subscribing …" : head === 0 ? "Nothing has changed since this view opened." : "None of the changes that are kept here is like that.";
    tell();
  }

  function tell() {
    const waiting = paused ? head - drawn : 0;
    const now = Math.floor(performance.now() / 1000);
    const lately = now === second.at ? second.last || second.count : now === second.at + 1 ? second.count : 0;
    rate.textContent = `${amount(head)} ${head === 1 ? "change" : "changes"} · ${amount(lately)} a second`;
    pause.textContent = paused ? `Go on${waiting > 0 ? ` (${amount(waiting)} new)` : ""}` : "Pause";
  }

  /** @param {Kept} change */
  function line(change) {
    const made = make("li", "event");
    made.dataset.type = change.type;
    const sign = make("span", "sign", signs[change.type]);
    sign.setAttribute("aria-hidden", "true");
    const time = make("time", "", new Date(change.time).toLocaleTimeString(undefined, { hour12: false }));
    time.dateTime = change.time;
    const link = make("a", "ident", `${change.collection}/${change.id}`);
    link.href = writeRoute({ view: "data", collection: change.collection, query: {}, id: change.id, tab: "history" });
    const text = make("span", "text", change.text);
    if (change.reason) text.append(make("i", "reason", ` “${change.reason}”`));
    if (change.by) text.append(make("span", "by", ` by ${change.by}`));
    made.append(sign, time, make("span", "type", change.type), link, text);
    return made;
  }

  /** Looks at all that is kept anew. */
  function again() {
    list.replaceChildren();
    drawn = 0;
    const was = paused;
    paused = false;
    flush();
    paused = was;
    tell();
  }

  const collections = createPoll(async () => {
    try {
      const answer = await readCollections();
      const all = answer.collections.map(({ name }) => name);
      if (JSON.stringify(all) === JSON.stringify(names) && all.length > 0) return;
      names = all;
      if (all.length === 0) sheet.setAttribute("aria-busy", "false");
      const chosen = of.value;
      of.replaceChildren(new Option("All collections", ""), ...all.map((name) => new Option(name, name)));
      of.value = all.includes(chosen) ? chosen : "";
      if (all.length > mostFollowed) note.textContent = `Of ${amount(all.length)} collections the first ${mostFollowed} are followed; choose one of the others to follow it alone.`;
      follow();
    } catch (error) {
      if (names.length === 0) note.textContent = sentence(error);
    }
  }, 3000);
  const clock = createPoll(async () => tell(), 1000);

  function follow() {
    feed.follow(of.value === "" || names.slice(0, mostFollowed).includes(of.value) ? names.slice(0, mostFollowed) : [of.value]);
  }

  pause.addEventListener("click", () => {
    paused = !paused;
    flush();
  });
  element("stream-clear").addEventListener("click", () => {
    kept.fill(undefined);
    head = drawn = 0;
    list.replaceChildren();
    note.textContent = "";
    flush();
  });
  sieve.addEventListener("submit", (event) => event.preventDefault());
  sieve.addEventListener("input", () => {
    wanted = grep.value.trim().toLowerCase();
    follow();
    again();
  });

  return {
    show() {
      collections.start();
      clock.start();
      follow();
    },
    hide() {
      collections.stop();
      clock.stop();
      if (names.length > 0 && head > 0) note.textContent = `This stream stood still from ${new Date().toLocaleTimeString()} on, until you came back.`;
      feed.end();
      sheet.setAttribute("aria-busy", "true");
    },
  };
}
