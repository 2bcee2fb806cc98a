/**
 * Amounts and times, said for a person.
 */

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

/** A number as a person reads it; small ones with their digits. @param {number} n */
export const amount = (n) => (Math.abs(n) >= 100 || Number.isInteger(n) ? whole.format(n) : fine.format(n));

/** @param {number} n of bytes */
export function bytes(n) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  let value = n;
  for (; value >= 1024 && at < units.length - 1; at++) value /= 1024;
  return `${at === 0 ? whole.format(value) : fine.format(value)} ${units[at]}`;
}

/** @param {number} ms milliseconds, as of a request */
export function took(ms) {
  if (ms >= 1000) return `${fine.format(ms / 1000)} s`;
  if (ms >= 1) return `${fine.format(ms)} ms`;
  return `${fine.format(ms * 1000)} µs`;
}

/** How long ago something was, in one or two units. @param {number} ms */
export function lasted(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}

/** The time of day, with the day where it is not today. @param {Date} time */
export function moment(time) {
  const clock = time.toLocaleTimeString();
  return time.toDateString() === new Date().toDateString() ? clock : `${time.toLocaleDateString()} ${clock}`;
}

/** A value in one line of bounded length, without a walk through all of a large one. @param {unknown} value @param {number} [most] characters */
export function gist(value, most = 120) {
  let text = "";
  /** @param {string} more @returns {boolean} whether there is room left */
  const add = (more) => {
    text += more.length > most ? more.slice(0, most + 1) : more;
    return text.length <= most;
  };
  /** @param {unknown} one @returns {boolean} */
  const walk = (one) => {
    if (typeof one === "string") return add(JSON.stringify(one.slice(0, most + 1)));
    if (typeof one !== "object" || one === null) return add(String(one));
    if (Array.isArray(one)) {
      if (!add("[")) return false;
      for (let i = 0; i < one.length; i++) if (!add(i === 0 ? "" : ", ") || !walk(one[i])) return false;
      return add("]");
    }
    let first = true;
    if (!add("{")) return false;
    for (const name in one) {
      if (!add(`${first ? "" : ", "}${name}: `) || !walk(/** @type {any} */ (one)[name])) return false;
      first = false;
    }
    return add("}");
  };
  return walk(value) ? text : `${text.slice(0, most - 1)}…`;
}
