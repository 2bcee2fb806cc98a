/**
 * Short messages at the edge of the page: what was done, with a way back, and what failed.
 */
import { element, make } from "./element.js";
import { sentence } from "./words.js";

const area = element("notices");
const stay = 7000; // ms; an error stays until it is closed

/**
 * @param {string} text
 * @param {{ error?: boolean, action?: string, act?: () => void }} [options]
 */
export function notify(text, { error = false, action, act } = {}) {
  const notice = make("div", "notice");
  notice.dataset.kind = error ? "error" : "done";
  if (error) notice.setAttribute("role", "alert");
  notice.append(make("p", "", text));
  let timer = 0;
  const close = () => {
    clearTimeout(timer);
    notice.remove();
  };
  if (action && act) {
    const button = make("button", "quiet", action);
    button.type = "button";
    button.addEventListener("click", () => {
      close();
      act();
    });
    notice.append(button);
  }
  const dismiss = make("button", "step", "×");
  dismiss.type = "button";
  dismiss.setAttribute("aria-label", "Close this message");
  dismiss.addEventListener("click", close);
  notice.append(dismiss);

  // Whoever points at it, or is on it by keyboard, is still reading.
  const wait = () => {
    clearTimeout(timer);
    if (!error) timer = window.setTimeout(close, stay);
  };
  notice.addEventListener("pointerenter", () => clearTimeout(timer));
  notice.addEventListener("focusin", () => clearTimeout(timer));
  notice.addEventListener("pointerleave", wait);
  notice.addEventListener("focusout", wait);
  wait();

  area.append(notice);
  while (area.children.length > 3) area.firstElementChild?.remove();
}

/** @param {unknown} error @param {string} [doing] what was being done: "Deleting the item" */
export function notifyFault(error, doing) {
  notify(doing ? `${doing} failed. ${sentence(error)}` : sentence(error), { error: true });
}
