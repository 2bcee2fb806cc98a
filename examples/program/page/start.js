/**
 * Loads a page's app.js. Where that cannot be, as in a build without npm's files, the page says in words what to do.
 */
import { element } from "/page/element.js";

const app = "/page/app.js"; // each page's own
import(app).catch(async (fault) => {
  console.error(fault);
  let words = "The page could not be loaded from this server: is it still running? Reload to try again.";
  for (const part of ["/socket.io/socket.io.esm.min.js", "/fast-json-patch/index.mjs"]) {
    // The module loader tells no status, so the server is asked again for its own words.
    const answer = await fetch(part).catch(() => null);
    if (answer && !answer.ok && answer.headers.get("content-type")?.startsWith("text/plain")) words = (await answer.text()).trim();
  }
  const banner = element("banner");
  banner.textContent = words;
  banner.hidden = false;
});
