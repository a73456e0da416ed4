// What a person does on the screens, with the mock behind them.
import { strict as assert } from "node:assert";
import { settle } from "./page.mjs";
import { acts as watching } from "./watching.mjs";

async function open(page, path) {
  await page.setViewportSize({ width: 1360, height: 900 });
  await page.goto(path);
  await settle(page);
}

async function scalesAService(page) {
  await open(page, "/services/order");
  await page.getByRole("button", { name: "Scale" }).click();
  await page.getByRole("spinbutton").fill("3");
  await page.getByRole("dialog").getByRole("button", { name: "Scale" }).click();
  await page.getByText("Scale: done").waitFor();
  await page.getByRole("link", { name: "order-3" }).waitFor();
}

async function redrivesDeadLetters(page) {
  await open(page, "/topics/order.placed");
  await page.getByRole("button", { name: "Deliver all again" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Deliver all again" }).click();
  await page.getByText(/7 delivered/).waitFor();
  await page.getByText("No dead letters").waitFor();
}

async function retriesASaga(page) {
  await open(page, "/sagas?state=SAGA_STATE_NEEDS_ATTENTION");
  await page.locator("tbody a").first().click();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Try again" }).click();
  await page.getByText("Try again: done").waitFor();
  await page.getByText("Running").first().waitFor();
}

async function completesAFilter(page) {
  await open(page, "/traces");
  await page.keyboard.press("/");
  await page.keyboard.type("stat");
  await page.getByRole("option", { name: /^status/ }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type("=err");
  await page.getByRole("option", { name: /^error/ }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=status%3Derror/);
}

async function goesByKeys(page) {
  await open(page, "/");
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.waitForURL(/\/traces$/);
  await settle(page);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/traces\/[0-9a-f]{32}$/);
  await page.goBack();
  await page.waitForURL(/\/traces$/);
}

async function pausesTheTail(page) {
  await open(page, "/logs?live=1");
  await page.locator(".logs li").first().waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText(/Paused; \d+ new/).waitFor();
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByText("Following").waitFor();
}

async function speaksKorean(page) {
  await open(page, "/services");
  await page.getByRole("button", { name: "한국어로 보기" }).click();
  await page.getByRole("heading", { level: 1, name: "서비스" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "ko");
  await page.getByRole("button", { name: "View in English" }).click();
  await page.getByRole("heading", { level: 1, name: "Services" }).waitFor();
}

/** From Home to the slow span in three clicks. */
async function findsTheFault(page) {
  await open(page, "/");
  await page.getByRole("table").getByRole("link", { name: /outside → order/ }).click();
  await page.waitForURL(/\/traces/);
  await settle(page);
  await page.locator("main li a[data-row]").first().click();
  await page.getByRole("button", { name: /payment PUT \/charges/ }).first().click();
  await page.getByRole("complementary", { name: "PUT /charges/{id}" }).getByText("card network answered 503", { exact: true }).first().waitFor();
}

export const acts = [scalesAService, redrivesDeadLetters, retriesASaga, completesAFilter, goesByKeys, pausesTheTail, speaksKorean, findsTheFault, ...watching];
