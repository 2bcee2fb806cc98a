/**
 * The page's own elements, by the ids in index.html.
 */

/**
 * @template {Element} [T=HTMLElement]
 * @param {string} id
 * @param {new (...args: any[]) => T} [kind]
 * @returns {T}
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!found || (kind && !(found instanceof kind))) throw new Error(`index.html has no ${kind?.name ?? "element"} with the id ${id}`);
  return /** @type {T} */ (/** @type {unknown} */ (found));
}

/**
 * A new element with a class and a text.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {string} [name] its class @param {string} [text]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, name = "", text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
}
