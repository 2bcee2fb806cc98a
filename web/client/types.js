/**
 * The types that the parts of the client share. There is nothing to run here.
 *
 * @module
 */

/** An item's id: a positive integer or a text. `1` and `"1"` address the same item. @typedef {number | string} Id */

/**
 * What the six helpers need of a socket; any `Socket` of socket.io-client 4.4 or later is one.
 * @typedef {{ timeout(ms: number): { emit(event: string, ...args: any[]): unknown } }} SocketLike
 */

/**
 * What a client needs of a socket; any `Socket` of socket.io-client 4.4 or later is one.
 * @typedef {SocketLike & { readonly connected: boolean, recovered?: boolean,
 *   on(event: any, listener: (...args: any[]) => void): unknown,
 *   off(event: any, listener: (...args: any[]) => void): unknown }} ClientSocket
 */

/**
 * One operation of a JSON Patch (RFC 6902). On a collection `path` begins with the item's id:
 * `{ op: "replace", path: "/1/name", value: "Lamp" }`; on an item it begins within it: `/name`.
 * @typedef {{ op: "add" | "replace" | "test", path: string, value: unknown }
 *   | { op: "remove", path: string }
 *   | { op: "move" | "copy", from: string, path: string }} JSONPatch
 */

/**
 * Some fields of an object; `null` removes one, objects within are merged too (RFC 7396).
 * @template T
 * @typedef {{ [K in keyof T]?: (T[K] extends unknown[] | undefined ? T[K] : T[K] extends object | undefined ? Merge<T[K]> : T[K]) | null }} Merge
 */

/**
 * Some fields of an item, and the id that says which; `null` removes a field.
 * @template {object} T
 * @typedef {{ id: Id } & { [K in keyof T]?: T[K] | null }} MergePatch
 */

/**
 * An item that may have no id yet.
 * @template T
 * @typedef {T extends { id: infer I } ? Omit<T, "id"> & { id?: I } : T} New
 */

/**
 * A field's value, or operators on it: `{ $gte: 10, $lt: 20 }`. A text value matches a scalar with that text.
 * @typedef {string | number | boolean | null | { [operator: `$${string}`]: unknown }} Condition
 */

/**
 * What items must be like: each field, by its dotted path, and each group must hold.
 * @typedef {{ [field: string]: Condition | Filters | Filters[] | undefined, $and?: Filters[], $or?: Filters[], $not?: Filters }} Filters
 */

/**
 * Which items of a collection, in which order. All fields are optional; `page` counts from 1, `limit` is 50 unless
 * given and 1,000 at most, `sort` is like `"name"` or `"-rrp,name"`, `filters` must all hold, `fields` picks what
 * is sent of each item, `after` takes the `next` of the page before, `total: false` spares the count.
 * @typedef {{ page?: number, limit?: number, sort?: string, filters?: Filters,
 *   fields?: string[], after?: string, total?: boolean }} Query
 */

/** The query of a live query, which has its items whole. @typedef {Omit<Query, "fields">} LiveQuery */

/**
 * `timeout` in milliseconds, 5000 unless given. `ifMatch` is the revision that the item must have now (`"*"`: it
 * must exist; `null`: it must not). `reason` is kept with the change and told to whoever hears of it. `key` is an
 * idempotency key, new for each write, such as `crypto.randomUUID()`: where no answer came, the same call with the same
 * key can be made again, and the write takes effect once.
 * @typedef {{ timeout?: number | undefined, ifMatch?: string | null, reason?: string, key?: string }} WriteOptions
 */

/** How long to wait for an answer, in milliseconds (5000 unless given), and what ends the wait before. @typedef {{ timeout?: number | undefined, signal?: AbortSignal | undefined }} Patience */

/** The options of a read of one item; `at`, a cursor or a time, asks how it was then. @typedef {Patience & { at?: string }} GetOptions */

/** The options of a collection's writes: a `key` is made where none is given, and a live query's wait as long as it takes. @typedef {WriteOptions & Patience} SafeOptions */

/** What comes beside a result; which of them, depends on the verb. @typedef {{ rev?: string, cursor?: string, created?: boolean, total?: number, page?: number, pages?: number, limit?: number, next?: string, room?: string }} Meta */

/** An error as the server acknowledges it. @typedef {{ code: string, status: number, message: string, details?: any }} ServerError */

/**
 * One change of an item. `item` is what it is after the change, for DELETED what it was before; `cause` is
 * `"filter"` (or `"rule"`) where no write made this type: the item entered or left what is watched.
 * @template [T=any]
 * @typedef {{ type: "ADDED" | "MODIFIED" | "DELETED", room: string, collection: string, id: Id, rev: string, prev?: string,
 *   cursor: string, time: string, reason?: string, cause?: "filter" | "rule", by?: string, item: T }} Change
 */

