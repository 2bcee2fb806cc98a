/**
 * Who is connected, and what each has subscribed to, has under way, and has not taken yet.
 */
import { element, make } from "../page/element.js";
import { sentence } from "../page/words.js";
import { readClients } from "./api.js";
import { amount, bytes, lasted } from "./measures.js";
import { createPoll } from "./poll.js";

/** @typedef {import("./api.js").Client} Client */

const rows = element("clients-rows");
const count = element("clients-count");
const fault = element("clients-fault");
const nothing = element("clients-nothing");
const sort = element("clients-sort", HTMLSelectElement);
const transports = /** @type {Record<string, string>} */ ({ websocket: "WebSocket", polling: "Long-polling" });

/** What a browser or a program calls itself, in a word or two. @param {string} agent */
function program(agent) {
  const known = /(Firefox|Edg|OPR|HeadlessChrome|Chrome|Version)\/(\d+)/g;
  const found = [...agent.matchAll(known)].map(([, name = "", version = ""]) => ({ name, version }));
  const chosen = ["Firefox", "Edg", "OPR", "HeadlessChrome", "Chrome", "Version"].map((name) => found.find((one) => one.name === name)).find((one) => one);
  if (!chosen) return agent === "" ? "no user agent" : agent.slice(0, 60);
  const names = /** @type {Record<string, string>} */ ({ Edg: "Edge", OPR: "Opera", HeadlessChrome: "Chrome", Version: "Safari" });
  return `${names[chosen.name] ?? chosen.name} ${chosen.version}`;
}

export function createClients() {
  /** @type {Map<string, { row: HTMLTableRowElement, text: string }>} */
  const shown = new Map();

  const poll = createPoll(async () => {
    let answer;
    try {
      answer = await readClients(sort.value);
    } catch (error) {
      fault.textContent = `${sentence(error)} What is shown is from before.`;
      fault.hidden = false;
      return;
    }
    fault.hidden = true;
    const { total, streams, clients } = answer;
    count.textContent = `${amount(total)} ${total === 1 ? "connection" : "connections"}${clients.length < total ? `, the first ${amount(clients.length)} shown` : ""}${streams > 0 ? ` · ${amount(streams)} HTTP ${streams === 1 ? "stream" : "streams"}` : ""}`;
    nothing.hidden = clients.length > 0;
    const keep = new Set(clients.map(({ key }) => key));
    for (const [key, { row }] of shown) {
      if (keep.has(key)) continue;
      row.remove();
      shown.delete(key);
    }
    const now = Date.now();
    let place = rows.firstElementChild;
    for (const client of clients) {
      const lasting = lasted(now - Date.parse(client.since));
      const text = JSON.stringify(client);
      let entry = shown.get(client.key);
      if (!entry) shown.set(client.key, (entry = { row: make("tr"), text: "" }));
      if (entry.text !== text) fill(entry.row, client);
      entry.text = text;
      const since = entry.row.querySelector("time");
      if (since && since.textContent !== lasting) since.textContent = lasting;
      if (entry.row === place) place = place.nextElementSibling;
      else rows.insertBefore(entry.row, place);
    }
  }, 1000);

  sort.addEventListener("change", () => poll.start());
  return { show: poll.start, hide: poll.stop };
}

/** @param {string} label @param {string} [name] */
function cell(label, name = "") {
  const made = make("td", name);
  made.dataset.label = label;
  return made;
}

/** @param {HTMLTableRowElement} row @param {Client} client */
function fill(row, client) {
  const who = cell("Client", "whoever");
  who.append(make("b", "", client.address || "no address"), make("span", "agent", program(client.userAgent)));
  who.title = client.userAgent;
  const how = cell("Transport");
  how.append(make("span", `badge-of ${client.transport}`, transports[client.transport] ?? client.transport));
  if (client.protocol !== 4) how.append(" ", make("span", "badge-of old", `Engine.IO ${client.protocol}`));
  const since = cell("Connected");
  const time = make("time");
  time.dateTime = client.since;
  time.title = new Date(client.since).toLocaleString();
  since.append(time);

  const rooms = cell("Subscribed", "rooms");
  let pending = 0;
  let pendingBytes = 0;
  let behind = false;
  for (const socket of client.sockets) {
    pending += socket.pending;
    pendingBytes += socket.pendingBytes;
    behind ||= socket.behind;
    if (socket.namespace !== "/" || client.count > 1) rooms.append(make("span", "namespace", socket.namespace));
    for (const [names, kind] of /** @type {const} */ ([[socket.subscriptions, "subscription"], [socket.rooms, "room"]])) {
      for (const name of names.first) rooms.append(make("span", `chip ${kind}`, name));
      if (names.count > names.first.length) rooms.append(make("span", "chip rest", `+${amount(names.count - names.first.length)}`));
    }
  }
  if (client.count > client.sockets.length) rooms.append(make("span", "chip rest", `+${amount(client.count - client.sockets.length)} namespaces`));
  if (rooms.childElementCount === 0) rooms.append(make("span", "hush", client.count === 0 ? "in no namespace yet" : "none"));

  const waiting = cell("Waiting", "amount");
  waiting.append(make("span", client.waiting > 0 ? "some" : "none", bytes(client.waiting)));
  if (behind) waiting.append(" ", make("span", "badge-of behind", "behind"));
  const way = cell("Under way", "amount");
  way.append(make("span", pending > 0 ? "some" : "none", pending > 0 ? `${amount(pending)} (${bytes(pendingBytes)})` : "0"));
  row.replaceChildren(who, how, since, rooms, waiting, way);
}
