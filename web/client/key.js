let last = 0;

/**
 * A new idempotency key: a UUID of version 7 (RFC 9562), so that the server keeps keys in the order of time, and what
 * is created at once keeps its order under temporary ids. `crypto.randomUUID` makes none of these, and is not there on pages without TLS.
 */
export function newKey() {
  last = Math.max(Date.now(), last + 1);
  const hex = (/** @type {number} */ n, /** @type {number} */ digits) => n.toString(16).padStart(digits, "0");
  const random = Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) => hex(byte, 2)).join("");
  // The time, the version, and 8 for the variant.
  return `${hex(last, 12)}7${random.slice(6)}`.replace(/(.{8})(.{4})(.{4})(.{3})/, `$1-$2-$3-8$4-`) + random.slice(0, 6);
}
