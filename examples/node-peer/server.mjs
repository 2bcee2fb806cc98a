// The seed's contract on the official Socket.IO server with LMDB, as a good Node
// developer would write it: what `task bench` measures ackbase against.
// README.md says how to run it and what it promises.
import { createServer } from 'node:http'
import { mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import jsonPatch from 'fast-json-patch'
import { Server } from 'socket.io'
import { open, store } from './store.mjs'

const { values: flags } = parseArgs({
  options: {
    listen: { type: 'string', default: '127.0.0.1:3000' },
    data: { type: 'string', default: 'node-peer.db' },
  },
})
const [, host, port] = /^(.*):(\d+)$/.exec(flags.listen) ?? []
if (!port) {
  console.error(`--listen: ${JSON.stringify(flags.listen)} is no address: write one such as 127.0.0.1:3000`)
  process.exit(2)
}
mkdirSync(flags.data, { recursive: true })
const root = open(flags.data)

const http = createServer()
const io = new Server(http, { perMessageDeflate: false, serveClient: false })

/** A refusal that the client is told, with a stable word and the HTTP status of the same meaning. */
class Refusal extends Error {
  constructor(code, status, message) {
    super(message)
    Object.assign(this, { code, status })
  }
}
const bad = (message) => new Refusal('BAD_REQUEST', 400, message)

function collectionOf(name) {
  if (typeof name !== 'string' || !/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name)) {
    throw bad('The collection must be a name such as items: a letter, then letters, digits, _ or -.')
  }
  return store(root, name)
}

/** `1` and `'1'` are the same item. */
function keyOf(id) {
  if (Number.isSafeInteger(id) && id > 0) return id
  if (typeof id === 'string' && id !== '' && id.length <= 256 && !id.includes('/')) {
    return /^[1-9]\d{0,15}$/.test(id) && Number.isSafeInteger(+id) ? +id : id
  }
  throw bad('The id must be a positive integer or a text of 1 to 256 characters without a slash.')
}

function itemOf(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('The item must be an object.')
  return value
}

/** Tells a change, which must be on disk, to whoever has joined the collection's or the item's room. */
function publish(type, collection, id, item) {
  io.to(collection).to(`${collection}/${id}`).emit(type, { type, collection, id, item, time: new Date().toISOString() })
}

const verbs = {
  GET(_socket, collection, id) {
    const items = collectionOf(collection)
    return id === undefined || typeof id === 'object' ? list(items, id ?? {}) : items.get(keyOf(id)) ?? null
  },

  async POST(_socket, collection, given) {
    const items = collectionOf(collection)
    if (itemOf(given).id === undefined) {
      const id = items.nextID()
      const item = { ...given, id }
      await items.append(id, item)
      return [item, () => publish('ADDED', collection, id, item)]
    }
    const id = keyOf(given.id)
    const item = { ...given, id }
    if (!(await items.create(id, item))) {
      throw new Refusal('CONFLICT', 409, `There is an item ${id} already: use PUT to replace it.`)
    }
    return [item, () => publish('ADDED', collection, id, item)]
  },

  async PUT(_socket, collection, given) {
    const items = collectionOf(collection)
    const id = keyOf(itemOf(given).id)
    const created = await items.transaction(() => {
      const missing = items.get(id) === undefined
      items.set(id, given)
      return missing
    })
    return [given, () => publish(created ? 'ADDED' : 'MODIFIED', collection, id, given)]
  },

  async PATCH(_socket, collection, patch) {
    const items = collectionOf(collection)
    if (Array.isArray(patch)) {
      const touched = await items.transaction(() => patchAll(items, patch))
      return [
        touched.filter((change) => change.type !== 'DELETED').map((change) => change.item),
        () => touched.forEach((change) => publish(change.type, collection, change.id, change.item)),
      ]
    }
    const id = keyOf(itemOf(patch).id)
    const item = await items.transaction(() => {
      const before = items.get(id)
      if (before === undefined) return undefined
      const after = merge(before, { ...patch, id: before.id })
      items.set(id, after)
      return after
    })
    if (!item) throw new Refusal('NOT_FOUND', 404, `There is no item ${id}: use POST or PUT to create it.`)
    return [item, () => publish('MODIFIED', collection, id, item)]
  },

  async DELETE(_socket, collection, id) {
    const items = collectionOf(collection)
    const key = keyOf(id)
    const before = await items.transaction(() => {
      const item = items.get(key)
      if (item !== undefined) items.unset(key)
      return item
    })
    return [before !== undefined, () => before !== undefined && publish('DELETED', collection, key, before)]
  },

  async SUBSCRIBE(socket, collection, id) {
    collectionOf(collection)
    const room = id == null || typeof id === 'object' ? collection : `${collection}/${keyOf(id)}`
    await socket.join(room)
    return [{}, () => {}]
  },

  async UNSUBSCRIBE(socket, collection, id) {
    const room = id == null || typeof id === 'object' ? collection : `${collection}/${keyOf(id)}`
    const held = socket.rooms.has(room)
    await socket.leave(room)
    return [held, () => {}]
  },
}

