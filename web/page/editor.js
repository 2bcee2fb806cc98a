/**
 * The form that adds an item, or changes one at the revision that the user saw.
 */
import { element } from "./element.js";
import { notify, notifyFault } from "./notices.js";
import { nameOf, parseAmount, parts, sentence, usual } from "./words.js";

/** @typedef {import("./feed.js").Item} Item */
/** @typedef {ReturnType<typeof import("./feed.js").createFeed>} Feed */
/** @typedef {"name" | "category" | "rrp" | "info" | "other"} Field */

const dialog = element("editor", HTMLDialogElement);
const form = element("form", HTMLFormElement);
const title = element("editor-title");
const save = element("save", HTMLButtonElement);
const more = element("more", HTMLDetailsElement);
const fault = element("form-fault");
const faultText = element("form-fault-text");
const choices = element("choices");

/** @type {Record<Field, HTMLInputElement | HTMLTextAreaElement>} */
const inputs = {
  name: element("f-name", HTMLInputElement),
  category: element("f-category", HTMLInputElement),
  rrp: element("f-rrp", HTMLInputElement),
  info: element("f-info", HTMLTextAreaElement),
  other: element("f-other", HTMLTextAreaElement),
};

/** @type {Item | undefined} the item as it was read; undefined while one is added */
let original;
/** @type {string | undefined} */
let rev;
let saving = false;
/** How often the form was opened or closed: an answer that comes late is not for what is in it now. */
let turn = 0;
/** What the inputs held when the form opened: a field that was not touched keeps its value, whatever type it has. @type {Record<string, string>} */
let opened = {};

/** @param {Field} field @param {string} text empty where it is right */
function say(field, text) {
  element(`e-${field}`).textContent = text;
  inputs[field].setAttribute("aria-invalid", String(text !== ""));
}

/** @param {string} text @param {boolean} [choose] between theirs and mine */
function complain(text, choose = false) {
  faultText.textContent = text;
  choices.hidden = !choose;
  fault.hidden = text === "";
}

/** @param {Item | undefined} item */
function fill(item) {
  for (const field of /** @type {const} */ (["name", "category", "rrp", "info"])) {
    const value = item?.[field];
    inputs[field].value = value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  }
  const other = Object.entries(item ?? {}).filter(([field]) => !usual.includes(field));
  inputs.other.value = other.length > 0 ? JSON.stringify(Object.fromEntries(other), null, 2) : "";
  opened = Object.fromEntries(Object.entries(inputs).map(([field, { value }]) => [field, value]));
  more.open = other.length > 0;
  for (const field of /** @type {Field[]} */ (Object.keys(inputs))) say(field, "");
  complain("");
}

/**
 * What the form holds, as an item without its id; undefined where something is wrong, which is then said.
 */
function read() {
  /** @type {Record<string, unknown>} */
  const item = {};
  let right = true;
  /** @param {Field} field @param {string} text */
  const wrong = (field, text) => {
    say(field, text);
    if (right) {
      if (field === "other") more.open = true;
      inputs[field].focus();
    }
    right = false;
  };
  for (const field of /** @type {Field[]} */ (Object.keys(inputs))) say(field, "");

  for (const field of /** @type {const} */ (["name", "category", "rrp", "info"])) {
    const text = inputs[field].value.trim();
    if (original && inputs[field].value === opened[field]) {
      if (Object.hasOwn(original, field)) item[field] = original[field];
    } else if (field === "rrp" && text !== "") {
      item.rrp = parseAmount(text);
      if (Number.isNaN(item.rrp)) wrong("rrp", "A price is a number, such as 12.50.");
    } else if (text !== "") {
      item[field] = text;
    }
    if (field === "name" && (item.name === undefined || item.name === "")) wrong("name", "An item needs a name, so that people can tell it from others.");
  }
  const other = inputs.other.value.trim();
  if (other !== "") {
    try {
      const fields = JSON.parse(other);
      if (fields === null || typeof fields !== "object" || Array.isArray(fields)) wrong("other", 'This must be a JSON object, such as { "stock": 12 }.');
      else for (const field of Object.keys(fields)) Object.defineProperty(item, field, { value: fields[field], enumerable: true, configurable: true, writable: true });
    } catch (error) {
      wrong("other", `This is not JSON: ${parts(error).message}.`);
    }
  }
  return right ? item : undefined;
}

