// Package rest answers the verbs of package crud over HTTP.
//
//	GET    /api/v2/{collection}         a page of items; the query as ?page=&limit=&sort=&fields=&after=&total=&filters[price][$gt]=10
//	POST   /api/v2/{collection}         a new item
//	PATCH  /api/v2/{collection}         a JSON Patch over the collection
//	GET    /api/v2/{collection}/{id}    an item; with ?at= as it was then
//	GET    /api/v2/{collection}/{id}/history   its changes; ?limit=&after=
//	PUT    /api/v2/{collection}/{id}    the whole item, created where there was none
//	PATCH  /api/v2/{collection}/{id}    a merge patch or a JSON Patch
//	DELETE /api/v2/{collection}/{id}
//
// and its changes to those who do not speak Socket.IO:
//
//	GET    /api/v2/{collection}?watch        server-sent events; the same for an item; with ?since=, ?filters…
//	GET    /ws/{collection}, /ws/{collection}/{id}   a plain WebSocket that sends { id, snapshot }
//
// On paths of a program's own, [Handler.ServeFeed] is such a WebSocket, in that program's words.
//
// Every request runs the verb's own code (crud.Session.Do), so that rules, bounds and
// errors are those of the socket. PROTOCOL.md of package crud says which headers
// stand for which options.
package rest
