/**
 * JSON as text, as a person edits it: where each value stands, what is wrong and where, and a tidy form. Numbers stay as they
 * are written: a JavaScript number would lose digits of long ones.
 */

/** Where something stands in the text, from a character up to another. @typedef {{ from: number, to: number }} Place */
/** @typedef {{ at: number, message: string }} Fault */
/** @typedef {{ kind: "object" | "array", from: number, to: number, members: { name: string, key: Place, value: Node }[] } | { kind: "scalar", from: number, to: number }} Node */

const deepest = 64; // as the server has it
const scalar = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/**
 * Reads a text, which is to be one JSON object.
 * @param {string} text
 * @returns {{ root?: Node, fault?: Fault }} the fault is the first one, and says what would be right
 */
export function read(text) {
  let at = 0;
  const space = () => {
    while (at < text.length && " \t\n\r".includes(text.charAt(at))) at++;
  };
  /** @param {string} message @param {number} [where] @returns {never} */
  const fail = (message, where = at) => {
    throw { at: Math.min(where, Math.max(text.length - 1, 0)), message };
  };
  /** @param {number} depth @returns {Node} */
  const value = (depth) => {
    space();
    const open = text.charAt(at);
    if (open !== "{" && open !== "[") {
      scalar.lastIndex = at;
      const found = scalar.exec(text);
      if (!found) return fail(at >= text.length ? "The text ends where a value belongs." : open === '"' ? "This text is not closed, or has a character that must be escaped." : "A value belongs here: a text in double quotes, a number, true, false, null, an array or an object.");
      at += found[0].length;
      return { kind: "scalar", from: at - found[0].length, to: at };
    }
    if (depth > deepest) return fail(`Arrays and objects may lie ${deepest} deep within each other.`);
    const close = open === "{" ? "}" : "]";
    /** @type {Node} */
    const node = { kind: open === "{" ? "object" : "array", from: at++, to: 0, members: [] };
    const names = new Set();
    for (space(); text.charAt(at) !== close; space()) {
      if (node.members.length > 0) {
        if (text.charAt(at) !== ",") fail(`A comma, or ${close}, belongs here.`);
        at++;
        space();
      }
      let name = String(node.members.length);
      const key = { from: at, to: at };
      if (open === "{") {
        scalar.lastIndex = at;
        const found = text.charAt(at) === '"' ? scalar.exec(text) : null;
        if (!found) fail("The name of a member belongs here, in double quotes.");
        else {
          name = JSON.parse(found[0]);
          key.to = at += found[0].length;
        }
        if (names.has(name)) fail(`The member ${JSON.stringify(name)} is there twice.`, key.from);
        names.add(name);
        space();
        if (text.charAt(at) !== ":") fail("A colon belongs here, between the name and its value.");
        at++;
      }
      node.members.push({ name, key, value: value(depth + 1) });
    }
    node.to = ++at;
    return node;
  };
  try {
    space();
    if (text.charAt(at) !== "{") fail('An item is a JSON object: it begins with { as in { "name": "Lamp" }.');
    const root = value(1);
    space();
    if (at < text.length) fail("Something follows the object's end.");
    return { root };
  } catch (fault) {
    if (fault instanceof Error) throw fault;
    return { fault: /** @type {Fault} */ (fault) };
  }
}

/**
 * Where the value of a JSON Pointer stands, or else what is nearest above it.
 * @param {Node} root @param {string} pointer @returns {Place}
 */
export function place(root, pointer) {
  let node = root;
  /** @type {Place} */
  let found = { from: root.from, to: root.from + 1 };
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replace(/~1/g, "/").replace(/~0/g, "~");
    const member = node.kind === "scalar" ? undefined : node.members.find((one) => one.name === name);
    if (!member) break;
    node = member.value;
    found = { from: member.value.from, to: member.value.kind === "scalar" ? member.value.to : member.value.from + 1 };
  }
  return found;
}

/** The line of a character, from 0. @param {string} text @param {number} at */
export function lineOf(text, at) {
  let line = 0;
  for (let i = text.indexOf("\n"); i >= 0 && i < at; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

/**
 * The same JSON with a member on each line; what is short stays on one.
 * @param {string} text @returns {string} the text as it is where it is no JSON object
 */
export function tidy(text) {
  const { root } = read(text);
  if (!root) return text;
  /** @param {Node} node @returns {string} */
  const flat = (node) => {
    if (node.kind === "scalar") return text.slice(node.from, node.to);
    const inner = node.members.map(({ key, value }) => (node.kind === "object" ? `${text.slice(key.from, key.to)}: ` : "") + flat(value)).join(", ");
    return node.kind === "array" ? `[${inner}]` : inner === "" ? "{}" : `{ ${inner} }`;
  };
  /** @param {Node} node @param {string} indent @returns {string} */
  const show = (node, indent) => {
    if (node.kind === "scalar") return flat(node);
    if (node !== root && node.to - node.from < 2000) {
      const short = flat(node);
      if (short.length + indent.length <= 72) return short;
    }
    if (node.members.length === 0) return node.kind === "array" ? "[]" : "{}";
    const deeper = `${indent}  `;
    const inner = node.members.map(({ key, value }) => deeper + (node.kind === "object" ? `${text.slice(key.from, key.to)}: ` : "") + show(value, deeper));
    const [open, close] = node.kind === "array" ? "[]" : "{}";
    return `${open}\n${inner.join(",\n")}\n${indent}${close}`;
  };
  return show(root, "");
}
