// The main way: overview → drop-off → friction → people → one session → back.
import { equal, ok, test, url, withPage } from "./browser.mjs";

test("main way: overview, drop-off, friction, people, one session, back", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    await page.goto(url);
    await page.getByRole("link", { name: "consideration → purchase" }).click();
    await page.getByRole("heading", { level: 1, name: "Hinge" }).waitFor();
    const signal = page.locator(".signal.named").first();
    await signal.waitFor();
    ok((await signal.innerText()).includes("associated with"), "the words follow the evidence");
    const cell = signal.locator("button.value-number").first();
    const id = await signal.locator("[data-cell-id]").first().getAttribute("data-cell-id");
    await cell.click();

    const panel = page.getByRole("dialog");
    await panel.locator(".people-list li").first().waitFor();
    ok(decodeURIComponent(page.url()).includes(id), "the people stand in the address");
    const account = await panel.locator(".people-name").first().innerText();
    await panel.locator(".people-list button").first().click();
    await panel.getByRole("heading", { name: `Account ${account}` }).waitFor();
    await panel.locator(".journey.customer").waitFor();
    await panel.locator(".facts button").first().click();
    await panel.locator(".journey.user .session[open] .events li").first().waitFor();

    await page.goBack();
    await panel.locator(".journey.customer").waitFor();
    await page.goBack();
    await panel.locator(".people-list li").first().waitFor();
    await page.goBack();
    await panel.waitFor({ state: "hidden" });
    await page.goBack();
    await page.getByRole("heading", { level: 2, name: "The hinge: who uses and who pays" }).waitFor();
  }),
);

test("the first screen asks for its report before React is here, and for everything once", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    const asked = [];
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.startsWith("/api/")) asked.push(pathname);
    });
    let letThrough;
    const held = new Promise((resolve) => {
      letThrough = resolve;
    });
    await page.route("**/assets/main-*.js", (route) => held.then(() => route.continue()));
    const report = page.waitForRequest("**/api/report?format=json");
    await page.goto(url, { waitUntil: "commit" });
    await report;
    ok((await page.locator("#root").innerHTML()) === "", "nothing is drawn yet");
    letThrough();
    await page.locator(".diptych .value-number").first().waitFor();
    equal(asked.sort(), ["/api/operators", "/api/report", "/api/workspace"], "requests of the overview");

    asked.length = 0;
    await page.goto(`${url}/people`);
    await page.getByRole("heading", { level: 1, name: "People" }).waitFor();
    ok(!asked.includes("/api/report"), "a screen without the report does not ask for it");
  }),
);

test("a link asks the same question again", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    await page.goto(`${url}/explore/sessions`);
    await page.locator("figure.answer table").first().waitFor();
    await page.getByText("Narrow, split, compare").click();
    await page.getByLabel("Split by").fill("device");
    await page.getByRole("button", { name: "Ask", exact: true }).click();
    await page.getByRole("columnheader", { name: "Group" }).waitFor();
    const link = page.url();
    const first = await page.locator("figure.answer .cells table tbody tr").first().innerText();
    await page.goto("about:blank");
    await page.goto(link);
    await page.getByRole("columnheader", { name: "Group" }).waitFor();
    ok((await page.locator("figure.answer .cells table tbody tr").first().innerText()) === first, "the same answer");
  }),
);
