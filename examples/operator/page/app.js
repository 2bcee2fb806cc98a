/**
 * The desk: projects, their sessions, and the session that is open.
 */
import { element, make } from "/page/element.js";
import { showState } from "/page/lamp.js";
import { openPanel } from "./panel.js";
import { createWebsocketStore } from "./store.js";

/** @typedef {import("./store.js").WebsocketStore} WebsocketStore */

const hang = element("hang-up", HTMLButtonElement);

/** @type {WebsocketStore | undefined} */
let store;
/** @type {{ id: number, destroy: () => void } | undefined} */
let panel;
let stop = () => {};
let project = "";

/** @param {number} id */
function openSession(id) {
  if (!store) return;
  panel?.destroy();
  panel = { id, ...openPanel(store, id) };
  mark();
}

function closePanel() {
  panel?.destroy();
  panel = undefined;
  element("place").replaceChildren(make("p", "note", "Choose a session to see its log and its keys, and to have commands run in it."));
}

function mark() {
  for (const button of element("sessions").querySelectorAll("button")) button.setAttribute("aria-pressed", String(Number(button.dataset.id) === panel?.id));
}

/** @param {unknown} error */
function showFault(error) {
  element("nav-fault").textContent = error instanceof Error ? error.message : "";
  element("nav-fault").hidden = !(error instanceof Error);
}

/** @param {string} id */
function choose(id) {
  if (!store || id === project) return;
  project = id;
  closePanel();
  store.subscribeToProject(id).then(() => showFault(undefined), showFault);
}

/** Shows a list in an element, leaving what is there already in its place, so that focus stays. @param {HTMLElement} place @param {string[]} keys @param {(key: string) => HTMLElement} create */
function arrange(place, keys, create) {
  const there = new Map([...place.children].map((part) => [/** @type {HTMLElement} */ (part).dataset.key, part]));
  const parts = keys.map((key) => there.get(key) ?? create(key));
  parts.forEach((part, i) => {
    /** @type {HTMLElement} */ (part).dataset.key = keys[i];
    if (place.children[i] !== part) place.insertBefore(part, place.children[i] ?? null);
  });
  while (place.children.length > parts.length) place.lastElementChild?.remove();
}

function connect() {
  store = createWebsocketStore();
  let was = false;
  showState("connecting");
  stop = store.subscribe((view) => {
    if (view.connected !== was) showState(view.connected ? "live" : "connecting");
    was = view.connected;
    arrange(element("projects"), view.projects.map(({ id }) => id), (id) => {
      const [label, radio] = [make("label"), make("input")];
      radio.type = "radio";
      radio.name = "project";
      radio.value = id;
      radio.addEventListener("change", () => choose(id));
      label.append(radio, view.projects.find((one) => one.id === id)?.name ?? id);
      return label;
    });
    const first = view.projects[0];
    if (project === "" && first) choose(first.id);
    for (const radio of element("projects").querySelectorAll("input")) radio.checked = radio.value === project;
    const sessions = view.project?.sessions ?? [];
    arrange(element("sessions"), sessions.map(({ id }) => String(id)), (id) => {
      const [entry, button] = [make("li"), make("button")];
      button.type = "button";
      button.dataset.id = id;
      button.addEventListener("click", () => openSession(Number(id)));
      entry.append(button);
      return entry;
    });
    for (const { id, name } of sessions) {
      const button = element("sessions").querySelector(`[data-id="${CSS.escape(String(id))}"]`);
      if (button && button.textContent !== name) button.textContent = String(name);
    }
    element("no-sessions").hidden = sessions.length > 0 || !view.project;
    mark();
  });
  hang.textContent = "Disconnect";
}

hang.addEventListener("click", () => {
  if (store) {
    closePanel();
    stop();
    store.disconnect();
    store = undefined;
    project = "";
    element("projects").querySelectorAll("label").forEach((label) => label.remove());
    element("sessions").replaceChildren();
    showState("away");
    hang.textContent = "Connect";
  } else {
    connect();
  }
});

element("new", HTMLFormElement).addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = element("new-name", HTMLInputElement);
  if (!store || project === "" || name.value.trim() === "") return;
  try {
    const { id } = await store.createSession(project, name.value.trim());
    name.value = "";
    showFault(undefined);
    openSession(id);
  } catch (error) {
    showFault(error);
  }
});

closePanel();
connect();
