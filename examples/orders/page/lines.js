/**
 * The two ways by which order totals come: a plain WebSocket, and Socket.IO. Each tells the present totals first, then
 * every change, and comes back by itself.
 */
import { io } from "/socket.io/socket.io.esm.min.js";

/** How often a product was ordered; null: it is gone. @typedef {{ id: string, total: number | null }} Total */
/** @typedef {{ hear: (message: Total) => void, state: (live: boolean) => void }} Listener */

/**
 * @param {string} category @param {Listener} listener
 * @returns {() => void} closes it
 */
export function byWebSocket(category, listener) {
  /** @type {WebSocket | undefined} */
  let socket;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  let delay = 300;
  const open = () => {
    socket = new WebSocket(`${location.origin.replace("http", "ws")}/orders/${category}`);
    socket.onopen = () => {
      delay = 300;
      listener.state(true);
    };
    socket.onmessage = ({ data }) => listener.hear(JSON.parse(data));
    socket.onclose = () => {
      listener.state(false);
      waiting = setTimeout(open, delay);
      delay = Math.min(delay * 2, 3000);
    };
  };
  open();
  return () => {
    clearTimeout(waiting);
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  };
}

/**
 * @param {string} category @param {Listener} listener
 * @returns {() => void} closes it
 */
export function bySocketIO(category, listener) {
  const socket = io({ reconnectionDelay: 300, reconnectionDelayMax: 3000, forceNew: true });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const subscribe = () => {
    socket.emit("SUBSCRIBE", category, { snapshot: true }, (/** @type {{ items: { id: string, orders?: number }[] } | null} */ result) => {
      if (!result) {
        waiting = setTimeout(subscribe, 2000); // refused for now: the state stays as it is
        return;
      }
      for (const { id, orders } of result.items) listener.hear({ id, total: orders ?? 0 });
      listener.state(true);
    });
  };
  socket.on("connect", subscribe);
  socket.on("disconnect", () => {
    clearTimeout(waiting);
    listener.state(false);
  });
  for (const type of ["ADDED", "MODIFIED", "DELETED"]) {
    socket.on(type, ({ id, item }) => listener.hear({ id, total: type === "DELETED" ? null : (item.orders ?? 0) }));
  }
  return () => {
    clearTimeout(waiting);
    socket.removeAllListeners();
    socket.disconnect();
  };
}
