// Every export is opened with the program that reads its kind, and says what the screen says.
import { readFile } from "node:fs/promises";
import { getDocument } from "pdfjs-dist/legacy/build/pdf.mjs";
import { readSheet } from "read-excel-file/node";
import { api, equal, ok, test, url, withPage } from "./browser.mjs";

/** Draws a picture in the browser, which fails on bytes that are none; its size in pixels. */
const drawn = (page, bytes, type) =>
  page.evaluate(
    async ([base64, type]) => {
      const image = new Image();
      image.src = `data:${type};base64,${base64}`;
      await image.decode();
      return [image.naturalWidth, image.naturalHeight];
    },
    [bytes.toString("base64"), type],
  );

/** Cuts CSV into rows of fields (RFC 4180). */
function fields(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1).push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === "") break;
    if (end !== ",") rows.push([]);
  }
  return rows.filter((row) => row.length > 1 || row[0] !== "");
}

/** How each kind is opened; what is found is compared across the formats of one place. */
const OPEN = {
  SVG: async (page, bytes) => {
    const found = await page.evaluate((text) => {
      const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
      const wrong = parsed.querySelector("parsererror")?.textContent;
      return { wrong, texts: parsed.querySelectorAll("text").length, scripts: parsed.querySelectorAll("script").length };
    }, bytes.toString());
    equal(found.wrong, undefined, "SVG is parsed");
    ok(found.texts > 2 && found.scripts === 0, `${found.texts} texts stand in the SVG`);
    return { pixels: await drawn(page, bytes, "image/svg+xml") };
  },
  PNG: async (page, bytes) => {
    const pixels = await drawn(page, bytes, "image/png");
    equal([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], pixels, "the size of the PNG");
    return { pixels: pixels.map((size) => size / 2) };
  },
  PDF: async (_, bytes) => {
    const document = await getDocument({ data: new Uint8Array(bytes), verbosity: 0 }).promise;
    ok(document.numPages >= 1, "the PDF has pages");
    for (let number = 1; number <= document.numPages; number++) {
      const page = await document.getPage(number);
      const [, , width, height] = page.view;
      ok(width > 100 && height > 100, `page ${number} is ${width} × ${height} points`);
      const { items } = await page.getTextContent();
      const { fnArray } = await page.getOperatorList();
      ok(items.length > 0 || fnArray.length > 20, `something stands on page ${number}`);
    }
    return {};
  },
  XLSX: async (_, bytes) => ({ rows: (await readSheet(bytes)).map((row) => row.map((value) => `${value ?? ""}`)) }),
  CSV: async (_, bytes) => ({ rows: fields(bytes.toString()) }),
  HTML: async (page, bytes) => {
    const found = await page.evaluate((text) => {
      const parsed = new DOMParser().parseFromString(text, "text/html");
      const outside = [...parsed.querySelectorAll("[src], link[href]")].filter((part) => !(part.src ?? part.href).startsWith("data:"));
      return { title: parsed.title, words: parsed.body.textContent.split(/\s+/).length, outside: outside.length };
    }, bytes.toString());
    ok(found.title && found.words > 30, `the page is called ${found.title} and has ${found.words} words`);
    equal(found.outside, 0, "parts that stand elsewhere");
    return {};
  },
  JSON: async (_, bytes) => ({ json: JSON.parse(bytes.toString()) }),
  MD: async (_, bytes) => {
    ok(/^# \S/m.test(bytes.toString()), "the text has a heading");
    return {};
  },
};

/** Downloads and opens every format of a menu; what was found by name. */
async function openAll(page, menu, expected) {
  await menu.click();
  const list = menu.locator("xpath=following-sibling::div");
  equal(await list.getByRole("button").allInnerTexts(), expected, "formats");
  const found = {};
  for (const name of expected) {
    const [download] = await Promise.all([page.waitForEvent("download"), list.getByRole("button", { name, exact: true }).click()]);
    await list.waitFor({ state: "hidden" });
    await menu.click();
    const bytes = await readFile(await download.path());
    ok(download.suggestedFilename().toUpperCase().endsWith(`.${name}`), `${download.suggestedFilename()} is ${name}`);
    found[name] = await OPEN[name](page, bytes);
  }
  if (found.SVG && found.PNG) {
    const apart = found.SVG.pixels.map((size, axis) => Math.abs(size - found.PNG.pixels[axis]));
    ok(Math.max(...apart) <= 1, `PNG is twice the size of SVG: ${found.PNG.pixels} and ${found.SVG.pixels}`);
  }
  if (found.CSV && found.XLSX) {
    equal(found.XLSX.rows[0], found.CSV.rows[0], "columns of XLSX and CSV");
    equal(found.XLSX.rows.length, found.CSV.rows.length, "rows of XLSX and CSV");
  }
  return found;
}

const ANSWER = ["SVG", "PNG", "CSV", "XLSX"];
const MAP = ["SVG", "PNG", "PDF", "HTML", "MD", "JSON"];

test("exports of an answer", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    const answer = await api("/api/ask/sessions", {});
    await page.goto(`${url}/explore/sessions`);
    const { CSV, XLSX } = await openAll(page, page.getByRole("button", { name: "Export", exact: true }).first(), ANSWER);
    for (const { rows } of [CSV, XLSX]) {
      const [header, ...body] = rows;
      const column = (name) => header.indexOf(name);
      equal(
        body.map((row) => [row[column("id")], Number(row[column("n")])]),
        answer.cells.map(({ id, n }) => [id, n]),
        "the rows are the cells of the answer",
      );
    }
  }),
);

const PLACES = [
  ["the report", "/", "Export report", ["HTML", "PDF", "JSON"]],
  ["the customer journey map", "/map", "Export", MAP],
  ["rejected rows", "/data/quarantine", "Export", ["CSV"]],
];

for (const [what, path, label, formats] of PLACES) {
  test(`exports of ${what}`, ["DIPTYCH_URL"], () =>
    withPage({}, async (page) => {
      await page.goto(url + path);
      await openAll(page, page.getByRole("button", { name: label, exact: true }).first(), formats);
    }),
  );
}

test("exports of a query", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    const sql = "select name, count(*) as n from events group by name order by name";
    await page.goto(`${url}/explore/sql?sql=${encodeURIComponent(sql)}`);
    const { CSV, XLSX } = await openAll(page, page.getByRole("button", { name: "Export", exact: true }).first(), ["CSV", "XLSX"]);
    equal(XLSX.rows, CSV.rows, "XLSX and CSV");
    equal(CSV.rows[0], ["name", "n"], "the columns asked for");
  }),
);

test("exports of people", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    await page.goto(`${url}/?who=${encodeURIComponent(JSON.stringify({ operator: "users_customers", question: {}, cell: "pays_only" }))}`);
    await openAll(page, page.getByRole("dialog").getByRole("button", { name: "Export" }), ["CSV", "XLSX"]);
  }),
);

test("exports of a task", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    await page.goto(`${url}/tasks`);
    await openAll(page, page.locator('section[aria-labelledby="task-flow"]').getByRole("button", { name: "Export" }), MAP);
  }),
);
