// A funnel is built step by step, and opens the people who stopped.
import { api, equal, ok, test, url, withPage } from "./browser.mjs";

test("funnel: built by hand, its people opened", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    await page.goto(`${url}/tasks/funnel`);
    for (const step of ["view_product", "add_to_cart | begin_checkout", "order_placed"]) {
      await page.getByLabel("Add to Steps").fill(step);
      await page.getByLabel("Add to Steps").press("Enter");
    }
    await page.getByLabel("Within").fill("7d");
    await page.getByRole("button", { name: "Count", exact: true }).click();
    const steps = page.locator(".funnel-steps tbody tr");
    await steps.nth(2).waitFor();
    const answer = await api("/api/ask/funnel", {
      params: { steps: ["view_product", "add_to_cart | begin_checkout", "order_placed"], window: "7d" },
    });
    const cell = (id) => answer.cells.find((one) => one.id === id);
    ok((await steps.nth(1).innerText()).includes(`${(100 * cell("step:2").value).toFixed(1)} %`), "of the first step");
    await page.getByRole("button", { name: "of the previous step" }).click();
    ok((await steps.nth(2).innerText()).includes(`${(100 * cell("of_previous:3").value).toFixed(1)} %`), "of the previous step");
    await page.locator(".picture-svg [data-cell]").first().waitFor();

    await steps.nth(1).locator('[data-cell-id="stopped:2"] button').click();
    const panel = page.getByRole("dialog");
    await panel.locator(".people-list li").first().waitFor();
    const people = await api("/api/who/funnel", {
      params: { steps: ["view_product", "add_to_cart | begin_checkout", "order_placed"], window: "7d" },
      cell: "stopped:2",
    });
    equal(await panel.locator(".people-name").first().innerText(), people.units[0].actor, "the people of the server");
    ok((await panel.innerText()).includes(`${new Intl.NumberFormat("en").format(people.actors_total)} people`), "how many they are");
    await panel.getByRole("button", { name: "Close" }).click();
    await panel.waitFor({ state: "hidden" });

    await page.locator(".picture-svg [data-cell]").first().click();
    await panel.locator(".people-list li").first().waitFor();
  }),
);
