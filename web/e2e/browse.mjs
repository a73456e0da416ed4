// Opens each screen in each look: node e2e/browse.mjs [BASE] [SCREEN…|acts]
// Without BASE it starts the mock. It prints a line of JSON for each stop, leaves screenshots in
// $BANYAN_SHOTS or a temporary directory, and exits with 1 where something is not as it should be.
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { axe, looks, mock, open, overflow, settle } from "./page.mjs";
import { acts } from "./acts.mjs";
import { screens } from "./screens.mjs";

const [first = "", ...rest] = process.argv.slice(2);
const given = /^https?:/.test(first) ? first : "";
const only = given ? rest : [first, ...rest].filter(Boolean);
const executable = process.env.BANYAN_E2E_CHROMIUM ?? "/usr/bin/chromium";
const shots = process.env.BANYAN_SHOTS ?? mkdtempSync(join(tmpdir(), "banyan-screens-"));
mkdirSync(shots, { recursive: true });

function report(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
  if (what.failed || what.errors?.length || what.violations?.length || what.overflow > 0) process.exitCode = 1;
}

async function visit({ page, errors }, screen) {
  await page.setViewportSize(looks[0].size);
  await page.goto(screen.path);
  await settle(page);
  await screen.then?.(page);
  for (const look of looks) {
    await page.emulateMedia({ colorScheme: look.colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize(look.size);
    await settle(page);
    await page.screenshot({ path: join(shots, `${screen.name}-${look.name}.png`) });
    report({ stop: screen.name, look: look.name, ...(look.axe ? await axe(page) : {}), overflow: await overflow(page), errors: errors.splice(0) });
  }
}

const server = given ? { base: given, stop() {} } : await mock();
const at = await open({ executable, base: server.base });
try {
  if (given) await at.page.goto(process.env.BANYAN_LINK ?? "/");
  for (const screen of screens.filter(({ name, mocked }) => (only.length === 0 || only.includes(name)) && !(mocked && given))) {
    await visit(at, screen).catch((error) => report({ stop: screen.name, failed: String(error?.stack ?? error), errors: at.errors.splice(0) }));
  }
  if (!given && (only.length === 0 || only.includes("acts"))) for (const act of acts) await act(at.page).then(() => report({ act: act.name, errors: at.errors.splice(0) }), (error) => report({ act: act.name, failed: String(error?.stack ?? error) }));
} finally {
  await at.browser.close();
  server.stop();
}
report({ shots });
