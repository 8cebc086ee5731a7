// Rejected rows are seen, corrected in a file, and imported again.
import { readFile } from "node:fs/promises";
import { api, equal, ok, test, url, withPage } from "./browser.mjs";

test("rejected rows: seen, corrected, imported again", ["DIPTYCH_URL"], () =>
  withPage({}, async (page) => {
    const rejected = async () => (await api("/api/data")).quarantine.rows;
    const accepted = async () => {
      const { sources } = await api("/api/data");
      return sources.find(({ name }) => name === "counter").files.reduce((sum, file) => sum + file.accepted, 0);
    };
    const before = { rejected: await rejected(), accepted: await accepted() };
    await page.goto(`${url}/data/quarantine?source=counter`);
    const list = page.locator('section[aria-labelledby="rejected"]');
    await list.getByText("is not an amount").first().waitFor();
    const shown = Number((await list.getByRole("heading").innerText()).match(/^\d+/)[0]);
    ok(shown > 2, `${shown} rows of the counter are in view`);

    const menu = list.getByRole("button", { name: "Export" });
    await menu.click();
    const [download] = await Promise.all([page.waitForEvent("download"), list.getByRole("button", { name: "CSV", exact: true }).click()]);
    const csv = (await readFile(await download.path())).toString();
    // The amount is mended wherever it alone is wrong; what the reason says is left.
    const mended = csv.replace(/,abc,/g, ',"6,40",');
    const n = csv.split(",abc,").length - 1;
    ok(n > 0 && n < shown, `${n} of ${shown} rows are mended`);
    const corrected = { name: "corrected.csv", mimeType: "text/csv", buffer: Buffer.from(mended) };
    await page.getByLabel("Import a corrected file").setInputFiles(corrected);
    await page.getByText(/rows? (was|were) rejected/).waitFor();
    await list.getByRole("heading", { name: new RegExp(`^${shown - n} `) }).waitFor();
    equal(await rejected(), before.rejected - n, "rejected rows that are left");
    equal(await accepted(), before.accepted + n, "accepted rows of the counter");
  }),
);
