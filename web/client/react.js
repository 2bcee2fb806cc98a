/**
 * The client in React 18 and later.
 *
 * @module
 */
import { useMemo, useSyncExternalStore } from "react";

/**
 * The present result of a query over a collection, and its writes, which show at once:
 * `const { items, status, create, remove } = useLive(products, { sort: "-rrp" })`. It is live while the component
 * is mounted; another query, by its content, is another result.
 *
 * @template {object} T
 * @param {import("./types.js").Collection<T>} collection
 * @param {import("./types.js").LiveQuery} [query]
 * @returns {import("./types.js").Snapshot<T> & import("./types.js").Writes<T> & { reload(): void }}
 */
export function useLive(collection, query) {
  const text = JSON.stringify(query);
  const live = useMemo(() => collection.live(text && JSON.parse(text)), [collection, text]);
  const snapshot = useSyncExternalStore(live.subscribe, live.getSnapshot, live.getSnapshot);
  const { create, replace, update, remove, reload } = live;
  return useMemo(() => ({ ...snapshot, create, replace, update, remove, reload }), [snapshot, live]);
}