/** RFC 7396. */
function merge(before, patch) {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const after = typeof before === 'object' && before !== null && !Array.isArray(before) ? { ...before } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete after[name]
    else after[name] = merge(after[name], value)
  }
  return after
}

/** RFC 6902 on the collection as one document whose members are the items by id: all or nothing. */
function patchAll(items, operations) {
  const fault = jsonPatch.validate(operations)
  if (fault) throw bad(`The patch is not a JSON Patch: ${fault.message.split('\n')[0]}`)
  const before = {}
  for (const { path, from } of operations) {
    for (const pointer of [path, from].filter((p) => p !== undefined)) {
      const id = keyOf(jsonPatch.unescapePathComponent(pointer.split('/')[1] ?? ''))
      const item = items.get(id)
      if (item !== undefined) before[id] = item
    }
  }
  let after
  try {
    after = jsonPatch.applyPatch(structuredClone(before), operations, true).newDocument
  } catch (error) {
    throw new Refusal('CONFLICT', 409, `The patch does not fit: ${error.message.split('\n')[0]}`)
  }
  const touched = []
  for (const text of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const id = keyOf(text)
    if (!(text in after)) {
      items.unset(id)
      touched.push({ type: 'DELETED', id, item: before[text] })
      continue
    }
    const item = { ...itemOf(after[text]), id }
    items.set(id, item)
    touched.push({ type: text in before ? 'MODIFIED' : 'ADDED', id, item })
  }
  return touched
}

/** A page of the collection: `{ page, limit, sort: '-price,name', filters: { field: value } }`. */
function list(items, { page = 1, limit = 50, sort, filters = {} }) {
  const wanted = Object.entries(filters)
  const found = []
  for (const item of items.all()) {
    if (wanted.every(([field, value]) => String(item[field]) === String(value))) found.push(item)
  }
  if (sort) {
    const keys = sort.split(',').map((key) => (key.startsWith('-') ? [key.slice(1), -1] : [key, 1]))
    found.sort((a, b) => {
      for (const [field, way] of keys) {
        if (a[field] !== b[field]) return a[field] < b[field] ? -way : way
      }
      return 0
    })
  }
  return found.slice((page - 1) * limit, page * limit)
}

/** Answers one call. A change is published after its ack, and both after the disk has it. */
async function answer(run, socket, args) {
  const callback = typeof args.at(-1) === 'function' ? args.pop() : () => {}
  try {
    const [result, then] = await run(socket, ...args)
    callback(result, null)
    then()
  } catch (error) {
    if (!(error instanceof Refusal)) console.error(error)
    const { code = 'INTERNAL', status = 500, message } = error instanceof Refusal ? error : { message: 'The server failed; its log says why.' }
    callback(null, { code, status, message })
  }
}

io.on('connection', (socket) => {
  // A read is done at once: LMDB reads from memory, and a promise would only cost.
  socket.on('GET', (...args) => {
    const callback = typeof args.at(-1) === 'function' ? args.pop() : () => {}
    try {
      callback(verbs.GET(socket, ...args), null)
    } catch (error) {
      answer(() => Promise.reject(error), socket, [callback])
    }
  })
  for (const [verb, run] of Object.entries(verbs)) {
    if (verb !== 'GET') socket.on(verb, (...args) => answer(run, socket, args))
  }
})

http.listen(Number(port), host.replace(/^\[|\]$/g, ''), () => {
  const { address, port: given } = http.address()
  console.log(`node-peer listening on http://${address.includes(':') ? `[${address}]` : address}:${given}`)
})

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await io.close()
    await root.close()
    process.exit(0)
  })
}
