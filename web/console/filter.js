/**
 * The filter builder: rows of field, operator and value, in groups that may lie in each other.
 */
import { make } from "../page/element.js";
import { isGroup, joins, newCondition, newGroup, operators, typedValue } from "./conditions.js";

/** @typedef {import("./conditions.js").Group} Group */
/** @typedef {import("./conditions.js").Condition} Condition */

const deepest = 6; // of groups; the server takes more, a page's width does not
const datalist = "known-fields";

/** @param {[value: string, words: string][]} choices @param {string} chosen @param {string} label */
function select(choices, chosen, label) {
  const made = make("select");
  made.setAttribute("aria-label", label);
  for (const [value, words] of choices) {
    const option = make("option", "", words);
    option.value = value;
    made.append(option);
  }
  made.value = chosen;
  return made;
}

/** @param {string} text @param {string} name of its class @param {() => void} act @param {string} [label] */
function button(text, name, act, label) {
  const made = make("button", name, text);
  made.type = "button";
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

/** How a value is understood, where that is not plain. @param {Condition} condition */
function understood({ op, value }) {
  if (op === "$in" || op === "$nin") return "list";
  if (op === "$startsWith" || value.trim() === "") return "text";
  const typed = typedValue(value);
  return typed === null ? "null" : typeof typed === "string" ? "text" : typeof typed;
}

/**
 * @param {HTMLElement} place where the builder is shown
 * @param {() => void} changed called when what it says has changed
 */
export function createFilter(place, changed) {
  /** @type {Group} */
  let root = { join: "$and", parts: [] };
  const known = make("datalist");
  known.id = datalist;

  /** Draws all of it anew. @param {(Condition | Group)} [focus] the part that gets the focus */
  function draw(focus) {
    place.replaceChildren(known, group(root, undefined, 1, focus));
    const wanted = place.querySelector("[data-focus]");
    if (wanted instanceof HTMLElement) wanted.focus();
    for (const one of place.querySelectorAll("[data-focus]")) one.removeAttribute("data-focus");
  }

  /** Changes the tree and shows it. @param {() => void} change @param {Condition | Group} [focus] */
  const alter = (change, focus) => {
    change();
    draw(focus);
    changed();
  };

  /** @param {Group} of @param {Group | undefined} above @param {number} depth @param {Condition | Group} [focus] @returns {HTMLElement} */
  function group(of, above, depth, focus) {
    const box = make("div", "group");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", above ? "Group of conditions" : "Conditions");
    const head = make("div", "join");
    const join = select(joins, of.join, "How the conditions go together");
    join.addEventListener("change", () => {
      of.join = /** @type {Group["join"]} */ (join.value);
      changed();
    });
    head.append(make("span", "words", above ? "and of a group" : "Items for which"), join, make("span", "words", of.parts.length > 0 ? "hold" : "hold: none yet, so all items"));
    if (focus === of) join.dataset.focus = "";
    if (above) head.append(button("×", "step", () => alter(() => above.parts.splice(above.parts.indexOf(of), 1), above), "Remove this group"));
    box.append(head);
    for (const part of of.parts) box.append(isGroup(part) ? group(part, of, depth + 1, focus) : row(part, of, focus));
    const add = make("div", "add");
    add.append(button("Add condition", "quiet", () => {
      const fresh = newCondition();
      alter(() => of.parts.push(fresh), fresh);
    }));
    if (depth < deepest) {
      add.append(button("Add group", "quiet", () => {
        const fresh = newGroup(of.join === "$or" ? "$and" : "$or");
        alter(() => of.parts.push(fresh), fresh.parts[0]);
      }));
    }
    box.append(add);
    return box;
  }

  /** @param {Condition} condition @param {Group} of @param {Condition | Group} [focus] */
  function row(condition, of, focus) {
    const line = make("div", "condition");
    const field = make("input", "field-name");
    field.setAttribute("aria-label", "Field");
    field.setAttribute("list", datalist);
    field.placeholder = "field";
    field.title = "A field, or a dotted path as maker.city";
    field.spellcheck = false;
    field.autocomplete = "off";
    field.value = condition.field;
    field.addEventListener("input", () => {
      condition.field = field.value;
      changed();
    });
    if (focus === condition) field.dataset.focus = "";
    const op = select(operators, condition.op, "Operator");
    op.addEventListener("change", () => {
      const yesNo = op.value === "$exists" || condition.op === "$exists";
      condition.op = op.value;
      if (yesNo) condition.value = op.value === "$exists" ? "true" : "";
      if (yesNo) alter(() => {}, condition);
      else changed();
      showKind();
    });
    const kind = make("span", "kind");
    const showKind = () => (kind.textContent = condition.op === "$exists" ? "" : understood(condition));
    line.append(field, op);
    if (condition.op === "$exists") {
      const yes = select([["true", "yes"], ["false", "no"]], condition.value === "false" ? "false" : "true", "Whether it exists");
      yes.addEventListener("change", () => {
        condition.value = yes.value;
        changed();
      });
      line.append(yes);
    } else {
      const value = make("input", "value");
      value.setAttribute("aria-label", "Value");
      value.placeholder = condition.op === "$in" || condition.op === "$nin" ? 'a, b, "c, d"' : 'value; "10" for the text';
      value.spellcheck = false;
      value.autocomplete = "off";
      value.value = condition.value;
      value.addEventListener("input", () => {
        condition.value = value.value;
        showKind();
        changed();
      });
      line.append(value, kind);
    }
    showKind();
    line.append(button("×", "step", () => alter(() => of.parts.splice(of.parts.indexOf(condition), 1), of), "Remove this condition"));
    return line;
  }

  return {
    /** The group as it is built now. @returns {Group} */
    get group() {
      return root;
    },
    /** Shows another filter. @param {Group} next */
    set(next) {
      root = next;
      draw();
    },
    /** Offers these fields. @param {Iterable<string>} names */
    offer(names) {
      known.replaceChildren(...[...names].map((name) => {
        const option = make("option");
        option.value = name;
        return option;
      }));
    },
  };
}
