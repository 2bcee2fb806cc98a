/**
 * One item: its JSON to edit, at the revision that was read, and its history.
 */
import { element, make } from "../page/element.js";
import { notify, notifyFault } from "../page/notices.js";
import { parts, sentence } from "../page/words.js";
import { addItem, newKey, readItem, removeItem, writeItem } from "./api.js";
import { hideClash, showClash, versus } from "./clash.js";
import { createEditor } from "./editor.js";
import { createHistory } from "./history.js";
import { lineOf, place, read, tidy } from "./jsontext.js";

/** @typedef {import("./editor.js").Mark} Mark */

const dialog = element("item", HTMLDialogElement);
const form = element("panel-edit", HTMLFormElement);
const past = element("panel-history");
const title = element("item-title");
const tabs = element("tabs");
const tabEdit = element("tab-edit", HTMLButtonElement);
const tabHistory = element("tab-history", HTMLButtonElement);
const fault = element("item-fault");
const faultText = element("item-fault-text");
const problems = element("item-problems");
const reason = element("reason", HTMLInputElement);
const save = element("item-save", HTMLButtonElement);
const remove = element("item-delete", HTMLButtonElement);

const blank = '{\n  \n}';

/**
 * @param {import("socket.io-client").Socket} socket
 * @param {{ closed(): void, changed(): void, turned(tab: "history" | undefined): void }} hear changed: something was written
 */
