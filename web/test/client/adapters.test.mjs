// The adapters in React, Svelte and Vue themselves, in Chromium: the components of the README, mounted and used.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { compile } from "svelte/compiler";
import { compileScript, parse } from "vue/compiler-sfc";
import { startServer } from "../contract/server.mjs";
import { becomes, closeBrowser, openTab } from "../page/tab.mjs";
import { examples, folder } from "./readme.mjs";
import { open } from "./session.mjs";

/** @type {import("../contract/server.mjs").Server} */
let server;
let script = "";
/** The application's own site, of another origin than the server. */
const site = createServer((request, response) => {
  const module = request.url === "/main.js";
  response.setHeader("Content-Type", module ? "text/javascript" : "text/html");
  response.end(module ? script : '<!doctype html><title>Shop</title><link rel="icon" href="data:,"><body></body><script type="module" src="main.js"></script>');
});
let address = "";
before(async () => {
  await new Promise((resolve) => site.listen(0, "127.0.0.1", () => resolve(undefined)));
  address = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (site.address()).port}`;
  server = await startServer(["--origin", address]);
});
after(async () => {
  await closeBrowser();
  site.close();
  await server.stop();
});

/** What mounts the component of the README, so that `show(query)` asks for something else and `unmount()` ends it. */
const mounts = {
  "Shop.tsx": `
    import { createRoot } from "react-dom/client";
    import { StrictMode, createElement } from "react";
    import { client } from "./client";
    import { Shop } from "./Shop.tsx";
    const root = createRoot(document.body);
    const render = (category) => root.render(createElement(StrictMode, null, createElement(Shop, { category })));
    render("tea");
    Object.assign(window, { client, show: () => render("jam"), unmount: () => root.unmount() });`,
  "Shop.svelte": `
    import { mount, unmount } from "svelte";
    import { client } from "./client";
    import Shop from "./Shop.svelte";
    const shop = mount(Shop, { target: document.body });
    Object.assign(window, { client, unmount: () => unmount(shop) });`,
  "Shop.vue": `
    import { createApp } from "vue";
    import { client } from "./client";
    import Shop from "./Shop.vue";
    const app = createApp(Shop);
    app.mount(document.body);
    Object.assign(window, { client, unmount: () => app.unmount() });`,
};

/** Compiles what a framework has a language of its own for. @param {string} name @param {string} source */
function compiled(name, source) {
  if (name.endsWith(".svelte")) return compile(source, { filename: name, generate: "client" }).js.code;
  if (name.endsWith(".vue")) return compileScript(parse(source, { filename: name }).descriptor, { id: name, inlineTemplate: true }).content;
  return source;
}

/** The script of a page that mounts one of the README's components. @param {keyof typeof mounts} name */
async function bundle(name) {
  const files = examples(server.url);
  const { outputFiles } = await build({
    stdin: { contents: mounts[name], resolveDir: folder, sourcefile: "main.js" },
    bundle: true,
    write: false,
    format: "esm",
    jsx: "automatic",
    conditions: ["browser"],
    define: { "process.env.NODE_ENV": '"development"', __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false", __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false" },
    alias: { ackbase: `${folder}ackbase.js`, "ackbase/react": `${folder}react.js`, "ackbase/svelte": `${folder}svelte.js`, "ackbase/vue": `${folder}vue.js` },
    plugins: [
      {
        name: "readme",
        setup({ onResolve, onLoad }) {
          const of = (/** @type {string} */ path) => (path === "./client" ? "client.ts" : path.slice(2));
          onResolve({ filter: /^\.\/(client$|Shop\.)/ }, ({ path }) => ({ path: of(path), namespace: "readme" }));
          onLoad({ filter: /.*/, namespace: "readme" }, ({ path }) => ({
            contents: compiled(path, files.get(path) ?? assert.fail(`the README has no ${path}`)),
            loader: path.endsWith(".tsx") ? "tsx" : path.endsWith(".ts") ? "ts" : "js",
            resolveDir: folder,
          }));
        },
      },
    ],
  });
  return /** @type {import("esbuild").OutputFile} */ (outputFiles[0]).text;
}

for (const name of /** @type {(keyof typeof mounts)[]} */ (Object.keys(mounts))) {
  test(`${name}: shows the result, writes, changes its query, and ends`, async (t) => {
    script = await bundle(name);
    const { client } = open(server.url, t);
    const items = /** @type {import("../../client/ackbase.js").Collection<{ id: number, name: string, rrp: number, category: string }>} */ (client.collection("items"));
    for (const { id } of await items.list()) await items.remove(id);
    const green = await items.create({ name: "Green", rrp: 3, category: "tea" });
    await items.create({ name: "Black", rrp: 2, category: "tea" });

    const tab = await openTab(t, address);
    const shown = async () => (await tab.page.locator("li").allTextContents()).map((text) => text.trim().split(" ")[0]);
    await becomes(shown, ["Black", "Green"]);
    assert.equal(await tab.page.locator("ul").getAttribute("aria-busy"), "false");
    await items.create({ name: "Assam", rrp: 9, category: "tea" });
    await becomes(shown, ["Assam", "Black", "Green"]);
    await items.update(green.id, { name: "A green one" });
    await becomes(shown, ["A", "Assam", "Black"]);

    await tab.page.locator("li", { hasText: "Assam" }).getByRole("button").click();
    await becomes(shown, ["A", "Black"]);
    await becomes(async () => (await items.list({ sort: "name" })).map(({ name: of }) => of), ["A green one", "Black"]);

    const sent = await tab.page.evaluate(() => {
      const { client: own } = /** @type {any} */ (window);
      /** @type {string[]} */
      const verbs = ((/** @type {any} */ (window)).verbs = []);
      own.socket.onAnyOutgoing((/** @type {string} */ verb) => verbs.push(verb));
      return own.socket.listeners("ADDED").length;
    });
    assert.equal(sent, 1);
    if (name === "Shop.tsx") {
      await items.create({ name: "Plum", rrp: 4, category: "jam" });
      await tab.page.evaluate(() => /** @type {any} */ (window).show());
      await becomes(shown, ["Plum"]);
    } else {
      await tab.page.getByRole("button", { name: "Dearest first" }).click();
      await becomes(shown, ["A", "Black"]);
      await items.update(green.id, { rrp: 1 });
      await becomes(shown, ["Black", "A"]);
    }
    await tab.page.evaluate(() => /** @type {any} */ (window).unmount());
    await becomes(() => tab.page.evaluate(() => /** @type {any} */ (window).verbs.filter((/** @type {string} */ verb) => verb === "UNSUBSCRIBE").length), name === "Shop.tsx" ? 2 : 1);
    assert.equal(await tab.page.locator("li").count(), 0);
  });
}
