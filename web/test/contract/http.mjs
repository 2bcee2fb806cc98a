/**
 * The verbs over HTTP, called as over a socket, so that one table of tests serves both.
 */

/** What stands between HTTP and the verb's `meta`. @type {Record<string, string>} */
const headers = { ifMatch: "If-Match", key: "Idempotency-Key" };

/** @param {unknown} value @param {string} name @returns {[string, string][]} */
function flatten(value, name) {
  if (Array.isArray(value)) {
    return value.flatMap((part, i) => flatten(part, typeof part === "object" ? `${name}[${i}]` : `${name}[]`));
  }
  if (value && typeof value === "object") return Object.entries(value).flatMap(([key, part]) => flatten(part, `${name}[${key}]`));
  return [[name, String(value)]];
}

/**
 * One call of a verb, as HTTP says it.
 *
 * @param {string} url the server's
 * @param {string} verb
 * @param {any[]} args those of the verb, from the collection on
 * @returns {Promise<{ status: number, headers: Headers, body: any }>}
 */
export async function request(url, verb, ...args) {
  const [collection, ...rest] = args;
  let path = `/api/v2/${encodeURIComponent(collection)}`;
  let id = ["number", "string"].includes(typeof rest[0]) ? rest.shift() : undefined;
  const reads = verb === "GET" || verb === "HISTORY";
  const body = reads || verb === "DELETE" ? undefined : rest.shift();
  if (id === undefined && (verb === "PUT" || (verb === "PATCH" && !Array.isArray(body)))) id = body.id;
  if (id !== undefined) path += `/${encodeURIComponent(id)}`;
  if (verb === "HISTORY") path += "/history";
  const query = new URLSearchParams();
  /** @type {Record<string, string>} */
  const sent = {};
  for (const [name, value] of Object.entries(rest.shift() ?? {})) {
    if (name === "filters") for (const [key, text] of flatten(value, name)) query.append(key, text);
    else if (name === "ifMatch" && value === null) sent["If-None-Match"] = "*";
    else if (name === "ifMatch") sent["If-Match"] = value === "*" ? "*" : `"${value}"`;
    else if (headers[name]) sent[headers[name] ?? ""] = String(value);
    else query.set(name, String(value));
  }
  if (body !== undefined) {
    sent["Content-Type"] = verb === "PATCH" ? `application/${Array.isArray(body) ? "json-patch" : "merge-patch"}+json` : "application/json";
  }
  const answer = await fetch(`${url}${path}${query.size ? `?${query}` : ""}`, {
    method: verb === "HISTORY" ? "GET" : verb,
    headers: sent,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : undefined };
}

/**
 * The same as `call` over a socket.
 *
 * @param {string} url
 * @param {string} verb
 * @param {any[]} args
 * @returns {Promise<import("./client.mjs").Answer>}
 */
export async function call(url, verb, ...args) {
  const { status, headers, body } = await request(url, verb, ...args);
  if (status >= 400) {
    if (body.error.status !== status) throw new Error(`the status is ${status}, the error's ${body.error.status}`);
    return { result: null, error: body.error, meta: undefined, values: 2 };
  }
  /** @type {Record<string, unknown>} */
  const meta = { cursor: headers.get("Ackbase-Cursor") };
  const tag = headers.get("ETag");
  if (tag) meta.rev = tag.slice(1, -1);
  if (verb === "PUT") meta.created = status === 201;
  if (verb === "HISTORY") meta.next = new URL(/<([^>]*)>; rel="next"/.exec(headers.get("Link") ?? "")?.[1] ?? "", url).searchParams.get("after");
  const total = headers.get("X-Total-Count");
  if (total !== null) meta.total = Number(total);
  return { result: body, error: null, meta, values: 3 };
}