export function createItem(socket, hear) {
  let collection = "";
  /** @type {string | undefined} undefined while one is added */
  let id;
  let rev = "";
  let original = ""; // the text that the editor opened with
  let gone = false; // there is no such item, or not any more
  /** What the present item is, where a write found it changed. @type {import("./api.js").Version | undefined} */
  let present;
  let working = false;
  let warned = false; // that changes would be lost
  let opening = 0;
  /** The write that may have happened though no answer came: the same again has its key. */
  let attempt = { what: "", key: "" };

  const editor = createEditor(() => {
    warned = false;
    complain("");
    checkSoon();
  });
  const history = createHistory(socket, async () => {
    hear.changed();
    await load();
  });

  let checking = 0;
  function checkSoon() {
    clearTimeout(checking);
    checking = window.setTimeout(() => {
      const { fault: wrong } = read(editor.text);
      editor.mark(wrong ? [{ from: wrong.at, to: wrong.at + 1, message: wrong.message }] : []);
    }, 400);
  }

  /** Says what is wrong, and where. @param {string} text @param {Mark[]} [marks] */
  function complain(text, marks = []) {
    clearTimeout(checking);
    faultText.textContent = text;
    fault.hidden = text === "";
    problems.replaceChildren(...marks.map((mark) => {
      const line = make("li");
      const button = make("button", "link", `Line ${lineOf(editor.text, mark.from) + 1}: ${mark.message}`);
      button.type = "button";
      button.addEventListener("click", () => editor.go(mark));
      line.append(button);
      return line;
    }));
    editor.mark(marks);
    if (text !== "") fault.focus();
  }

  /** @param {string} text @param {string} [revision] */
  function fill(text, revision = "") {
    editor.set(text);
    original = text;
    rev = revision;
    warned = false;
    present = undefined;
    hideClash();
    complain("");
    remove.disabled = rev === ""; // until it is known what would be deleted
  }

  const name = () => `${collection} / ${id === undefined ? "new" : id}`;
  const edited = () => dialog.open && editor.text !== original;

  /** @param {"history" | undefined} tab */
  function turn(tab) {
    const old = tab === "history";
    for (const [button, panel, on] of /** @type {const} */ ([[tabEdit, form, !old], [tabHistory, past, old]])) {
      button.setAttribute("aria-selected", String(on));
      button.tabIndex = on ? 0 : -1;
      panel.hidden = !on;
    }
    if (old && id !== undefined) history.show(collection, id);
    else history.hide();
  }

  /** Reads the item and shows it. */
  async function load() {
    const asked = ++opening;
    if (id === undefined) return;
    try {
      const found = await readItem(collection, id);
      if (asked !== opening) return;
      gone = false;
      fill(tidy(found.text), found.rev);
    } catch (error) {
      if (asked !== opening) return;
      const { code } = parts(error);
      gone = code === "NOT_FOUND";
      fill(gone ? blank : "");
      complain(gone ? `There is no ${name()} now. What it was is in its history; saving makes it anew.` : sentence(error));
    }
    remove.hidden = gone;
    save.textContent = gone ? "Make it anew" : "Save";
  }

  /** @param {string} words */
  function begin(words) {
    title.textContent = words;
    reason.value = "";
    if (!dialog.open) dialog.showModal();
  }

  /** Writes what the editor has. @param {{ over?: boolean }} [options] over: in the place of what others wrote meanwhile */
  async function submit({ over = false } = {}) {
    if (working) return;
    const text = editor.text;
    const { root, fault: wrong } = read(text);
    if (wrong || !root) {
      const at = wrong ?? { at: 0, message: "This is no JSON object." };
      complain("This cannot be saved yet.", [{ from: at.at, to: at.at + 1, message: at.message }]);
      return;
    }
    if (id !== undefined && !gone && !over && text === original) {
      notify("Nothing was changed, so nothing was saved.");
      dialog.close();
      return;
    }
    const why = reason.value.trim();
    const lost = gone || (over && present === undefined);
    const terms = { ...(why !== "" && { reason: why }), ...(id !== undefined && (lost ? { ifNone: true } : { ifMatch: over ? present?.rev ?? rev : rev })) };
    const what = JSON.stringify([collection, id, text, terms]);
    if (attempt.what !== what) attempt = { what, key: newKey() };
    const asked = opening; // when the answer comes, another item may be open
    const [where, isNew, saved] = [collection, id === undefined, name()];
    working = true;
    save.setAttribute("aria-busy", "true");
    complain("");
    try {
      const written = id === undefined ? await addItem(collection, text, { ...terms, key: attempt.key }) : await writeItem(collection, id, text, { ...terms, key: attempt.key });
      notify(isNew ? `${where} / ${JSON.parse(written.text).id} is added.` : `${saved} is saved.`);
      if (asked === opening) {
        original = editor.text;
        dialog.close();
      }
      hear.changed();
    } catch (error) {
      if (asked === opening) await refused(error, root, text);
      else notifyFault(error, `Saving ${saved}`);
    } finally {
      working = false;
      save.removeAttribute("aria-busy");
    }
  }

  /** @param {unknown} error @param {import("./jsontext.js").Node} root @param {string} text that was to be saved */
  async function refused(error, root, text) {
    const { code, details } = parts(error);
    if (code === "PRECONDITION_FAILED" && id !== undefined) return look(details?.rev, (now) => compare(now, text));
    /** @type {Mark[]} */
    const marks = (Array.isArray(details) ? details : []).flatMap((detail) => {
      const path = String(detail?.path ?? "");
      const where = place(root, path);
      return [{ ...where, message: `${path === "" ? "" : `${path} `}${detail?.message ?? ""}` }];
    });
    complain(sentence(error), marks);
  }

  /**
   * Reads what the item is by now, after a write that found it changed, and shows it; unless another one is open then.
   * @param {string | null | undefined} revision that the write found @param {(now: typeof present) => void} show
   */
  async function look(revision, show) {
    const asked = opening;
    /** @type {typeof present} */
    let now;
    try {
      if (revision && id !== undefined) now = await readItem(collection, id);
    } catch (error) {
      if (parts(error).code !== "NOT_FOUND") return asked === opening ? complain(sentence(error)) : undefined;
    }
    if (asked !== opening) return;
    present = now;
    show(now);
  }

  /** Shows what the item is now beside what was to be saved. @param {typeof present} now @param {string} text */
  function compare(now, text) {
    if (!now) {
      showClash("Somebody deleted this item while it was open here. Make it anew with what you have, or drop it?", undefined, { words: "Drop mine", act: drop }, { words: "Make it anew", act: overwrite });
    } else {
      const both = versus(["Yours", text], ["Theirs", now.text]);
      showClash("Somebody saved this item while it was open here. This is where both differ:", both, { words: "Take theirs", act: () => take(now) }, { words: "Save mine over it", act: overwrite });
    }
  }
  const overwrite = () => submit({ over: true });

  /** @param {import("./api.js").Version} version */
  function take(version) {
    fill(tidy(version.text), version.rev);
    editor.focus({ preventScroll: true });
  }

  /** Deletes the item. @param {{ over?: boolean }} [options] over: with what others wrote meanwhile */
  async function erase({ over = false } = {}) {
    if (working || id === undefined) return;
    working = true;
    const asked = opening;
    const [where, what, why] = [collection, id, reason.value.trim()];
    const last = over && present ? present : { text: original, rev };
    complain("");
    try {
      await removeItem(where, what, { ifMatch: last.rev, ...(why !== "" && { reason: why }) });
      if (asked === opening) drop();
      hear.changed();
      notify(`${where} / ${what} is deleted.`, { action: "Undo", act: () => bringBack(where, what, last.text) });
    } catch (error) {
      const { code, details } = parts(error);
      if (asked !== opening) notifyFault(error, `Deleting ${where} / ${what}`);
      else if (code === "PRECONDITION_FAILED") await look(details?.rev, keepOrErase);
      else complain(sentence(error));
    } finally {
      working = false;
    }
  }

  /** Says why the item was not deleted. @param {typeof present} now */
  function keepOrErase(now) {
    if (!now) {
      notify(`Somebody else has deleted ${name()} already.`);
      drop();
      hear.changed();
      return;
    }
    const both = versus(["When it was opened", original], ["Now", now.text]);
    showClash("Somebody saved this item while it was open here, so it was not deleted. This is what has changed:", both, { words: "Take theirs", act: () => take(now) }, { words: "Delete it nevertheless", act: () => erase({ over: true }) });
  }

  /** @param {string} where @param {string} what @param {string} text */
  async function bringBack(where, what, text) {
    try {
      await writeItem(where, what, text, { ifNone: true, reason: "undo of a deletion" });
      hear.changed();
    } catch (error) {
      notifyFault(error, `Bringing back ${where} / ${what}`);
    }
  }
  remove.addEventListener("click", () => erase());

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  form.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && (event.key === "s" || event.key === "Enter")) {
      event.preventDefault();
      submit();
    }
  });
  element("tidy").addEventListener("click", () => {
    const { fault: wrong } = read(editor.text);
    if (wrong) return complain("Only what is JSON can be tidied.", [{ from: wrong.at, to: wrong.at + 1, message: wrong.message }]);
    const before = original;
    editor.set(tidy(editor.text));
    original = before;
  });

  /** Closes, after a warning where something would be lost. */
  function drop() {
    original = editor.text;
    dialog.close();
  }
  const leave = () => {
    if (edited() && !warned) {
      turn(undefined);
      complain("What you changed is not saved. Close once more to drop it, or save it.");
      warned = true;
      return false;
    }
    drop();
    return true;
  };
  element("item-close").addEventListener("click", leave);
  dialog.addEventListener("cancel", (event) => {
    if (!leave()) event.preventDefault();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) leave();
  });
  dialog.addEventListener("close", () => {
    if (dialog.open) return; // the event is late: another item is open already
    opening++;
    history.hide();
    hear.closed();
  });
  addEventListener("beforeunload", (event) => {
    if (edited()) event.preventDefault();
  });

  for (const [tab, to] of /** @type {[HTMLButtonElement, "history" | undefined][]} */ ([[tabEdit, undefined], [tabHistory, "history"]])) {
    tab.addEventListener("click", () => {
      turn(to);
      hear.turned(to);
    });
  }
  tabs.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = tabEdit.getAttribute("aria-selected") === "true" ? tabHistory : tabEdit;
    other.click();
    other.focus();
  });

  return {
    /** Opens an item; one that is open already stays as it is. @param {string} where @param {string} what @param {"history"} [tab] */
    open(where, what, tab) {
      if (dialog.open && collection === where && id === what) return turn(tab);
      [collection, id] = [where, what];
      tabs.hidden = false;
      fill("");
      begin(name());
      turn(tab);
      load().then(() => !tab && dialog.open && fault.hidden && editor.focus({ preventScroll: true }));
    },
    /** Opens an empty form for a new one. @param {string} where */
    add(where) {
      opening++;
      [collection, id, gone] = [where, undefined, false];
      tabs.hidden = true;
      remove.hidden = true;
      save.textContent = "Add";
      fill(blank);
      begin(`New item of ${where}`);
      turn(undefined);
      editor.go({ from: 4, to: 4 });
    },
    /** Closes what is open without a question; a form for a new item only where all is to go. @param {boolean} [all] */
    close(all = false) {
      if (dialog.open && (all || id !== undefined)) drop();
    },
  };
}
