/**
 * A machine as it is, and as it was at each moment that a snapshot tells of.
 */
import { element, make } from "/page/element.js";
import { showState } from "/page/lamp.js";
import { followMachine, recreate } from "./machine.js";

/** @typedef {import("./machine.js").Snapshot} Snapshot */

const at = element("at", HTMLInputElement);
const follow = element("follow", HTMLButtonElement);
const words = /** @type {Record<string, string>} */ ({ name: "Name", state: "State", firing: "Firing", temperature: "Temperature", target: "Target", stage: "Stage", held: "Held for", shelves: "Shelves", load: "Load" });

/** @type {Snapshot[]} */
let snapshots = [];
let following = true;

/** @param {string} name @param {any} value @returns {string | Node} */
function show(name, value) {
  if (Array.isArray(value)) {
    if (value.length === 0) return "nothing";
    const list = make("ul");
    list.append(...value.map((part) => make("li", "", String(part))));
    return list;
  }
  if (name === "temperature" || name === "target") return `${value} °C`;
  if (name === "held") return value === 1 ? "1 step" : `${value} steps`;
  if (name === "stage" && typeof value === "number") return String(value + 1);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function showMoment() {
  const last = snapshots.length - 1;
  if (last < 0) return;
  if (following) at.value = String(last);
  const index = Math.min(Number(at.value), last);
  const snapshot = /** @type {Snapshot} */ (snapshots[index]);
  const state = /** @type {Record<string, any>} */ (recreate(snapshots.slice(0, index + 1)));
  const touched = new Set(snapshot.patch.map(({ path }) => path.split("/")[1]));

  element("name").textContent = String(state.name ?? `Machine ${state.id}`);
  const badge = element("what");
  badge.textContent = badge.dataset.state = String(state.state);
  badge.append(typeof state.temperature === "number" ? ` · ${state.temperature} °C` : "");
  element("time").textContent = new Date(snapshot.time).toLocaleTimeString();
  element("time").setAttribute("datetime", snapshot.time);
  element("reason").textContent = snapshot.reason ?? snapshot.type;
  element("place").textContent = `${index + 1} of ${snapshots.length}`;
  at.setAttribute("aria-valuetext", `${index + 1} of ${snapshots.length}: ${snapshot.reason ?? snapshot.type}`);

  const fields = [];
  for (const [name, value] of Object.entries(state)) {
    if (name === "id" || name === "name") continue;
    const [term, detail] = [make("dt", "", words[name] ?? name), make("dd")];
    detail.append(show(name, value));
    if (index > 0 && touched.has(name)) detail.dataset.changed = "";
    fields.push(term, detail);
  }
  element("fields").replaceChildren(...fields);

  element("patch").replaceChildren(
    ...snapshot.patch.map((operation) => {
      const entry = make("li");
      entry.dataset.op = operation.op;
      entry.append(make("b", "", operation.op), make("span", "", operation.path));
      if ("value" in operation) entry.append(make("code", "", JSON.stringify(operation.value)));
      return entry;
    }),
  );
  follow.setAttribute("aria-pressed", String(following));
  follow.textContent = following ? "Following live" : "Follow live";
  element("back").setAttribute("aria-disabled", String(index === 0));
  element("on").setAttribute("aria-disabled", String(index === last));
  draw(index);
}

/** Draws the temperature of each snapshot, and a line where the reader is. @param {number} index */
function draw(index) {
  const [width, height, hottest] = [600, 160, 1100];
  const x = (/** @type {number} */ i) => ((i / Math.max(snapshots.length - 1, 1)) * width).toFixed(1);
  const points = snapshots.map(({ item }, i) => `${x(i)} ${(height - (Math.min(Math.max(Number(item?.temperature) || 0, 0), hottest) / hottest) * height).toFixed(1)}`);
  element("line", SVGPathElement).setAttribute("d", `M${points.join("L")}`);
  element("area", SVGPathElement).setAttribute("d", `M0 ${height}L${points.join("L")}L${width} ${height}Z`);
  element("now", SVGPathElement).setAttribute("d", `M${x(index)} 0V${height}`);
  const temperatures = snapshots.map(({ item }) => Number(item?.temperature) || 0);
  element("chart", SVGElement).setAttribute("aria-label", `Temperature over the last ${snapshots.length} snapshots: from ${Math.min(...temperatures)} to ${Math.max(...temperatures)} °C`);
}

/** @param {number} index */
function go(index) {
  const last = snapshots.length - 1;
  at.value = String(Math.min(Math.max(index, 0), last));
  following = Number(at.value) === last;
  showMoment();
}
at.addEventListener("input", () => go(Number(at.value)));
element("back").addEventListener("click", () => go(Number(at.value) - 1));
element("on").addEventListener("click", () => go(Number(at.value) + 1));
follow.addEventListener("click", () => {
  following = !following;
  showMoment();
});

let stop = () => {};

/** @param {string} id */
function open(id) {
  stop();
  showState("connecting");
  following = true;
  stop = followMachine(id, {
    changed(list) {
      // Where the oldest ones have gone, the reader stays with the snapshot that they look at.
      const shown = snapshots[Number(at.value)];
      snapshots = list;
      at.max = String(list.length - 1);
      if (!following && shown) at.value = String(Math.max(list.findIndex(({ cursor }) => cursor === shown.cursor), 0));
      showMoment();
    },
    state: (live) => showState(live ? "live" : "connecting"),
    fault(message) {
      element("banner").textContent = message;
      element("banner").hidden = false;
    },
  });
}

/** Shows which machines there are, and the one that the address names. */
async function start() {
  const wanted = new URLSearchParams(location.search).get("ltm") ?? "1";
  const answer = await fetch("/api/v0/ltm");
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error.message);
  for (const { id, name } of /** @type {{ id: number, name: string }[]} */ (body)) {
    const [label, radio] = [make("label"), make("input")];
    radio.type = "radio";
    radio.name = "machine";
    radio.value = String(id);
    radio.checked = radio.value === wanted;
    radio.addEventListener("change", () => {
      history.replaceState(null, "", `?ltm=${encodeURIComponent(radio.value)}`);
      open(radio.value);
    });
    label.append(radio, name);
    element("machines").append(label);
  }
  open(wanted);
}

start().catch((fault) => {
  element("banner").textContent = `The machines cannot be listed: ${fault.message}. Reload the page to try again.`;
  element("banner").hidden = false;
});
