/**
 * What goes over the wire, as a sequence: who says what to whom.
 */
import { element, make } from "/page/element.js";

const most = 60;
const list = element("wire");
const names = /** @type {Record<string, string>} */ ({ c1: "Client 1", c2: "Client 2", s: "Server" });

/** Adds a line. @param {"c1" | "c2"} client @param {"ask" | "answer" | "refusal" | "event"} kind @param {string} text */
export function say(client, kind, text) {
  const line = make("li");
  const [from, to] = kind === "ask" ? [client, "s"] : ["s", client];
  line.dataset.way = `${from}-${to}`;
  line.dataset.kind = kind;
  line.append(make("span", "unseen", `${names[from]} to ${names[to]}: `), make("span", "words", text));
  list.append(line);
  while (list.children.length > most) list.firstElementChild?.remove();
  element("scroll").scrollTop = list.offsetHeight;
  element("hush").hidden = true;
}

export function clear() {
  list.replaceChildren();
  element("hush").hidden = false;
}

/** A value in few words. @param {unknown} value */
export function brief(value) {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 72 ? `${text.slice(0, 70)}…` : text;
}

/**
 * A socket that tells what is asked on it, and what is answered.
 * @param {import("/socket.io/socket.io.esm.min.js").Socket} socket @param {"c1" | "c2"} client
 */
export function tap(socket, client) {
  return {
    /** @param {number} ms */
    timeout: (ms) => ({
      /** @param {string} verb @param {...any} args */
      emit(verb, ...args) {
        const answered = args.pop();
        say(client, "ask", [verb, ...args.map((arg) => (typeof arg === "string" ? arg : brief(arg)))].join(" "));
        return socket.timeout(ms).emit(verb, ...args, (/** @type {any[]} */ ...values) => {
          const [silence, result, error] = values;
          if (silence) say(client, "refusal", "no answer");
          else if (error) say(client, "refusal", `${error.code} ${error.message}`);
          else say(client, "answer", brief(result));
          answered(...values);
        });
      },
    }),
  };
}
