// What a person does who looks into something: traces, logs, metrics, and bundles of them.
import { strict as assert } from "node:assert";
import { settle } from "./page.mjs";

const trace = `/traces/${"4bf92f3577b34da6".padStart(32, "a")}`;

async function open(page, path) {
  await page.setViewportSize({ width: 1360, height: 900 });
  await page.goto(path);
  await settle(page);
}

async function searchesATrace(page) {
  await open(page, trace);
  await page.keyboard.press("/");
  await page.keyboard.type("charges");
  await page.getByText("3 matches").waitFor();
  await page.keyboard.press("Enter");
  await page.getByText("1 of 3").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("n");
  await page.getByText("2 of 3").waitFor();
  await page.keyboard.press("Shift+N");
  await page.getByText("1 of 3").waitFor();
  const span = new URL(page.url()).searchParams.get("span");
  // The words and the span stay in all views, and in the address.
  await page.getByRole("link", { name: "Flame" }).click();
  await page.getByText("1 of 3").waitFor();
  await page.getByRole("link", { name: "Graph" }).click();
  await page.getByRole("button", { name: /^payment .*3 matches/ }).waitFor();
  await page.getByRole("navigation", { name: "Views of the trace" }).getByRole("link", { name: /^Logs/ }).click();
  await page.getByText("0 matches").waitFor();
  await page.getByRole("searchbox").fill("card network");
  await page.getByText("2 matches").waitFor();
  await page.getByRole("button", { name: "Next match" }).click();
  await page.locator(".logs [aria-expanded=true]").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("span"), span);
  await page.reload();
  await page.getByText("2 matches").waitFor();
}

async function zoomsTheFlameByKeys(page) {
  await open(page, `${trace}?tab=flame`);
  await page.getByRole("application").focus();
  for (const key of ["ArrowDown", "ArrowDown", "ArrowDown"]) await page.keyboard.press(key);
  await page.getByRole("status").filter({ hasText: /^payment, PUT \/charges/ }).waitFor({ state: "attached" });
  await page.keyboard.press("Enter");
  await page.waitForURL(/zoom=[0-9a-f]{16}/);
  const zoomed = page.url();
  await page.keyboard.press("Escape");
  await page.waitForFunction((before) => location.href !== before, zoomed);
  await page.keyboard.press("Space");
  await page.getByRole("complementary", { name: "PUT /charges/{id}" }).waitFor();
  await page.goto(zoomed);
  await page.getByRole("button", { name: "Whole trace" }).click();
  await page.waitForURL((url) => !url.searchParams.has("zoom"));
}

async function walksTheWaterfallByKeys(page) {
  await open(page, trace);
  await page.locator("[data-place='0']").focus();
  for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowLeft"]) await page.keyboard.press(key);
  await page.getByRole("button", { name: "Expand: PUT inventory" }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("complementary", { name: "PUT payment" }).waitFor();
}

async function narrowsLogsByFields(page) {
  await open(page, "/logs");
  await page.getByRole("complementary", { name: "Fields" }).getByRole("button", { name: /^error\b/ }).click();
  await page.waitForURL(/q=severity%3Derror/);
  await page.getByLabel("Add a field").fill("order_id");
  await page.keyboard.press("Enter");
  await page.waitForURL(/fields=order_id/);
  await page.getByRole("complementary", { name: "Fields" }).getByRole("heading", { name: "order_id" }).waitFor();
  await page.locator(".logs button").filter({ hasText: "charge failed" }).first().click();
  await page.getByRole("link", { name: "Only lines without this: attempt" }).first().click();
  await page.waitForURL(/-attempt%3D2/);
  // To the trace and back.
  await page.getByRole("link", { name: "Open the trace" }).first().click();
  await page.waitForURL(/\/traces\/[0-9a-f]{32}/);
  await page.getByRole("link", { name: "See in Logs" }).click();
  await page.waitForURL(/\/logs\?q=trace%3D/);
}

async function followsAnExemplar(page) {
  await open(page, `/query?q=${encodeURIComponent("histogram_quantile(0.95, sum by (callee) (rate(banyan_request_duration_seconds[5m])))")}`);
  await page.locator("a.dot").nth(20).dispatchEvent("click", { bubbles: true, button: 0 }); // others may lie over it
  await page.waitForURL(/\/traces\/[0-9a-f]{32}/);
  await page.goBack();
  await page.getByRole("button", { name: "Exemplars" }).click();
  await page.waitForURL(/exemplars=off/);
  assert.equal(await page.locator("a.dot").count(), 0);
}

async function comparesExpressions(page) {
  await open(page, "/query?q=banyan_up");
  await page.getByRole("button", { name: "Add" }).click();
  const second = page.getByRole("combobox", { name: "PromQL expression B" });
  await second.fill("sum by (cal");
  await page.getByRole("option", { name: /^callee/ }).waitFor();
  await page.keyboard.press("Tab");
  await second.pressSequentially(') (rate(banyan_requests_total{route="');
  await page.getByRole("option", { name: /^\/api\/orders/ }).waitFor();
  await second.pressSequentially('/api"}[1m]))');
  await page.keyboard.press("Enter");
  await page.waitForURL(/q2=sum/);
  await page.getByText("6 series").waitFor();
  await page.getByRole("button", { name: "Remove the expression A" }).click();
  await page.waitForURL((url) => url.searchParams.get("q")?.startsWith("sum by (callee)") && !url.searchParams.has("q2"));
}

async function handsATraceOver(page) {
  await open(page, trace);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export" }).click()]);
  assert.equal(download.suggestedFilename(), "shop-aaaaaaaa.tar.gz");
  await open(page, "/traces");
  await page.locator("input[type=file]").setInputFiles({ name: "shop.tar.gz", mimeType: "application/gzip", buffer: Buffer.from("anything") });
  await page.getByRole("dialog").getByText("2 traces that are here already").waitFor();
  await page.getByRole("button", { name: "See the traces" }).click();
  await page.waitForURL(/q=banyan.bundle%3Dshop-incident-7.*from=/);
}

async function mayNotImport(page) {
  await page.route("**/api/session", (route) => route.fulfill({ json: { role: "viewer", who: "ann", app: "shop", version: "0.0.0-mock", boot: "b1", telemetry: true } }));
  await open(page, "/traces");
  await page.getByRole("button", { name: "Import", disabled: true }).waitFor();
  await page.unroute("**/api/session");
}

export const acts = [searchesATrace, zoomsTheFlameByKeys, walksTheWaterfallByKeys, narrowsLogsByFields, followsAnExemplar, comparesExpressions, handsATraceOver, mayNotImport];
