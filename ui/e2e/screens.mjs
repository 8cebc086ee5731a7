// Pictures of every screen over a running server, for docs/screens: node e2e/screens.mjs URL NAME FOLDER
// One width and theme per picture: the wide light screens of every workspace, and with --all narrow and dark ones too.
import { chromium } from "playwright-core";

const [url, name, folder, all] = process.argv.slice(2);
const ask = async (path, body) => {
  const init = body && { method: "POST", headers: { "content-type": "application/json", "x-diptych": "1" }, body: JSON.stringify(body) };
  return (await fetch(url.replace(/\/$/, "") + path, init)).json();
};
const workspace = await ask("/api/workspace");
// Somebody with several sessions; without sessions of users, an account.
const who = await ask("/api/who/sessions", { cell: "sessions", limit: 1, offset: 20 });
const screens = { overview: "/", tasks: "/tasks", explore: "/explore/sessions", data: "/data" };
if (workspace.has.stages) Object.assign(screens, { map: "/map", hinge: "/hinge" });
if (who.units?.length > 0) screens.person = `/people?user=${encodeURIComponent(who.units[0].actor)}`;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
for (const [screen, path] of Object.entries(screens)) {
  for (const [width, colorScheme] of all
    ? [
        [1280, "light"],
        [1280, "dark"],
        [400, "light"],
      ]
    : [[1280, "light"]]) {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme, reducedMotion: "reduce" });
    await page.goto(url.replace(/\/$/, "") + path);
    await page.locator("main h1").waitFor();
    // At rest: nothing is being counted, and nothing was for a second.
    for (let still = 0; still < 5; still++) {
      await page.waitForTimeout(200);
      if ((await page.locator(".loading, .partial, progress, [data-pending]").count()) > 0) still = -1;
    }
    const suffix = width === 1280 && colorScheme === "light" ? "" : `-${width === 400 ? "narrow" : "dark"}`;
    await page.screenshot({ path: `${folder}/${name}-${screen}${suffix}.jpg`, type: "jpeg", quality: 72, fullPage: width === 1280 });
    await page.close();
  }
}
await browser.close();
