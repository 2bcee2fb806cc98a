/**
 * What the console asks over HTTP: what the process tells of itself, and single items as the text that they are stored as,
 * so that no digit of a number is lost between reading and saving.
 */
import { AckbaseError } from "../client/ackbase.js";

/** @typedef {import("../client/ackbase.js").Id} Id */
/** An item's JSON, exactly, and its revision. @typedef {{ text: string, rev: string }} Version */
/** What a save must find: a revision, or that the item is not there. @typedef {{ ifMatch?: string, ifNone?: boolean, reason?: string, key?: string }} Terms */

const patience = 10_000; // ms

/**
 * @param {string} path from the server's root on, without the slash @param {RequestInit} [init]
 * @returns {Promise<Response>} rejects with an AckbaseError
 */
async function ask(path, init = {}) {
  let answer;
  try {
    answer = await fetch(new URL(`../${path}`, import.meta.url), { ...init, signal: AbortSignal.timeout(patience) });
  } catch (cause) {
    const wrote = init.method ? " It is not known whether the change was made." : "";
    throw new AckbaseError({ code: "UNAVAILABLE", status: 0, message: `The server does not answer.${wrote}` }, { cause });
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let error;
  try {
    error = JSON.parse(text).error;
  } catch {
    error = undefined;
  }
  throw new AckbaseError(error ?? { code: "", status: answer.status, message: text.trim() || `The server answered ${answer.status}.` });
}

/** @typedef {{ name: string, items: number }} Collection */
/** @returns {Promise<{ collections: Collection[], more: boolean }>} */
export const readCollections = async () => (await ask("console/api/collections")).json();

/** @typedef {{ count: number, first: string[] }} Names */
/** @typedef {{ id: string, namespace: string, rooms: Names, subscriptions: Names, pending: number, pendingBytes: number, behind: boolean }} ClientSocket */
/**
 * @typedef {{ key: string, transport: string, protocol: number, address: string, userAgent: string, since: string,
 *   waiting: number, count: number, sockets: ClientSocket[] }} Client
 */
/** @param {string} sort @returns {Promise<{ total: number, streams: number, clients: Client[] }>} */
export const readClients = async (sort) => (await ask(`console/api/clients?sort=${encodeURIComponent(sort)}`)).json();

/** @typedef {{ names: string[], rows: (number | null)[][], began: string, version: string, fileBytes: number }} Series */
/** @param {number} [since] the time of the last row that is known @returns {Promise<Series>} */
export const readSeries = async (since) => (await ask(`console/api/series${since === undefined ? "" : `?since=${since}`}`)).json();

/** @param {string} collection @param {Id} [id] */
const path = (collection, id) => `api/v2/${encodeURIComponent(collection)}${id === undefined ? "" : `/${encodeURIComponent(id)}`}`;

/** @param {Response} answer @returns {Promise<Version>} */
const version = async (answer) => ({ text: await answer.text(), rev: (answer.headers.get("ETag") ?? "").replace(/^"|"$/g, "") });

/** @param {string} collection @param {Id} id @param {string} [at] a cursor: the item as it was then @returns {Promise<Version>} */
export const readItem = async (collection, id, at) => version(await ask(path(collection, id) + (at ? `?at=${encodeURIComponent(at)}` : "")));

/** @param {Terms} terms @param {boolean} [body] @returns {{ query: string, headers: Record<string, string> }} */
function on({ ifMatch, ifNone, reason, key }, body = true) {
  return {
    query: reason ? `?reason=${encodeURIComponent(reason)}` : "",
    headers: {
      ...(body && { "Content-Type": "application/json" }),
      ...(ifMatch !== undefined && { "If-Match": `"${ifMatch}"` }),
      ...(ifNone && { "If-None-Match": "*" }),
      ...(key && { "Idempotency-Key": key }),
    },
  };
}

/** @param {string} collection @param {Id} id @param {string} text the item's JSON @param {Terms} terms @returns {Promise<Version>} */
export async function writeItem(collection, id, text, terms) {
  const { query, headers } = on(terms);
  return version(await ask(path(collection, id) + query, { method: "PUT", headers, body: text }));
}

/** @param {string} collection @param {string} text @param {Terms} terms @returns {Promise<Version>} */
export async function addItem(collection, text, terms) {
  const { query, headers } = on(terms);
  return version(await ask(path(collection) + query, { method: "POST", headers, body: text }));
}

/** @param {string} collection @param {Id} id @param {Terms} terms @returns {Promise<boolean>} false where there was none */
export async function removeItem(collection, id, terms) {
  const { query, headers } = on(terms, false);
  return (await ask(path(collection, id) + query, { method: "DELETE", headers })).json();
}

/** A key for one write, by which it takes effect once even if it is sent again. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
