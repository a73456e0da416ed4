// A page in an installed Chromium that is checked for accessibility at each stop.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axeSource = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Neither sandbox nor network services: the tests run as root and in containers without them.
const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

/** How the shop looks to different people; every stop is checked in each. */
const looks = [
  { name: "light, wide", colorScheme: "light", size: { width: 1280, height: 900 } },
  { name: "dark, narrow", colorScheme: "dark", size: { width: 390, height: 844 } },
];

/** open starts a browser and answers what a visit needs. */
export async function open({ executable, base, anyCertificate = false }) {
  const browser = await chromium.launch({ executablePath: executable, args: flags });
  const context = await browser.newContext({ baseURL: base, reducedMotion: "reduce", ignoreHTTPSErrors: anyCertificate });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(`uncaught: ${error}`));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(`console: ${message.text()} ${message.location().url}`);
  });
  return { browser, page, errors, stop: (name) => stop(page, name) };
}

/** stop checks the page as it is now with axe, in every look, and reports what axe finds. */
async function stop(page, name) {
  await page.waitForFunction(() => !document.querySelector("main [aria-busy]"));
  for (const look of looks) {
    await page.emulateMedia({ colorScheme: look.colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize(look.size);
    if (!(await page.evaluate("window.axe !== undefined"))) await page.evaluate(axeSource);
    const { violations, passes } = await page.evaluate("axe.run()");
    report({ stop: name, look: look.name, address: page.url(), passes: passes.length, violations: violations.map(brief) });
  }
  await page.setViewportSize(looks[0].size);
}

const brief = ({ id, impact, help, nodes }) => ({
  id, impact, help, nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => ({ html: html.slice(0, 200), failureSummary })),
});

/** report writes one line of JSON for the Go test. */
export function report(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}
