// The collections in LMDB, one database each in one file. Every promise here
// resolves when the change is on disk.
import { open as openLMDB } from 'lmdb'

/**
 * Opens the environment in a directory.
 *
 * lmdb-js resolves the promise of a write at its commit. With its default,
 * `overlappingSync`, the flush to disk comes only after that, so that an ack would
 * promise what a power cut can take back. Without it a commit contains its flush,
 * LMDB's own way, and the promise means durable (strace shows the fdatasync before each ack). Writes that wait at the
 * same time share one transaction and one flush either way. Keeping `overlappingSync` and waiting for
 * `separateFlushed` promises too costs about the same CPU (within 5 %).
 */
export function open(path) {
  return openLMDB({ path, noSubdir: false, overlappingSync: false, maxDbs: 64 })
}

const stores = new Map()

/** The collection of that name; it exists as soon as it is named. */
export function store(root, name) {
  let found = stores.get(name)
  if (!found) stores.set(name, (found = new Collection(root.openDB({ name }))))
  return found
}

class Collection {
  #db
  #last // the running number that was given last

  constructor(db) {
    this.#db = db
    this.#last = 0
    for (const key of db.getKeys({ reverse: true })) {
      if (typeof key !== 'number') continue // texts come after the numbers
      this.#last = key
      break
    }
  }

  /** The next running number, above every number that a client gave. */
  nextID() {
    return ++this.#last
  }

  get(id) {
    return this.#db.get(id)
  }

  *all() {
    for (const { value } of this.#db.getRange()) yield value
  }

  /** Stores an item under a number from nextID. */
  append(id, item) {
    return this.#db.put(id, item)
  }

  /** Stores an item under a client's id. Resolves to false where the id exists already. */
  create(id, item) {
    this.#above(id)
    return this.#db.ifNoExists(id, () => this.#db.put(id, item))
  }

  /** Runs with no other write between what it reads and what it writes; nothing is kept if it throws. */
  transaction(run) {
    return this.#db.childTransaction(run)
  }

  /** Within a transaction. */
  set(id, item) {
    this.#above(id)
    this.#db.put(id, item)
  }

  /** Within a transaction. */
  unset(id) {
    this.#db.remove(id)
  }

  #above(id) {
    if (typeof id === 'number' && id > this.#last) this.#last = id
  }
}
