/**
 * The products of one category over HTTP: the list is asked for once at a time, and again only where what was heard meanwhile says
 * that it is not the present one.
 */

/** @typedef {{ id: string, name: string, rrp: number, info: string }} Product */
/** @typedef {{ show: (list: Product[]) => void, fault: (message: string) => void }} Listener */

/** After how long the list is asked for again where it did not come, in milliseconds. */
const pause = 2000;

/** @param {string} category @param {RequestInit} [request] @returns {Promise<Product[]>} */
async function ask(category, request) {
  const answer = await fetch(`/${category}`, request).catch(() => null);
  const body = await answer?.json().catch(() => null);
  if (!body) throw new Error("The shop does not answer. Is it still running?");
  if (!answer?.ok) throw Object.assign(new Error(body.error.message), { details: body.error.details });
  return body;
}

/** @param {string} category @param {Listener} listener */
export function openShelf(category, { show, fault }) {
  const closing = new AbortController();
  /** Products that were told of, and are not in the list that came last. @type {Set<string>} */
  const sought = new Set();
  /** Those that the list does not have though it was asked for after they were told of: it has an end. @type {Set<string>} */
  const beyond = new Set();
  let asking = false;
  let stale = false;
  let overtaken = false;

  /** @param {Product[]} list @param {string[]} asked what was sought when it was asked for */
  function take(list, asked) {
    for (const { id } of list) {
      sought.delete(id);
      beyond.delete(id);
    }
    for (const id of asked) {
      if (!list.some((product) => product.id === id)) beyond.add(id);
      sought.delete(id);
    }
    show(list);
  }

  async function load() {
    stale = true;
    if (asking) return;
    asking = true;
    while ((stale || sought.size > 0) && !closing.signal.aborted) {
      stale = overtaken = false;
      const asked = [...sought];
      try {
        const list = await ask(category, { signal: closing.signal });
        if (closing.signal.aborted) return;
        if (!overtaken) take(list, asked);
        fault("");
      } catch (error) {
        if (closing.signal.aborted) return;
        fault(/** @type {Error} */ (error).message);
        stale = true;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    asking = false;
  }

  return {
    load,

    /** A product was told of that is not shown. @param {string} id */
    seek(id) {
      if (beyond.has(id) || sought.has(id)) return;
      sought.add(id);
      void load();
    },

    /** A product is gone. @param {string} id */
    drop(id) {
      sought.delete(id);
      if (beyond.delete(id)) return;
      if (asking) stale = true; // the list that comes may still have it
      if (beyond.size === 0) return;
      beyond.clear(); // there is room for one of them
      void load();
    },

    /** Adds a product; rejects with what is wrong with it. @param {Record<string, string>} product */
    async add(product) {
      const list = await ask(category, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(product) });
      if (closing.signal.aborted) return; // another category is shown by now
      stale = overtaken = asking; // by a list that may be older
      take(list, []);
    },

    /** Shows nothing any more. */
    close: () => closing.abort(),
  };
}
