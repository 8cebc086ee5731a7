// What a screen shows while it counts, when it is stopped, and when something is wrong.
import { api, equal, ok, test, url, withPage } from "./browser.mjs";

test("states: a long question is cancelled, and asked again", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    let asked = 0;
    await page.route("**/api/ask/sessions?stream=1", (route) => (++asked > 1 ? route.continue() : undefined));
    await page.goto(`${url}/explore/sessions`);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("The question was cancelled.").waitFor();
    await page.getByRole("button", { name: "Ask again" }).click();
    await page.locator("figure.answer .cells tbody tr").first().waitFor();
    equal(asked, 2, "questions asked");
  }),
);

test("states: a partial answer says that it is partial", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    const answer = await api("/api/ask/sessions", {});
    await page.addInitScript((whole) => {
      const real = window.fetch;
      window.fetch = (input, init) => {
        if (!String(input).startsWith("/api/ask/sessions?stream=1")) return real(input, init);
        const lines = (line) => new TextEncoder().encode(`${JSON.stringify(line)}\n`);
        const body = new ReadableStream({
          start(stream) {
            stream.enqueue(lines({ type: "progress", done: 3, of: 64 }));
            stream.enqueue(lines({ type: "partial", done: 8, of: 64, answer: whole }));
            window.finish = () => {
              stream.enqueue(lines({ type: "answer", answer: whole }));
              stream.close();
            };
          },
        });
        return Promise.resolve(new Response(body, { headers: { "content-type": "application/x-ndjson" } }));
      };
    }, answer);
    await page.goto(`${url}/explore/sessions`);
    await page.getByText("Partial: 8 of 64 parts of the data are counted").waitFor();
    ok((await page.locator(".partial tbody button").count()) === 0, "people cannot be opened from numbers that still change");
    equal(await page.locator("progress").getAttribute("value"), "8", "progress");
    await page.evaluate(() => window.finish());
    await page.locator(".partial").waitFor({ state: "detached" });
    await page.locator("figure.answer .cells tbody button").first().waitFor();
  }),
);

test("states: an error says what, where and what to do", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    const problem = {
      type: "urn:diptych:wrong",
      title: "The question is wrong",
      status: 400,
      detail: "parameter window: “x” is no duration",
      place: { field: "window" },
      fix: "Write 14d.",
    };
    await page.route("**/api/ask/sessions*", (route) =>
      route.fulfill({ status: 400, contentType: "application/problem+json", body: JSON.stringify(problem) }),
    );
    await page.goto(`${url}/explore/sessions`);
    const alert = page.getByRole("alert");
    await alert.waitFor();
    for (const said of [problem.title, problem.detail, problem.place.field, problem.fix]) {
      ok((await alert.innerText()).includes(said), `says “${said}”`);
    }
    await page.unroute("**/api/ask/sessions*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator("figure.answer .cells tbody tr").first().waitFor();
  }),
);

test("states: a wrong spec leads to the editor, and a lost server is said", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    const problem = { title: "wrong", status: 422, detail: "unknown field", place: { file: "diptych.yaml", line: 3, column: 1 } };
    const broken = { state: "broken_spec", version: "0", problem };
    await page.route("**/api/workspace", (route) => route.fulfill({ json: broken }));
    await page.goto(url);
    await page.getByText("diptych.yaml, line 3, column 1").waitFor();
    await page.getByRole("link", { name: "Open diptych.yaml" }).click();
    await page.locator(".cm-content").waitFor();
    await page.unroute("**/api/workspace");
    await page.route("**/api/**", (route) => route.abort());
    await page.goto(url);
    await page.getByText("Diptych does not answer").waitFor();
  }),
);

test("states: numbers are complete, incomplete or missing, and each says so", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    const answer = await api("/api/ask/sessions", {});
    const cell = (id, part) => ({ id, label: id, unit: "actor", people: 0, n: 0, flags: [], ...part });
    answer.cells = [
      cell("none", { x: 0, n: 0, value: null, flags: ["no_data"] }),
      cell("small", { x: 3, n: 9, value: 1 / 3, lo: 0.121, hi: 0.646, flags: ["low_n"], method: "wilson" }),
      cell("young", { x: 30, n: 90, value: 1 / 3, lo: 0.245, hi: 0.436, flags: ["immature_cohort"], method: "wilson" }),
    ];
    await page.route("**/api/ask/sessions?stream=1", (route) =>
      route.fulfill({ contentType: "application/x-ndjson", body: `${JSON.stringify({ type: "answer", answer })}\n` }),
    );
    await page.goto(`${url}/explore/sessions`);
    const value = (id) => page.locator(`tr[data-row="${id}"] td.strong`);
    equal(await value("none").innerText(), "–\nnobody to count", "nothing, with its reason");
    equal(await value("small").innerText(), "3 of 9", "x of n under 30");
    equal(await value("young").innerText(), "33.3 %*", "an asterisk");
    ok((await page.locator('tr[data-row="small"]').innerText()).includes("12.1 to 64.6 %"), "the interval");
  }),
);
