// The numbers on the screens are those of the server, whatever way they were asked.
import { api, equal, ok, test, url, withPage } from "./browser.mjs";

const count = (value) => new Intl.NumberFormat("en", { maximumFractionDigits: 0 }).format(value);

/** What a cell must read as: written apart from the app's own code. */
function expected(cell) {
  if (cell.value == null) return "–";
  const star = cell.flags?.some((flag) => flag.startsWith("immature")) ? "*" : "";
  if (cell.unit === "money" || cell.unit === "duration" || cell.id.startsWith("signal:")) return null;
  if (cell.x != null) return (cell.n < 30 ? `${count(cell.x)} of ${count(cell.n)}` : `${(100 * cell.value).toFixed(1)} %`) + star;
  if (Number.isInteger(cell.value) && !cell.method) return count(cell.value) + star;
  return null;
}

async function compare(page, scope, cells, what) {
  let compared = 0;
  for (const cell of cells) {
    const text = expected(cell);
    if (text === null) continue;
    const shown = page.locator(`${scope} [data-cell-id="${cell.id}"] .value-number`);
    if ((await shown.count()) === 0) continue;
    equal((await shown.first().textContent()).trim(), text, `${what}, ${cell.id}`);
    compared++;
  }
  return compared;
}

test("numbers: overview", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    const report = await api("/api/report?format=json");
    await page.goto(url);
    await page.locator(".diptych").waitFor();
    const facts = report.panels.flatMap((aspect) => [...aspect.user, ...aspect.customer]).flatMap((fact) => fact.cell ?? []);
    ok(
      (await compare(
        page,
        ".diptych",
        facts.filter((cell, i) => facts.findIndex(({ id }) => id === cell.id) === i),
        "panels",
      )) > 15,
      "many were compared",
    );
    const squares = report.users_customers.flatMap((fact) => fact.cell ?? []);
    equal(await compare(page, ".uses-pays", squares, "users and customers"), 4, "all four fields");
    const drops = report.drop_offs.map(({ rate }) => rate);
    equal(await compare(page, ".drops", drops, "drop-offs"), drops.length, "all drop-offs");
  }),
);

/** Every row of the table of an answer. */
async function table(page, operator, path, body) {
  const answer = await api(`/api/ask/${operator}`, body);
  await page.goto(url + path);
  const figure = page.locator(`figure.answer[data-operator="${operator}"]`);
  await figure.locator(".cells tbody tr").first().waitFor();
  const all = figure.getByRole("button", { name: /^Show all \d+ rows$/ });
  if ((await all.count()) > 0) await all.click();
  const list = answer.cells.filter(({ id }) => !id.startsWith("cohort:"));
  const shown = await figure.locator(".cells tr[data-row]").evaluateAll((rows) =>
    rows.map((row) => ({
      id: row.dataset.row,
      value: row.querySelector("td.strong").firstChild.textContent,
      text: row.querySelector("td.strong").textContent,
      cells: [...row.querySelectorAll("td")].map((td) => td.textContent),
    })),
  );
  equal(
    shown.map(({ id }) => id),
    list.map(({ id }) => id),
    `${operator}: the rows are the cells`,
  );
  for (const [i, cell] of list.entries()) {
    const text = expected(cell);
    if (text !== null && text !== "–") equal(shown[i].text, text, `${operator}, ${cell.id}`);
    equal(shown[i].cells[1], cell.x == null ? "" : count(cell.x), `${operator}, x of ${cell.id}`);
    equal(shown[i].cells[2], count(cell.n), `${operator}, n of ${cell.id}`);
    equal(shown[i].cells[4], count(cell.people), `${operator}, people of ${cell.id}`);
  }
}

const TABLES = [
  ["tasks", "/tasks", {}],
  ["frictions", "/tasks/frictions", {}],
  ["transitions", "/tasks/flow", {}],
  ["behind", "/hinge?stage=consideration", { params: { stage: "consideration" } }],
  ["stages", "/explore/stages", {}],
  ["retention", "/explore/retention", {}],
  ["value", "/explore/value", {}],
  ["users_customers", "/explore/users_customers", {}],
  ["drop_offs", "/explore/drop_offs", {}],
  ["channels", "/explore/channels", {}],
  ["nps", "/explore/nps", {}],
  ["sessions", "/explore/sessions", {}],
];

for (const [operator, path, body] of TABLES) {
  test(`numbers: ${operator}`, ["DIPTYCH_URL"], () => withPage({}, (page) => table(page, operator, path, body)));
}

test("numbers: map", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    const answer = await api("/api/ask/stages", {});
    await page.goto(`${url}/map`);
    await page.locator(".map .value-number").first().waitFor();
    const cells = answer.cells.filter(({ id }) => /^stage:.*:(accounts|now)$/.test(id));
    equal(await compare(page, ".map", cells, "stages"), cells.length, "every stage, ever and now");
  }),
);

test("numbers: people and data", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    const people = await api("/api/who/users_customers", { cell: "uses_pays", limit: 1 });
    const id = people.units[0].actor;
    const user = await api(`/api/users/${id}`);
    await page.goto(`${url}/people?user=${id}`);
    await page
      .getByText(
        `${count(user.sessions_total ?? user.sessions.length)} ${(user.sessions_total ?? user.sessions.length) === 1 ? "session" : "sessions"},`,
      )
      .waitFor();
    const account = await api(`/api/accounts/${id}`);
    await page.goto(`${url}/people?account=${id}`);
    await page.getByText(`${count(account.events_total ?? account.events.length)} events, newest first`).waitFor();
    const data = await api("/api/data");
    await page.goto(`${url}/data`);
    for (const source of data.sources) {
      const row = page.locator(`section[aria-labelledby="source-${source.name}"] tbody tr`).first();
      await row.waitFor();
      ok((await row.innerText()).includes(count(source.files[0].accepted)), `${source.name}: accepted rows`);
    }
  }),
);
