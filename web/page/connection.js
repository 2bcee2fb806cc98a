/**
 * The socket and what can be said of it: connecting, live over which transport, lost, or left by choice.
 */
import { loadModule } from "./module.js";

/** @typedef {import("socket.io-client").Socket} Socket */
/** @typedef {{ name: "connecting" | "live" | "lost" | "away", text: string, banner: string }} State */

/**
 * Loads socket.io-client from this server.
 * @returns {Promise<typeof import("socket.io-client")>} rejects with a sentence that says what to do
 */
export const loadClient = () =>
  loadModule(new URL("../socket.io/socket.io.esm.min.js", import.meta.url), "The socket.io client could not be loaded from this server: is it still running? Reload the page to try again.");

const transports = /** @type {Record<string, string>} */ ({
  websocket: "WebSocket",
  polling: "long-polling",
  webtransport: "WebTransport",
});

/**
 * Connects, and tells of each change of the connection's state.
 *
 * `?transport=polling` (or `websocket`) in the page's address keeps to that transport.
 *
 * @param {typeof import("socket.io-client")} client
 * @param {(state: State) => void} tell
 */
export function connect({ io }, tell) {
  const only = new URLSearchParams(location.search).get("transport");
  const socket = io({
    reconnectionDelay: 400,
    reconnectionDelayMax: 3000,
    timeout: 10000,
    ...(only === "polling" || only === "websocket" ? { transports: [only] } : {}),
  });
  let lastLive = "";

  const live = () => {
    const name = socket.io.engine?.transport.name ?? "";
    tell({ name: "live", text: `Live · ${transports[name] ?? name}`, banner: "" });
  };
  /** @param {string} why */
  const lost = (why) => {
    const stale = lastLive ? ` What you see was there at ${lastLive}.` : "";
    tell({ name: lastLive ? "lost" : "connecting", text: lastLive ? "Reconnecting…" : "Connecting…", banner: `${why}${stale} Trying again…` });
  };

  socket.on("connect", () => {
    live();
    socket.io.engine.on("upgrade", live);
  });
  socket.on("disconnect", (reason) => {
    lastLive = new Date().toLocaleTimeString();
    if (reason === "io client disconnect") {
      tell({ name: "away", text: "Offline", banner: `You went offline. What you see was there at ${lastLive}; it does not change until you go online.` });
    } else {
      lost(navigator.onLine ? "The connection to the server is lost." : "This device is offline.");
      // After a DISCONNECT packet from the server a stock client would stay away.
      if (reason === "io server disconnect") socket.connect();
    }
  });
  socket.on("connect_error", (error) => {
    if (socket.active) lost("The server does not answer.");
    else tell({ name: "lost", text: "Refused", banner: `The server refused the connection: ${error.message}. Reload the page to try again.` });
  });
  // Nothing is gained by waiting out the delay when the network has just come back.
  addEventListener("online", () => {
    if (!socket.connected && socket.active) socket.disconnect().connect();
  });
  return socket;
}
