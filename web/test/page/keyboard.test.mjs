// Everything by keyboard, and for those who do not see the page.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { becomes, closeBrowser, openTab, shows, startShop } from "./tab.mjs";

after(closeBrowser);

test("in a narrow window, or a magnified one, what has the focus is seen", async (t) => {
  const shop = await startShop(t);
  const tab = await (await openTab(t, shop, { width: 640 })).ready();
  const heads = tab.page.locator("#table thead");
  assert.equal((await heads.boundingBox())?.height, 1);
  await tab.page.locator("#add").focus();
  await tab.page.keyboard.press("Tab");
  const name = heads.getByRole("button", { name: "Name", exact: true }); // no arrow is read aloud
  assert.ok(await name.evaluate((button) => button === document.activeElement));
  assert.ok(((await name.boundingBox())?.height ?? 0) > 30);
  assert.ok(((await heads.boundingBox())?.height ?? 0) > 30);
  await tab.fitsWidth();
  await tab.page.keyboard.press("Enter");
  await shows(tab.page.locator("th[aria-sort=ascending]"), "Name");
  await tab.row("Halden 27\" Studio Monitor").waitFor({ state: "detached" });
  assert.ok(await name.evaluate((button) => button === document.activeElement));

  // Down the rows, which the drawer of changes lies over.
  await tab.rows.first().getByRole("button").first().focus();
  for (let n = await tab.rows.getByRole("button").count(); n > 0; n--) {
    const under = await tab.page.evaluate(() => {
      const at = /** @type {Element} */ (document.activeElement);
      const { x, y, width, height } = at.getBoundingClientRect();
      const top = document.elementFromPoint(x + width / 2, y + height / 2);
      return at.contains(top) ? "" : `${at.getAttribute("aria-label")} is under ${top?.outerHTML.slice(0, 60)}`;
    });
    assert.equal(under, "");
    await tab.page.keyboard.press("Tab");
  }
});

/** @param {import("playwright-core").Page} page */
const focused = (page) =>
  page.evaluate(() => {
    const at = document.activeElement;
    return at?.getAttribute("aria-label") || at?.id || at?.textContent?.trim() || at?.tagName;
  });

test("an item is added, edited and deleted by keyboard alone", async (t) => {
  const shop = await startShop(t);
  const tab = await (await openTab(t, `${shop}/?sort=-id`)).ready();
  const { keyboard } = tab.page;
  /** Presses Tab until an element has the focus. @param {string | RegExp} name */
  const tabTo = async (name) => {
    /** @type {(string | undefined)[]} */
    const passed = [];
    for (let i = 0; i < 60; i++) {
      await keyboard.press("Tab");
      const now = await focused(tab.page);
      if (now === name || (name instanceof RegExp && now && name.test(now))) return;
      passed.push(now);
    }
    assert.fail(`60 Tabs do not lead to ${name}, but to ${passed.join(", ")}`);
  };

  await keyboard.press("Tab");
  assert.equal(await focused(tab.page), "Skip to the items");
  await tabTo("add");
  const ring = await tab.page.evaluate(() => getComputedStyle(/** @type {Element} */ (document.activeElement)).outlineStyle);
  assert.equal(ring, "solid", "the focus is seen");
  await keyboard.press("Enter");
  await tab.editor.waitFor();
  assert.equal(await focused(tab.page), "f-name");
  await keyboard.type("Typed lamp");
  await keyboard.press("Tab");
  await keyboard.type("electronics");
  await keyboard.press("Tab");
  await keyboard.type("12.5");
  await keyboard.press("Enter");
  await tab.editor.waitFor({ state: "hidden" });
  await shows(tab.row("Typed lamp"), "12.50");
  assert.equal(await focused(tab.page), "add", "the focus goes back to where it came from");

  await tabTo("Edit Typed lamp");
  await keyboard.press("Enter");
  await tab.editor.waitFor();
  await keyboard.press("Control+a");
  await keyboard.type("Typed light");
  await keyboard.press("Enter");
  await tab.row("Typed light").waitFor();
  await tab.editor.waitFor({ state: "hidden" });
  assert.equal(await focused(tab.page), "Edit Typed light");

  // Up and down go from row to row; Escape leaves the form without saving.
  const names = await tab.names();
  await keyboard.press("ArrowDown");
  assert.equal(await focused(tab.page), `Edit ${names[1]}`);
  await keyboard.press("End");
  assert.equal(await focused(tab.page), `Edit ${names.at(-1)}`);
  await keyboard.press("Home");
  assert.equal(await focused(tab.page), "Edit Typed light");
  await keyboard.press("Enter");
  await tab.editor.waitFor();
  await keyboard.type("Not saved");
  await keyboard.press("Escape");
  await tab.editor.waitFor({ state: "hidden" });
  assert.equal(await focused(tab.page), "Edit Typed light");

  await keyboard.press("Delete");
  await tab.row("Typed light").waitFor({ state: "detached" });
  await becomes(() => focused(tab.page), `Edit ${names[1]}`);
  await shows(tab.notices, "Typed light is deleted.");
});

test("sorting and paging by keyboard keep the focus", async (t) => {
  const shop = await startShop(t);
  const tab = await (await openTab(t, shop)).ready();
  const next = tab.page.getByRole("button", { name: "Next page" });
  await next.focus();
  for (let at = 2; at <= 13; at++) {
    await tab.page.keyboard.press("Enter");
    await shows(tab.page.locator("#page"), `${at} / 13`);
  }
  await tab.page.keyboard.press("Enter");
  assert.equal(await focused(tab.page), "Next page", "also on the last page");
  await tab.page.locator("th.c-rrp button").focus();
  await tab.page.keyboard.press("Space");
  await becomes(() => tab.page.locator("th.c-rrp").getAttribute("aria-sort"), "ascending");
  assert.equal(await focused(tab.page), "RRP");
});

test("the focus stays in a row that moves when somebody else changes it", async (t) => {
  const shop = await startShop(t);
  const here = await (await openTab(t, `${shop}/?sort=rrp`)).ready();
  const there = await (await openTab(t, `${shop}/?sort=rrp`)).ready();
  const names = await here.names();
  const [cheapest = "", , , fourth = ""] = names;
  await here.row(cheapest).getByRole("button", { name: /^Delete/ }).focus();
  await there.row(fourth).getByRole("button", { name: /^Edit/ }).click();
  await there.save({ rrp: "0.01" });
  await becomes(async () => (await here.names()).slice(0, 2), [fourth, cheapest]);
  assert.equal(await focused(here.page), `Delete ${cheapest}`);
});

test("every control has a name, and changes are announced", async (t) => {
  const shop = await startShop(t);
  const tab = await (await openTab(t, shop)).ready();
  assert.equal(await tab.page.getByRole("log").getAttribute("aria-live"), "polite", "before the first change, or that one is not read out");
  await tab.page.locator("#add").click();
  await tab.editor.waitFor();
  const unnamed = await tab.page.evaluate(() =>
    [...document.querySelectorAll("button, input, select, textarea")]
      .filter((control) => {
        if (!control.checkVisibility()) return false;
        const labels = [...(/** @type {HTMLInputElement} */ (control).labels ?? [])].map((label) => label.textContent).join("");
        return !(labels + (control.getAttribute("aria-label") ?? "") + (control.textContent ?? "")).trim();
      })
      .map((control) => control.outerHTML.slice(0, 120)),
  );
  assert.deepEqual(unnamed, []);
  assert.equal(await tab.page.evaluate(() => document.querySelectorAll("[id]").length === new Set([...document.querySelectorAll("[id]")].map(({ id }) => id)).size), true, "ids are unique");
});
