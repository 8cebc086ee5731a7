// From an empty folder, without a terminal: files in, questions answered, both panels and the map seen.
import { join } from "node:path";
import { emptyUrl, files, ok, test, withPage } from "./browser.mjs";

const DATA = ["transactions_sample.csv", "coupon_redemptions.csv", "campaigns.csv"];

async function add(page, section, one, answers) {
  const card = page.locator(`section[aria-labelledby="name-${section}"]`);
  await card.getByRole("button", { name: `Add a ${one}` }).click();
  await card.getByLabel(`What is this ${one} called?`).fill(answers.name);
  for (const [label, text] of Object.entries(answers.texts ?? {})) await card.getByLabel(label).fill(text);
  for (const [label, events] of Object.entries(answers.events ?? {})) {
    const group = card.getByRole("group", { name: label });
    for (const event of events) {
      await group.getByLabel(`Add to ${label}`).fill(event);
      await group.getByRole("button", { name: "Add", exact: true }).click();
    }
  }
  await card.getByRole("button", { name: `Add this ${one}` }).click();
  await card.getByRole("button", { name: answers.name, exact: true }).waitFor();
}

test("first run: from files to both panels and the map", ["DIPTYCH_EMPTY_URL", "DIPTYCH_FILES"], () =>
  withPage({}, async (page) => {
    await page.goto(emptyUrl);
    await page.getByRole("heading", { level: 1, name: "Put your journeys side by side" }).waitFor();
    await page.locator('input[type="file"]').setInputFiles(DATA.map((name) => join(files, name)));
    await page.locator(".uploads .upload-state").nth(2).waitFor();
    await page.getByRole("button", { name: "Look at the columns" }).click();

    await page.getByRole("heading", { name: "transactions_sample.csv" }).waitFor();
    const transactions = page.locator('section[aria-labelledby="file-transactions_sample.csv"]');
    ok((await transactions.locator(".sample tbody tr").count()) > 0, "rows of the file are in view");
    ok(
      (await transactions.getByLabel("Which column says when it happened?").inputValue()) === "transaction_timestamp",
      "the time is guessed",
    );
    ok(
      (await transactions.getByLabel("Which column says who pays, or may pay?").inputValue()) === "household_id",
      "the household is guessed",
    );
    await page.getByLabel("What is it called?").fill("Complete Journey");
    await page.getByLabel("In which currency is its money?").fill("USD");
    await transactions.getByLabel("Every row is a").fill("basket_line");
    const coupons = page.locator('section[aria-labelledby="file-coupon_redemptions.csv"]');
    await coupons.getByLabel("Every row is a").fill("coupon_redeemed");
    await page.getByRole("button", { name: "Review what is written" }).click();

    const change = page.getByLabel("What is written");
    await change.waitFor();
    ok((await change.innerText()).includes("name: Complete Journey"), "the change is shown before it is saved");
    await page.getByRole("button", { name: "Save and import" }).click();
    await page.getByRole("heading", { name: "The data is in" }).waitFor({ timeout: 240_000 });
    ok((await page.locator("main table tbody tr").count()) === 2, "both files are in");

    await page.getByRole("button", { name: "Name the journeys" }).click();
    await add(page, "stages", "stage", {
      name: "buying",
      events: { "Which events bring somebody here?": ["basket_line"] },
      texts: { "Lost after how long without going on?": "60d" },
    });
    await add(page, "stages", "stage", { name: "loyal", events: { "Which events bring somebody here?": ["coupon_redeemed"] } });
    await page.getByRole("button", { name: "Save and count" }).click();

    await page.getByRole("heading", { level: 1, name: "Complete Journey" }).waitFor({ timeout: 240_000 });
    await page.getByRole("heading", { name: "User journey", exact: true, level: 2 }).waitFor();
    await page.getByRole("heading", { name: "Customer journey", exact: true, level: 2 }).waitFor();
    ok((await page.locator(".diptych .value-number").count()) > 6, "both panels have numbers");
    await page.getByText("buying → loyal").first().waitFor();

    await page.getByRole("link", { name: "Customer journey map" }).click();
    await page.getByRole("columnheader", { name: /buying/ }).waitFor();
    await page.getByRole("columnheader", { name: /loyal/ }).waitFor();
    ok((await page.locator(".map .value-number").count()) > 4, "the map has live numbers");
  }),
);