/** One entry of an item's history; the patches of all, applied in turn from `{}`, make the item. @template [T=any] @typedef {Omit<Change<T>, "room" | "item"> & { item?: T, patch?: JSONPatch[] }} Past */

/**
 * What to do with changes. `onReset` gets the items as they are now, where what was missed can no longer be told
 * (undefined where they are too many for one answer: read them with `list`). `onError` is told why nothing can be
 * watched; without it, that is an unhandled rejection.
 * @template [T=any]
 * @typedef {{ onAdded?(change: Change<T>): void, onModified?(change: Change<T>): void, onDeleted?(change: Change<T>): void,
 *   onReset?(items: T[] | undefined): void, onError?(error: import("./error.js").AckbaseError): void }} Handlers
 */

/** What to watch: everything (nothing, or null), an item by its id, or what filters match. @typedef {Id | { filters?: Filters } | null | undefined} Target */

/** `live`: what the server has. `stale`: connected, but still catching up. @typedef {"connecting" | "live" | "stale" | "offline" | "error"} Status */

/**
 * What a live query shows now. It is never changed but replaced, and so are its items: only what changed is new.
 * `total` counts all that match, on all pages; `pending` the writes to the collection that wait for their answer.
 * @template [T=any]
 * @typedef {{ readonly items: readonly T[], readonly status: Status, readonly error: import("./error.js").AckbaseError | undefined,
 *   readonly total: number | undefined, readonly pending: number }} Snapshot
 */

/**
 * Writes that show at once, wait for the connection, and are taken back where they are refused.
 * @template {object} T
 * @typedef {{
 *   create(item: New<T>, options?: SafeOptions): Promise<T>,
 *   replace(item: T & { id: Id }, options?: SafeOptions): Promise<T>,
 *   update: Update<T>,
 *   remove(id: Id, options?: SafeOptions): Promise<boolean>,
 * }} Writes
 */

/**
 * Changes a part of an item (a merge patch with its id, or a patch of either kind under an id), or several items at
 * once (a JSON Patch on the collection: all of it or nothing, resolves to the items it touched).
 * @template {object} T
 * @typedef {{
 *   (patch: JSONPatch[], options?: SafeOptions): Promise<T[]>,
 *   (id: Id, patch: Merge<Omit<T, "id">> | JSONPatch[], options?: SafeOptions): Promise<T>,
 *   (patch: { id: Id } & Omit<Merge<T>, "id">, options?: SafeOptions): Promise<T>,
 * }} Update
 */

/**
 * The present result of a query, kept up to date while anybody subscribes: a store as Svelte has it, with the
 * `getSnapshot` of React's `useSyncExternalStore`. `subscribe` calls back at once and on each change.
 * @template {object} T
 * @typedef {Writes<T> & {
 *   subscribe(listener: (snapshot: Snapshot<T>) => void): () => void,
 *   getSnapshot(): Snapshot<T>,
 *   readonly status: Status,
 *   reload(): void,
 * }} Live
 */

/**
 * One collection. `T` is what its items are like.
 * @template {object} T
 * @typedef {Writes<T> & {
 *   readonly name: string,
 *   get(id: Id, options?: GetOptions): Promise<T | undefined>,
 *   list(query?: Query, options?: Patience): Promise<T[]>,
 *   history(id: Id, options?: Patience & Record<string, unknown>): Promise<Past<T>[]>,
 *   watch(target: Target, handlers: Handlers<T>): () => void,
 *   live(query?: LiveQuery): Live<T>,
 * }} Collection
 */

/** Where writes wait over a reload of the page: `sessionStorage` is one. @typedef {{ getItem(name: string): string | null, setItem(name: string, text: string): void, removeItem(name: string): void }} Store */

/**
 * `storage` keeps the live queries' writes that have no answer yet, and until when they may be sent, over a reload of the page; `storageKey` is their name
 * there, `"ackbase"` unless given. It must be this tab's own, as `sessionStorage` is. `queue` is how many may wait, 100
 * unless given. `onRefused` is told of a write from before the reload that the server did not take.
 * @typedef {{ storage?: Store | undefined, storageKey?: string | undefined, queue?: number | undefined,
 *   onRefused?: ((error: import("./error.js").AckbaseError, write: { collection: string, verb: string, id?: Id, body?: unknown }) => void) | undefined }} ClientOptions
 */

export {};
