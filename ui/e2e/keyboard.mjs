// The main way without a mouse.
import { ok, test, url, withPage } from "./browser.mjs";

/** Presses Tab until the focus is on what is wanted. */
async function tabTo(page, wanted, most = 200) {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(wanted)) return;
  }
  throw new Error(`not reached with ${most} tabs: ${wanted}`);
}

test("keyboard: overview to one session and back", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    await page.goto(url);
    await page.locator(".drops").waitFor();
    await page.keyboard.press("Tab");
    ok(await page.evaluate(() => document.activeElement.textContent === "Skip to the content"), "the skip link comes first");
    await page.keyboard.press("Enter");
    await tabTo(page, () => document.activeElement.textContent === "consideration → purchase" && document.activeElement.matches("a"));
    const seen = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    ok(seen === "solid", "the focus is visible");
    await page.keyboard.press("Enter");
    await page.locator(".signal.named").first().waitFor();
    await tabTo(page, () => document.activeElement.matches(".signal.named button.value-number"));
    await page.keyboard.press("Enter");
    await page.locator(".people-list li").first().waitFor();
    ok(await page.evaluate(() => document.querySelector("dialog").contains(document.activeElement)), "the focus is in the panel");
    await tabTo(page, () => document.activeElement.matches(".people-list button"));
    await page.keyboard.press("Enter");
    await page.locator(".journey.customer").waitFor();
    await tabTo(page, () => document.activeElement.matches(".facts button"));
    await page.keyboard.press("Enter");
    await page.locator(".journey.user .session").first().waitFor();
    await tabTo(page, () => document.activeElement.matches(".session summary"));
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "hidden" });
    ok(await page.evaluate(() => document.activeElement.matches(".signal.named button.value-number")), "the focus is back at the number");
  }),
);

test("keyboard: a mark of a picture opens its people", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    await page.goto(`${url}/explore/users_customers`);
    await page.locator(".picture-svg [data-cell]").first().waitFor();
    await tabTo(page, () => document.activeElement.matches("[data-cell]"));
    ok((await page.locator(".picture-tip").innerText()).length > 0, "the exact value is said");
    await page.keyboard.press("Enter");
    await page.locator(".people-list li").first().waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "hidden" });
  }),
);
