/**
 * ackbase: collections over a Socket.IO socket, as promises, events and live queries.
 *
 *     import { io } from "socket.io-client"
 *     import { createClient } from "ackbase"
 *
 *     const items = createClient(io("http://localhost:3000")).collection("items")
 *     const lamp = await items.create({ name: "Lamp", rrp: 29 })
 *     items.watch(lamp.id, { onModified: ({ item }) => console.log(item) })
 *     items.live({ sort: "-rrp", limit: 10 }).subscribe(({ items }) => console.log(items))
 *
 * No dependencies, no build step. It needs socket.io-client 4.4 or later, the first with `socket.timeout()`.
 *
 * @module
 */

export { createClient } from "./client.js";
export { AckbaseError } from "./error.js";
export { createHelpers } from "./helpers.js";
export { metaOf } from "./meta.js";
export { request } from "./request.js";

/** @template {import("./types.js").ClientSocket} [S=import("./types.js").ClientSocket] @typedef {ReturnType<typeof import("./client.js").createClient<S>>} Client */
/** @typedef {import("./types.js").ClientOptions} ClientOptions */
/** @typedef {import("./types.js").ClientSocket} ClientSocket */
/** @template {object} [T=Record<string, any>] @typedef {import("./types.js").Collection<T>} Collection */
/** @typedef {import("./types.js").Condition} Condition */
/** @template [T=any] @typedef {import("./types.js").Change<T>} Change */
/** @typedef {import("./types.js").Filters} Filters */
/** @template [T=any] @typedef {import("./types.js").Handlers<T>} Handlers */
/** @typedef {import("./helpers.js").Helpers} Helpers */
/** @typedef {import("./types.js").Id} Id */
/** @typedef {import("./types.js").JSONPatch} JSONPatch */
/** @template {object} [T=Record<string, any>] @typedef {import("./types.js").Live<T>} Live */
/** @template {object} T @typedef {import("./types.js").MergePatch<T>} MergePatch */
/** @typedef {import("./types.js").LiveQuery} LiveQuery */
/** @typedef {import("./types.js").Meta} Meta */
/** @template [T=any] @typedef {import("./types.js").Past<T>} Past */
/** @typedef {import("./types.js").Query} Query */
/** @typedef {import("./types.js").ServerError} ServerError */
/** @template [T=any] @typedef {import("./types.js").Snapshot<T>} Snapshot */
/** @typedef {import("./types.js").SocketLike} SocketLike */
/** @typedef {import("./types.js").Status} Status */
/** @typedef {import("./types.js").Target} Target */
/** @typedef {import("./types.js").WriteOptions} WriteOptions */
/** @template {object} T @typedef {import("./types.js").Writes<T>} Writes */
