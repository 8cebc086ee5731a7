// Every export is opened: it arrives, and is what it says it is.
import { readFile } from "node:fs/promises";
import { ok, test, url, withPage } from "./browser.mjs";

const LOOKS = {
  SVG: (bytes) => bytes.subarray(0, 400).toString().includes("<svg"),
  PNG: (bytes) => bytes.subarray(1, 4).toString() === "PNG" && bytes.readUInt32BE(16) > 100,
  XLSX: (bytes) => bytes.subarray(0, 2).toString() === "PK" && bytes.includes("xl/workbook.xml"),
  PDF: (bytes) => bytes.subarray(0, 5).toString() === "%PDF-" && bytes.includes("%%EOF"),
  HTML: (bytes) => /<!doctype html|<html/i.test(bytes.subarray(0, 400).toString()),
  JSON: (bytes) => JSON.parse(bytes.toString()) !== null,
  CSV: (bytes) => bytes.toString().split("\n")[0].includes(","),
  MD: (bytes) => /^# \S/m.test(bytes.toString()),
};

async function openAll(page, menu, expected) {
  await menu.click();
  const names = await menu.locator("xpath=following-sibling::div").getByRole("button").allInnerTexts();
  ok(JSON.stringify(names) === JSON.stringify(expected), `formats ${names} are ${expected}`);
  const closed = menu.locator("xpath=following-sibling::div");
  for (const name of names) {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      menu.locator("xpath=following-sibling::div").getByRole("button", { name, exact: true }).click(),
    ]);
    await closed.waitFor({ state: "hidden" });
    await menu.click();
    const bytes = await readFile(await download.path());
    ok(bytes.length > 20 && LOOKS[name](bytes), `${download.suggestedFilename()} is ${name}`);
  }
}

const ANSWER = ["SVG", "PNG", "CSV", "XLSX"];
const MAP = ["SVG", "PNG", "PDF", "HTML", "MD", "JSON"];

const PLACES = [
  ["report", "/", "Export report", ["HTML", "PDF", "JSON"]],
  ["answer", "/explore/sessions", "Export", ANSWER],
  ["customer journey map", "/map", "Export", MAP],
  ["rejected rows", "/data/quarantine", "Export", ["CSV"]],
  ["query", "/explore/sql?sql=select+name%2C+count(*)+as+n+from+events+group+by+name", "Export", ["CSV", "XLSX"]],
];

for (const [what, path, label, formats] of PLACES) {
  test(`exports of ${what}`, ["DIPTYCH_URL"], () =>
    withPage({}, async (page) => {
      await page.goto(url + path);
      await openAll(page, page.getByRole("button", { name: label, exact: true }).first(), formats);
    }),
  );
}

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
