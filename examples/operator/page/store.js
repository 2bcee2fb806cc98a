/**
 * The websocket store: one connection for the whole page, which comes back by itself with all that was subscribed to, until it
 * is deliberately ended.
 */
import { AckbaseError, createClient } from "/client/ackbase.js";
import { io } from "/socket.io/socket.io.esm.min.js";

/** @typedef {{ id: string, name: string }} Project */
/** @typedef {{ id: number, project: string, name: string, keys?: Record<string, string> }} Session */
/** @typedef {{ id: number, session: number, kind: "command" | "answer" | "error", text: string }} Line */

/**
 * What the store shows: replaced as a whole, never changed.
 * @typedef {object} View
 * @property {boolean} connected
 * @property {readonly Project[]} projects
 * @property {{ id: string, sessions: readonly Session[] } | null} project the one that is subscribed to
 * @property {{ id: number, session: Session | undefined, lines: readonly Line[] } | null} session likewise; its session is undefined until it is known, and where there is none
 */

/** How many lines of a session are shown. */
const mostLines = 200;

/** How long a server may take to answer a command, in milliseconds. */
const patience = 15_000;

/** @param {string} [url] of the server, where it is not that of the page */
export function createWebsocketStore(url) {
  // It connects at once.
  const options = { forceNew: true, reconnectionDelay: 300, reconnectionDelayMax: 3000 };
  const socket = url ? io(url, options) : io(options);
  const client = createClient(socket);
  const projects = client.collection("projects");
  const sessions = client.collection("sessions");
  const lines = client.collection("lines");

  /** @type {View} */
  let view = { connected: false, projects: [], project: null, session: null };
  /** @type {Set<(view: View) => void>} */
  const listeners = new Set();
  /** @param {Partial<View>} part */
  const show = (part) => {
    view = { ...view, ...part };
    for (const listener of [...listeners]) listener(view);
  };

  /** What is subscribed to, each with what ends it. @type {{ projects: () => void, project: () => void, session: () => void }} */
  const held = { projects: () => {}, project: () => {}, session: () => {} };
  const connected = () => show({ connected: true });
  const disconnected = () => show({ connected: false });
  socket.on("connect", connected);
  socket.on("disconnect", disconnected);
  held.projects = projects.live({ sort: "name" }).subscribe(({ items }) => show({ projects: /** @type {any} */ (items) }));

  /**
   * Follows a query, and waits until its first result is there.
   * @param {{ subscribe(listener: (snapshot: any) => void): () => void }} live
   * @param {(items: any[]) => void} tell
   * @returns {{ ready: Promise<void>, end: () => void }}
   */
  const follow = (live, tell) => {
    let stop = () => {};
    let settle = () => {};
    const ready = /** @type {Promise<void>} */ (
      new Promise((resolve, reject) => {
        settle = () => resolve();
        stop = live.subscribe(({ items, status, error }) => {
          if (status === "live" || items.length > 0) tell(items);
          if (status === "live") resolve();
          if (status === "error") reject(error);
        });
      })
    );
    const end = () => {
      stop();
      settle(); // nobody shall wait for what is not wanted any more
    };
    return { ready, end };
  };

  /** @param {string} event @param {object} request @returns {Promise<void>} */
  const ask = (event, request) =>
    new Promise((resolve, reject) => {
      // It would wait in the socket's buffer, and run long after it was typed.
      if (!socket.connected) return reject(new Error("not connected: the command was not sent"));
      socket.timeout(patience).emit(event, request, (/** @type {Error | null} */ silence, /** @type {unknown} */ _, /** @type {any} */ error) => {
        if (silence) reject(new Error("no answer came: it is not known whether the command ran", { cause: silence }));
        else if (error) reject(new AckbaseError(error));
        else resolve();
      });
    });

  const unsubscribeFromProject = () => {
    held.project();
    held.project = () => {};
    if (view.project) show({ project: null });
  };
  const unsubscribeFromSession = () => {
    held.session();
    held.session = () => {};
    if (view.session) show({ session: null });
  };

  return {
    /** The socket, for listeners of one's own: whoever adds one takes it away again. */
    get ws() {
      return socket;
    },

    /**
     * Calls back at once and on each change, as stores of Svelte do.
     * @param {(view: View) => void} listener @returns {() => void}
     */
    subscribe(listener) {
      listeners.add(listener);
      listener(view);
      return () => listeners.delete(listener);
    },

    /** Follows the sessions of a project, in the place of those of another. Resolves when they are there. @param {string} projectId */
    async subscribeToProject(projectId) {
      unsubscribeFromProject();
      show({ project: { id: projectId, sessions: [] } });
      const { ready, end } = follow(sessions.live({ filters: { project: { $eq: projectId } }, limit: 100 }), (items) => show({ project: { id: projectId, sessions: items } }));
      held.project = end;
      await ready;
    },
    unsubscribeFromProject,

    /** Follows a session: its keys and its lines. Resolves when they are there. @param {number | string} sessionId */
    async subscribeToSession(sessionId) {
      unsubscribeFromSession();
      const id = Number(sessionId);
      show({ session: { id, session: undefined, lines: [] } });
      const tell = (/** @type {object} */ part) => view.session && show({ session: { ...view.session, ...part } });
      const own = follow(sessions.live({ filters: { id }, limit: 1 }), ([session]) => tell({ session }));
      const log = follow(lines.live({ filters: { session: id }, sort: "-id", limit: mostLines }), (newest) => tell({ lines: [...newest].reverse() }));
      held.session = () => {
        own.end();
        log.end();
      };
      await Promise.all([own.ready, log.ready]);
    },
    unsubscribeFromSession,

    /** Has a command run in a session. Resolves when it has. @param {number | string} sessionId @param {string} command */
    sendCommand: (sessionId, command) => ask("command", { sessionId: Number(sessionId), command }),

    /** Deletes a key of a session. @param {number | string} sessionId @param {string} key */
    deleteKey: (sessionId, key) => ask("session-delete-key", { sessionId: Number(sessionId), key }),

    /** Makes a session in a project. @param {string} projectId @param {string} name @returns {Promise<Session>} */
    createSession: (projectId, name) => /** @type {Promise<any>} */ (sessions.create({ project: projectId, name, keys: {} })),

    /** Ends the connection for good: nothing is heard any more, and nothing comes back. */
    disconnect() {
      unsubscribeFromSession();
      unsubscribeFromProject();
      held.projects();
      client.close();
      socket.disconnect();
      socket.off("connect", connected);
      socket.off("disconnect", disconnected);
      show({ connected: false });
    },

    /** How many listen: to the store, and to its socket. */
    get listenerCount() {
      const events = ["connect", "disconnect", "connect_error", "ADDED", "MODIFIED", "DELETED", "BOOKMARK"];
      return { store: listeners.size, socket: events.reduce((sum, event) => sum + socket.listeners(event).length, 0) };
    },
  };
}

/** @typedef {ReturnType<typeof createWebsocketStore>} WebsocketStore */
