/**
 * The client in Vue 3.3 and later.
 *
 * @module
 */
import { computed, onScopeDispose, shallowRef, toValue, watch } from "vue";

/**
 * The present result of a query over a collection, as refs, and its writes, which show at once:
 * `const { items, status, create } = useLive(products, () => ({ sort: sort.value }))`. It is live until the
 * component (the effect scope) is gone.
 *
 * @template {object} T
 * @param {import("./types.js").Collection<T>} collection
 * @param {import("vue").MaybeRefOrGetter<import("./types.js").LiveQuery | undefined>} [query] another one, by its content, is another result
 */
export function useLive(collection, query) {
  const text = computed(() => JSON.stringify(toValue(query)));
  let live = collection.live(toValue(query));
  const snapshot = shallowRef(live.getSnapshot());
  let stop = () => {};
  watch(
    text,
    (now) => {
      const before = stop;
      live = collection.live(now && JSON.parse(now));
      stop = live.subscribe((value) => (snapshot.value = value));
      before(); // after that, so that a subscription which both need goes on
    },
    { immediate: true, flush: "sync" },
  );
  onScopeDispose(() => stop());
  const { create, replace, update, remove } = live; // the same for each query
  return {
    items: computed(() => snapshot.value.items),
    status: computed(() => snapshot.value.status),
    error: computed(() => snapshot.value.error),
    total: computed(() => snapshot.value.total),
    pending: computed(() => snapshot.value.pending),
    create,
    replace,
    update,
    remove,
    reload: () => live.reload(),
  };
}
