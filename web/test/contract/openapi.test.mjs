/**
 * The OpenAPI document: valid by a public tool, and of the server as it is.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Validator } from "@seriousme/openapi-schema-validator";

import { startServer } from "./server.mjs";

/** @type {import("./server.mjs").Server} */
let server;
/** @type {any} */
let doc;
before(async () => {
  server = await startServer();
  doc = await (await fetch(`${server.url}/openapi.json`)).json();
});
after(() => server.stop());

test("it is a valid OpenAPI 3.1 document", async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(doc));
  assert.ok(valid, JSON.stringify(errors));
  assert.match(doc.openapi, /^3\.1\./);
});

test("it has every path and method that the server answers, and no other", async () => {
  for (const [path, operations] of Object.entries(doc.paths)) {
    const url = server.url + path.replace("{collection}", "items").replace("{id}", "1");
    const refused = await fetch(url, { method: "PROPFIND" });
    const allowed = (refused.headers.get("Allow") ?? "").split(", ").filter((name) => !["HEAD", "OPTIONS"].includes(name));
    assert.deepEqual(Object.keys(operations).filter((name) => name !== "parameters").map((name) => name.toUpperCase()).sort(), allowed.sort(), path);
  }
});

test("its statuses are those that come", async () => {
  /** @type {[string, string, string, RequestInit][]} */
  const calls = [
    ["get", "/api/v2/{collection}", "/api/v2/doc", {}],
    ["get", "/api/v2/{collection}", "/api/v2/doc?nonsense=1", {}],
    ["post", "/api/v2/{collection}", "/api/v2/doc", { method: "POST", body: `{"id":1}`, headers: { "Content-Type": "application/json" } }],
    ["post", "/api/v2/{collection}", "/api/v2/doc", { method: "POST", body: `{"id":1}`, headers: { "Content-Type": "application/json" } }],
    ["post", "/api/v2/{collection}", "/api/v2/doc", { method: "POST", body: `{}` }],
    ["put", "/api/v2/{collection}/{id}", "/api/v2/doc/2", { method: "PUT", body: `{}`, headers: { "Content-Type": "application/json" } }],
    ["put", "/api/v2/{collection}/{id}", "/api/v2/doc/2", { method: "PUT", body: `{"a":1}`, headers: { "Content-Type": "application/json" } }],
    ["patch", "/api/v2/{collection}/{id}", "/api/v2/doc/2", { method: "PATCH", body: `{"a":2}`, headers: { "Content-Type": "application/merge-patch+json", "If-Match": `"1-00000000"` } }],
    ["patch", "/api/v2/{collection}", "/api/v2/doc", { method: "PATCH", body: `[]`, headers: { "Content-Type": "application/json-patch+json" } }],
    ["get", "/api/v2/{collection}/{id}", "/api/v2/doc/9", {}],
    ["get", "/api/v2/{collection}/{id}", "/api/v2/doc/1?watch&since=000000000000000000000000-1", {}],
    ["delete", "/api/v2/{collection}/{id}", "/api/v2/doc/1", { method: "DELETE" }],
    ["get", "/api/v2/{collection}/{id}", "/api/v2/doc/1?at=000000000000000000000000-1", {}],
    ["get", "/api/v2/{collection}/{id}/history", "/api/v2/doc/1/history", {}],
    ["get", "/api/v2/{collection}/{id}/history", "/api/v2/doc/9/history", {}],
    ["get", "/api/v2/{collection}/{id}/history", "/api/v2/doc/1/history?after=x", {}],
    ["get", "/ws/{collection}", "/ws/doc", {}],
  ];
  for (const [method, path, url, init] of calls) {
    const answer = await fetch(server.url + url, init);
    await answer.arrayBuffer();
    const responses = doc.paths[path][method].responses;
    assert.ok(responses[answer.status], `${method} ${url}: ${answer.status} is not among ${Object.keys(responses)}`);
  }
});
