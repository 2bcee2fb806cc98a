/**
 * The text of an item, with the number of each line, and what is wrong beside the line where it is wrong.
 */
import { element, make } from "../page/element.js";
import { lineOf } from "./jsontext.js";

/** @typedef {import("./jsontext.js").Place} Place */
/** Something that is wrong at a place. @typedef {Place & { message: string }} Mark */

const code = element("code", HTMLTextAreaElement);
const paper = element("paper");
const lines = element("lines");
const marks = element("marks");

const lineHeight = 21; // px, as item.css has it
const widest = 20_000; // characters; longer lines scroll within

/** @param {() => void} changed called when the text was edited */
export function createEditor(changed) {
  let rows = 0;

  function fit() {
    const all = code.value.split("\n");
    if (all.length !== rows) {
      rows = all.length;
      lines.textContent = Array.from({ length: rows }, (_, i) => i + 1).join("\n");
      code.style.height = `${rows * lineHeight + 24}px`;
    }
    code.style.minWidth = `${Math.min(widest, all.reduce((most, line) => Math.max(most, line.length), 0)) + 3}ch`;
  }
  code.addEventListener("input", () => {
    fit();
    changed();
  });

  return {
    get text() {
      return code.value;
    },
    /** @param {string} text */
    set(text) {
      code.value = text;
      fit();
      paper.scrollTo(0, 0);
      this.mark([]);
    },
    /** Shows what is wrong, where it is. @param {Mark[]} wrong */
    mark(wrong) {
      const text = code.value;
      const all = text.split("\n");
      /** @type {Map<number, string[]>} */
      const said = new Map();
      for (const { from, message } of wrong) {
        const line = lineOf(text, from);
        said.set(line, [...(said.get(line) ?? []), message]);
      }
      marks.replaceChildren(...[...said].map(([line, messages]) => {
        const mark = make("div", "wrong-line");
        const words = make("span", "", messages.join(" · "));
        words.style.marginLeft = `${Math.min(all[line]?.length ?? 0, widest) + 2}ch`;
        mark.style.top = `${line * lineHeight}px`;
        mark.append(words);
        return mark;
      }));
      code.setAttribute("aria-invalid", String(wrong.length > 0));
    },
    /** Puts the cursor on a place. @param {Place} place */
    go({ from, to }) {
      code.focus({ preventScroll: true });
      code.setSelectionRange(from, to);
      paper.scrollTo({ top: Math.max(0, (lineOf(code.value, from) - 2) * lineHeight), left: 0 });
    },
    /** @param {FocusOptions} [options] */
    focus(options) {
      code.focus(options);
    },
  };
}
