/**
 * One machine: its snapshots so far over HTTP, and every further one over a plain WebSocket.
 */
import { applyPatch, compare, deepClone } from "/fast-json-patch/index.mjs";

/** @typedef {import("/fast-json-patch/index.mjs").Operation} Operation */
/** @typedef {{ type: string, time: string, reason?: string, cursor: string, patch: Operation[], item: any }} Snapshot */
/** @typedef {{ id: number | string, state: any, snapshots: Snapshot[], cursor: string }} Machine */

/** How many snapshots the page keeps. */
const most = 1000;

/**
 * The state after some snapshots: their patches, applied in turn to nothing.
 * @param {Snapshot[]} snapshots
 */
export function recreate(snapshots) {
  const state = {};
  for (const { patch } of snapshots) applyPatch(state, deepClone(patch));
  return state;
}

/**
 * Keeps the snapshots of a machine up to date, over lost connections too.
 *
 * @param {string} id
 * @param {{ changed: (snapshots: Snapshot[]) => void, state: (live: boolean) => void, fault: (message: string) => void }} listener
 * @returns {() => void} ends it
 */
export function followMachine(id, listener) {
  /** @type {Snapshot[]} */
  let snapshots = [];
  let cursor = "";
  let ended = false;
  let delay = 300;
  /** @type {WebSocket | undefined} */
  let socket;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;

  const again = (fault = "") => {
    if (ended) return;
    listener.state(false);
    if (fault) listener.fault(fault);
    waiting = setTimeout(begin, delay);
    delay = Math.min(delay * 2, 3000);
  };

  /** All that is known, then on from exactly there. */
  const begin = async () => {
    const answer = await fetch(`/api/v0/ltm/${encodeURIComponent(id)}`).catch(() => null);
    if (ended) return;
    if (!answer) return again();
    const body = await answer.json().catch(() => null);
    if (ended) return;
    if (!answer.ok || !body) return again(body?.error.message ?? "The server's answer cannot be read.");
    const machine = /** @type {Machine} */ (body);
    snapshots = machine.snapshots;
    cursor = machine.cursor;
    listener.changed(snapshots);
    open();
  };

  const open = () => {
    let opened = false;
    socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws/${encodeURIComponent(id)}?since=${encodeURIComponent(cursor)}`);
    socket.onopen = () => {
      opened = true;
      delay = 300;
      listener.state(true);
    };
    socket.onmessage = ({ data }) => {
      const { snapshot } = /** @type {{ snapshot: Snapshot }} */ (JSON.parse(data));
      cursor = snapshot.cursor;
      snapshots.push(snapshot);
      if (snapshots.length > most) {
        const half = recreate(snapshots.splice(0, most / 2));
        const first = /** @type {Snapshot} */ (snapshots[0]);
        applyPatch(half, deepClone(first.patch));
        snapshots[0] = { ...first, patch: compare({}, half) };
      }
      listener.changed(snapshots);
    };
    socket.onclose = () => {
      if (ended) return;
      // A socket that had opened goes on after what it heard last; one that was refused begins with the state.
      if (!opened) return again();
      listener.state(false);
      waiting = setTimeout(open, delay);
    };
  };

  void begin();
  return () => {
    ended = true;
    clearTimeout(waiting);
    socket?.close();
  };
}
