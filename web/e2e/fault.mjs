// From Home to the cause: node e2e/fault.mjs BASE SERVICE
// SERVICE of the app at BASE answers slowly, and did not before. BANYAN_LINK is a link that lets a
// person in. It clicks what a person would click, three times at most, until it sees the slow call,
// prints a line of JSON for each, and exits with 1 where that does not lead there.
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { open, settle } from "./page.mjs";

const [base, service] = process.argv.slice(2);
const shots = process.env.BANYAN_SHOTS;
const most = 3;
const seenWithin = 90_000;

const at = await open({ executable: process.env.BANYAN_E2E_CHROMIUM ?? "/usr/bin/chromium", base });
const { page, errors } = at;
let clicks = 0;

const report = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

async function shown(name) {
  await settle(page);
  if (shots) await page.screenshot({ path: join(shots, `fault-${clicks}-${name}.png`) });
}

async function click(target, name) {
  const text = (await target.innerText()).replace(/\s+/g, " ").trim();
  await target.click();
  clicks++;
  await shown(name);
  report({ act: `click ${clicks}: ${text.slice(0, 120)}`, errors: errors.splice(0) });
}

try {
  await page.setViewportSize({ width: 1360, height: 900 });
  await page.goto(process.env.BANYAN_LINK ?? "/");
  await page.getByText(`${service} is slower than usual`).waitFor({ timeout: seenWithin });
  await shown("home");
  report({ act: (await page.locator("main p").first().innerText()).trim(), errors: errors.splice(0) });

  // The first of what Home names is what is nearest to the cause.
  const named = page.locator(".health a").first();
  assert.match(await named.innerText(), new RegExp(`→ ${service}$`));
  await click(named, "traces");
  await page.waitForURL(/\/traces\?/);
  await click(page.locator("main li a[data-row]").first(), "trace");
  await page.waitForURL(/\/traces\/[0-9a-f]{32}/);
  await click(page.getByRole("button", { name: new RegExp(`${service} `) }).first(), "span");
  const details = page.getByRole("complementary");
  await details.getByText(service, { exact: true }).first().waitFor();
  assert.match(await details.innerText(), /\b1\.[5-9]\d*s\b|\b[2-9](\.\d+)?s\b/, "the span that took the time is open");
  assert.ok(clicks <= most, `${clicks} clicks`);
} catch (error) {
  report({ failed: String(error?.stack ?? error), act: page.url(), errors });
  process.exitCode = 1;
} finally {
  await at.browser.close();
}
