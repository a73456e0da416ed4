// A page in an installed Chromium that complains about what a visitor would not see: errors of the
// console, what the policy refuses, and what axe finds.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const axeSource = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Neither sandbox nor network services: the tests run as root and in containers without them.
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const rules = { runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] } };

/** How the dashboard looks to different people. Colours and widths are independent: axe sees each once. */
export const looks = [
  { name: "light-wide", colorScheme: "light", size: { width: 1360, height: 900 }, axe: true },
  { name: "dark-wide", colorScheme: "dark", size: { width: 1360, height: 900 }, axe: false },
  { name: "light-phone", colorScheme: "light", size: { width: 390, height: 844 }, axe: false },
  { name: "dark-phone", colorScheme: "dark", size: { width: 390, height: 844 }, axe: true },
];

/** open starts a browser and answers what a visit needs. */
export async function open({ executable, base, locale = "en-GB" }) {
  const browser = await chromium.launch({ executablePath: executable, args: flags });
  const context = await browser.newContext({ baseURL: base, reducedMotion: "reduce", locale });
  context.setDefaultTimeout(15_000);
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} refused ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
  });
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(`uncaught: ${error}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") errors.push(`console: ${message.text()} ${message.location().url}`);
  });
  return { browser, page, errors };
}

/** settle waits until nothing on the page is being loaded. */
export async function settle(page) {
  await page.locator("main h1").first().waitFor();
  await page.waitForFunction(() => !document.querySelector("[aria-busy]"));
}

/** axe answers what it finds on the page as it is now. */
export async function axe(page) {
  // By the debugger, which the page's policy does not bind.
  if (!(await page.evaluate("window.axe !== undefined"))) await page.evaluate(axeSource);
  const { violations, passes } = await page.evaluate(`axe.run(document, ${JSON.stringify(rules)})`);
  return { passes: passes.length, violations: violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, nodes: nodes.slice(0, 4).map(({ html, failureSummary }) => ({ html: html.slice(0, 240), failureSummary })) })) };
}

/** overflow is by how many pixels the page is wider than the window. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** mock starts a stand-in for the daemon. */
export async function mock(environment = {}) {
  const child = spawn(process.execPath, [fileURLToPath(new URL("../mock/server.mjs", import.meta.url)), "0"], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...environment } });
  for await (const line of createInterface(child.stdout)) return { base: line, stop: () => child.kill() };
  throw new Error("the mock did not start");
}
