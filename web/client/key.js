let last = 0;

/**
 * A new idempotency key: a UUID of version 7 (RFC 9562), so that the server keeps keys in the order of time, and what
 * is created at once keeps its order under temporary ids. `crypto.randomUUID` makes none of these, and is not there on pages without TLS.
 */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  last = Math.max(Date.now(), last + 1);
  for (let i = 0; i < 6; i++) bytes[i] = last / 2 ** (40 - 8 * i); // stored modulo 256
  bytes[6] = (/** @type {number} */ (bytes[6]) & 15) | 112;
  bytes[8] = (/** @type {number} */ (bytes[8]) & 63) | 128;
  return Array.from(bytes, (byte, i) => ([4, 6, 8, 10].includes(i) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
}