/** The JSON Patch from one item to another, field by field; the id stays. @param {Record<string, unknown>} before @param {Record<string, unknown>} after */
function difference(before, after) {
  const pointer = (/** @type {string} */ field) => `/${field.replace(/~/g, "~0").replace(/\//g, "~1")}`;
  const removed = Object.keys(before).filter((field) => field !== "id" && !Object.hasOwn(after, field)).map((field) => ({ op: "remove", path: pointer(field) }));
  const added = Object.keys(after).filter((field) => !Object.hasOwn(before, field) || JSON.stringify(before[field]) !== JSON.stringify(after[field]))
    .map((field) => ({ op: "add", path: pointer(field), value: after[field] }));
  return [...removed, ...added];
}

/**
 * @param {Feed} feed
 */
export function createEditor(feed) {
  /** @param {Item | undefined} item @param {string} [revision] */
  const open = (item, revision) => {
    turn++;
    original = item;
    rev = revision;
    fill(item);
    title.textContent = item ? `Edit ${nameOf(item)}` : "Add an item";
    save.textContent = item ? "Save changes" : "Add item";
    if (!dialog.open) dialog.showModal();
    inputs.name.focus();
  };

  /** @param {import("../client/ackbase.js").Id} id */
  const load = async (id) => {
    const { item, rev: revision } = await feed.read(id);
    open(item, revision);
  };

  /** @param {boolean} [force] whatever others did meanwhile */
  const submit = async (force = false) => {
    if (saving) return;
    complain("");
    const item = read();
    if (!item) return;
    const mine = turn;
    const close = () => mine === turn && dialog.close();
    saving = true;
    save.setAttribute("aria-busy", "true");
    try {
      if (original) {
        const { id } = original;
        const patch = difference(original, item);
        if (patch.length > 0) await feed.write((writes, options) => writes.update(id, /** @type {any} */ (patch), { ...options, ...(!force && rev !== undefined && { ifMatch: rev }) }));
        close();
        notify(patch.length > 0 ? `${nameOf(/** @type {Item} */ (item))} is saved.` : "Nothing was changed, so nothing was saved.");
      } else {
        const added = await feed.write((writes, options) => writes.create(item, options));
        close();
        notify(`${nameOf(added)} is added, with the id ${added.id}.`);
      }
    } catch (error) {
      if (mine !== turn) return notifyFault(error, `Saving ${nameOf(/** @type {Item} */ (item))}`);
      const { code, details } = parts(error);
      if (code === "PRECONDITION_FAILED" && details?.rev) {
        complain("Somebody changed this item while you were editing it. Load theirs and lose what you typed, or save yours over it?", true);
      } else if (code === "NOT_FOUND" || code === "PRECONDITION_FAILED") {
        complain("Somebody deleted this item while you were editing it, so it cannot be saved.");
      } else {
        if (code === "INVALID" && Array.isArray(details)) {
          for (const { path, message } of details) {
            const field = String(path ?? "").replace(/^\//, "");
            if (field in inputs) say(/** @type {Field} */ (field), message);
          }
        }
        complain(sentence(error));
      }
      fault.focus();
    } finally {
      saving = false;
      save.removeAttribute("aria-busy");
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  element("mine").addEventListener("click", () => submit(true));
  element("theirs").addEventListener("click", async () => {
    try {
      if (original) await load(original.id);
    } catch (error) {
      complain(sentence(error));
    }
  });
  for (const id of ["cancel", "cancel-x"]) element(id).addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => turn++);

  return {
    add: () => open(undefined),
    /** @param {Item} item */
    async edit(item) {
      try {
        await load(item.id);
      } catch (error) {
        notifyFault(error, `Opening ${nameOf(item)}`);
      }
    },
  };
}
