// What all browser tests share: the browser, a page, plain assertions, and a list of tests that run one after the other.
import { chromium } from "playwright-core";

export const url = process.env.DIPTYCH_URL;
export const emptyUrl = process.env.DIPTYCH_EMPTY_URL;
export const files = process.env.DIPTYCH_FILES;

const tests = [];

/** Adds a test; with `alongside` it runs with the others that have it, after all that have not. */
export function test(name, needs, work, alongside = false) {
  tests.push({ name, needs, work, alongside });
}

let browser;

/** Runs work on a fresh page; what the page logs as an error fails the test. */
export async function withPage(options, work) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    acceptDownloads: true,
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env.E2E_TIMEOUT_MS ?? 180_000));
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error in the page: ${error.message}`));
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    const own = [url, emptyUrl].filter(Boolean).map((one) => new URL(one).host);
    if (protocol.startsWith("http") && !own.includes(host)) wrong.push(`request to another host: ${request.url()}`);
  });
  try {
    await work(page);
    equal(wrong, [], "the page is quiet");
  } catch (error) {
    if (process.env.E2E_OUT) await page.screenshot({ path: `${process.env.E2E_OUT}/failed-${Date.now()}.png`, fullPage: true });
    throw error;
  } finally {
    await context.close();
  }
}

export function ok(condition, what) {
  if (!condition) throw new Error(`not so: ${what}`);
}

export function equal(found, expected, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: found ${a}, expected ${b}`);
}

/** Asks the server directly; the screens are compared with it. */
export async function api(path, body) {
  const init = body && { method: "POST", headers: { "content-type": "application/json", "x-diptych": "1" }, body: JSON.stringify(body) };
  const response = await fetch(url + path, init || undefined);
  ok(response.ok, `${path} is answered (${response.status})`);
  return response.json();
}

export async function run() {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  let failed = 0;
  const only = process.argv[2];
  const runOne = async ({ name, needs, work }) => {
    const missing = needs.filter((variable) => !process.env[variable]);
    if (missing.length > 0) {
      console.log(`skip  ${name} (needs ${missing.join(", ")})`);
      return;
    }
    const start = Date.now();
    try {
      await work();
      console.log(`ok    ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed++;
      console.log(`FAIL  ${name}\n      ${error.stack?.split("\n").slice(0, 6).join("\n      ")}`);
    }
  };
  const wanted = tests.filter(({ name }) => !only || name.includes(only));
  for (const one of wanted.filter(({ alongside }) => !alongside)) await runOne(one);
  // What only reads, and long, is run side by side.
  await Promise.all(wanted.filter(({ alongside }) => alongside).map(runOne));
  await browser.close();
  return failed;
}
