// axe-core on every screen, in both themes and at both widths; and no screen scrolls sideways.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { equal, test, url, withPage } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const who = encodeURIComponent(JSON.stringify({ operator: "users_customers", question: {}, cell: "uses_pays" }));

export const SCREENS = {
  overview: ["/", ".drops"],
  map: ["/map", ".map .value-number"],
  tasks: ["/tasks", "figure.answer .cells"],
  funnel: [`/tasks/funnel?q=${encodeURIComponent('{"params":{"steps":["view_product","add_to_cart","order_placed"]}}')}`, ".funnel-steps"],
  flow: ["/tasks/flow", "figure.answer .cells"],
  frictions: ["/tasks/frictions", "figure.answer .cells"],
  hinge: ["/hinge", ".signals"],
  explore: ["/explore", ".explore-index"],
  question: ["/explore/retention", "figure.answer .cells"],
  sql: ["/explore/sql?sql=select+1+as+one", ".cm-content"],
  people: ["/people", "table"],
  data: ["/data", "section.card"],
  quarantine: ["/data/quarantine", "table"],
  spec: ["/data/spec", ".cm-content"],
  series: ["/data/series", "section.card"],
  start: ["/start", ".dropzone"],
  journeys: ["/start?step=journeys", ".entries"],
  panel: [`/?who=${who}`, ".people-list li"],
  nowhere: ["/nowhere", ".empty"],
};

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 400]) {
    test(
      `accessibility: every screen, ${colorScheme}, ${width} px`,
      ["DIPTYCH_URL"],
      () =>
        withPage({ colorScheme, viewport: { width, height: 900 } }, async (page) => {
          const wrong = [];
          for (const [name, [path, ready]] of Object.entries(SCREENS)) {
            await page.goto(url + path);
            await page.locator(ready).first().waitFor();
            await page.waitForLoadState("networkidle");
            await page.evaluate(axe);
            const { violations } = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: "tag", values } }), RULES);
            for (const { id, nodes } of violations)
              wrong.push(
                `${name}: ${id} at ${nodes
                  .map(({ target }) => target.join(" "))
                  .slice(0, 3)
                  .join("; ")}`,
              );
            const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
            if (over > 0) wrong.push(`${name}: scrolls sideways by ${over} px`);
            const headings = await page.evaluate(() =>
              [...document.querySelectorAll("h1,h2,h3,h4")].filter((one) => one.checkVisibility()).map((one) => Number(one.tagName[1])),
            );
            if (headings.filter((level) => level === 1).length !== 1)
              wrong.push(`${name}: ${headings.filter((level) => level === 1).length} first headings`);
            for (const [i, level] of headings.entries())
              if (i > 0 && level > headings[i - 1] + 1) wrong.push(`${name}: heading ${i + 1} skips a level`);
          }
          equal(wrong, [], "no violation");
        }),
      true,
    );
  }
}
