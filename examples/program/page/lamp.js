/**
 * The lamp in the corner: whether what the page shows is live.
 */
import { element } from "/page/element.js";

const banner = element("banner");
const state = element("state");
const text = element("state-text");
let wasLive = "";

/** @typedef {"connecting" | "live" | "lost" | "away"} State */

/**
 * Shows the state of the connection. @param {State} name @param {string} [how] such as "WebSocket"
 */
export function showState(name, how = "") {
  if (name === "live") wasLive = " ";
  else if (wasLive === " ") wasLive = new Date().toLocaleTimeString();
  if (name === "connecting" && wasLive !== "") name = "lost";
  state.dataset.state = document.body.dataset.state = name;
  text.textContent = { connecting: "Connecting…", live: how ? `Live · ${how}` : "Live", lost: "Reconnecting…", away: "Disconnected" }[name];
  banner.hidden = name !== "lost";
  banner.textContent = name === "lost" ? `The connection to the server is lost. What you see was there at ${wasLive}. Trying again…` : "";
}
