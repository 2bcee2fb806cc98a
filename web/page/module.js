/**
 * Modules of npm packages, which the server has only where its build found them.
 */

/**
 * Loads a module from this server.
 * @param {URL} address
 * @param {string} otherwise what to say where not even the server has words for why it could not be loaded
 * @returns {Promise<any>} rejects with a sentence that says what to do
 */
export async function loadModule(address, otherwise) {
  try {
    return await import(address.href);
  } catch (cause) {
    // The module loader tells no status, so the server is asked again for its own words.
    const answer = await fetch(address).catch(() => null);
    const plain = answer && !answer.ok && answer.headers.get("content-type")?.startsWith("text/plain");
    const words = plain ? (await answer.text()).trim() : "";
    throw new Error(words || otherwise, { cause });
  }
}
