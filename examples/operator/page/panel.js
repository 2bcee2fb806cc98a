/**
 * The part of the page that shows one session: its log, its keys, and where commands are typed. It lives from openPanel until destroy.
 */
import { element, make } from "/page/element.js";

/** @typedef {import("./store.js").WebsocketStore} WebsocketStore */

/**
 * @param {WebsocketStore} store @param {number} id
 * @returns {{ destroy: () => void }}
 */
export function openPanel(store, id) {
  const template = element("panel", HTMLTemplateElement);
  const place = element("place");
  place.replaceChildren(template.content.cloneNode(true));
  const [log, keys, input, fault, title] = [element("log"), element("keys"), element("command", HTMLInputElement), element("fault"), element("session-name")];
  const scroll = element("scroll");

  /** @type {readonly import("./store.js").Line[]} */
  let shownLines = [];
  let shownKeys = "";

  /** @param {unknown} error */
  const showFault = (error) => {
    fault.textContent = error ? /** @type {Error} */ (error).message : "";
    fault.hidden = !error;
  };

  const stop = store.subscribe(({ session, connected }) => {
    if (session?.id !== id) return;
    title.textContent = session.session?.name ?? (connected ? "There is no such session." : "…");
    input.disabled = !connected;
    input.placeholder = connected ? "help" : "not connected";
    if (session.lines !== shownLines) {
      shownLines = session.lines;
      const end = scroll.scrollTop + scroll.clientHeight > scroll.scrollHeight - 30;
      log.replaceChildren(
        ...shownLines.map((line) => {
          const entry = make("li", "", line.text);
          entry.dataset.kind = line.kind;
          return entry;
        }),
      );
      element("quiet").hidden = shownLines.length > 0;
      if (end) scroll.scrollTop = scroll.scrollHeight;
    }
    const list = Object.entries(session.session?.keys ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    if (JSON.stringify(list) === shownKeys) return;
    shownKeys = JSON.stringify(list);
    keys.replaceChildren(
      ...list.map(([key, value]) => {
        const [row, name, text, button] = [make("li"), make("b", "", key), make("span", "", String(value)), make("button", "quiet", "Delete")];
        button.type = "button";
        button.setAttribute("aria-label", `Delete ${key}`);
        button.addEventListener("click", () => {
          store.deleteKey(id, key).then(() => showFault(undefined), showFault);
        });
        row.append(name, text, button);
        return row;
      }),
    );
    element("no-keys").hidden = list.length > 0;
  });
  store.subscribeToSession(id).catch(showFault);

  element("console", HTMLFormElement).addEventListener("submit", async (event) => {
    event.preventDefault();
    const command = input.value.trim();
    if (command === "") return;
    input.value = "";
    try {
      await store.sendCommand(id, command);
      showFault(undefined);
    } catch (error) {
      input.value ||= command; // to be sent again
      showFault(error);
    }
  });

  return {
    destroy() {
      stop();
      store.unsubscribeFromSession();
      place.replaceChildren();
    },
  };
}
