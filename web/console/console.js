/**
 * The console: which view is shown, and the connection that all of them share.
 */
import { connect, loadClient } from "../page/connection.js";
import { element } from "../page/element.js";
import { createCharts } from "./charts.js";
import { createClients } from "./clients.js";
import { createData } from "./data.js";
import { readRoute, writeRoute } from "./route.js";
import { createStream } from "./stream.js";

/** @typedef {import("./route.js").Route} Route */

const banner = element("banner");
const state = element("state");
const main = element("view");
const links = [...element("views").querySelectorAll("a")];

/** @param {typeof import("socket.io-client")} client */
function start(client) {
  const socket = connect(client, ({ name, text, banner: said }) => {
    state.dataset.state = document.body.dataset.state = name;
    element("state-text").textContent = text;
    banner.textContent = said;
    banner.hidden = said === "";
  });
  const data = createData(socket, go);
  const stream = createStream(socket);
  const clients = createClients();
  const charts = createCharts();
  const views = { data, stream, clients, charts };

  /** Shows what the address says. */
  function show() {
    const route = readRoute(location.hash);
    for (const name of /** @type {(keyof typeof views)[]} */ (Object.keys(views))) {
      element(name).hidden = name !== route.view;
      if (name !== route.view) views[name].hide();
    }
    for (const link of links) {
      if (link.dataset.view === route.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (route.view === "data") {
      data.show(route);
      document.title = `${[route.id, route.collection || "Console"].filter((part) => part !== undefined).join(" · ")} · ackbase`;
    } else {
      views[route.view].show();
      document.title = `${links.find((link) => link.dataset.view === route.view)?.textContent?.trim()} · ackbase`;
    }
  }

  /** Goes to another address; `instead` leaves no step behind for the browser's back button. @param {Route} route @param {boolean} [instead] */
  function go(route, instead = false) {
    const hash = writeRoute(route);
    if (hash === location.hash) return show();
    history[instead ? "replaceState" : "pushState"](null, "", hash);
    show();
  }
  addEventListener("popstate", show);
  socket.on("connect", () => data.resume());
  show();
}

/** @param {Error} error */
function cannotStart(error) {
  state.dataset.state = document.body.dataset.state = "failed";
  element("state-text").textContent = "Not connected";
  banner.textContent = error.message;
  banner.hidden = false;
}

element("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address's # is ours
  main.focus();
});
loadClient().then(start, cannotStart);
