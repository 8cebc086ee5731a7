// Browser tests over running servers.
//
// DIPTYCH_URL        address of `diptych serve` on a demo workspace with stages, tasks and frictions (demo bakery)
// DIPTYCH_EMPTY_URL  address of `diptych serve` on an empty folder; the tests fill it, so it is good for one run
// DIPTYCH_FILES      folder with transactions_sample.csv, coupon_redemptions.csv and campaigns.csv of Complete Journey
// CHROMIUM           the browser; /usr/bin/chromium unless given
// E2E_OUT            folder for pictures of failures
// An argument runs only the tests whose name contains it. A test whose variable is missing is skipped, and said so;
// with E2E_ALL=1 a missing variable is a failure.
import { run } from "./browser.mjs";
import "./first-run.mjs";
import "./journey.mjs";
import "./funnel.mjs";
import "./exports.mjs";
import "./corrections.mjs";
import "./numbers.mjs";
import "./states.mjs";
import "./keyboard.mjs";
import "./accessibility.mjs";

const needed = ["DIPTYCH_URL", "DIPTYCH_EMPTY_URL", "DIPTYCH_FILES"];
const missing = needed.filter((name) => !process.env[name]);
if (process.env.E2E_ALL && missing.length > 0) {
  console.error(`missing: ${missing.join(", ")}`);
  process.exit(2);
}
process.exit((await run()) > 0 ? 1 : 0);
