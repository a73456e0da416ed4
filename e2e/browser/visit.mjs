// A visit to the shop: node visit.mjs whole|degraded BASE CHROMIUM
// It prints a line of JSON for each stop and exits with 1 where the shop is not as it should be.

import { strict as assert } from "node:assert";
import { open, report } from "./page.mjs";

const [visit, base, executable] = process.argv.slice(2);
const person = { name: "Ada Lovelace", email: `${crypto.randomUUID()}@example.com`, password: "correct horse battery" };

async function browse({ page, stop }) {
  await page.goto("/");
  await page.locator(".grid .card a").first().waitFor();
  assert.ok((await page.locator(".grid .card").count()) >= 12, "the first page shows many products");
  await stop("browse");
}

async function search({ page, stop }) {
  await page.getByRole("searchbox").fill("lamp");
  await page.getByRole("searchbox").press("Enter");
  await page.getByRole("heading", { name: "Results for “lamp”" }).waitFor();
  await page.locator(".grid .card a").first().waitFor();
  await stop("search");
}

/** product opens the first one shown and answers its name. */
async function product({ page, stop }) {
  const link = page.locator(".grid .card a").first();
  const name = await link.textContent();
  await link.click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
  await page.getByText(/In stock|Only \d+ left/).first().waitFor();
  await stop("product");
  return name;
}

async function fillCart({ page, stop }, name) {
  await page.getByRole("button", { name: "Add to cart" }).click();
  await page.getByRole("link", { name: "View cart" }).click();
  await page.getByRole("heading", { level: 1, name: "Cart" }).waitFor();
  await page.getByRole("link", { name }).first().waitFor();
  await stop("cart");
}

async function signUp({ page, stop }) {
  await page.getByRole("link", { name: "Go to checkout" }).click();
  await page.getByRole("heading", { name: "Almost there" }).waitFor();
  await stop("checkout, not signed in");
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("Name").waitFor();
  await stop("sign-up");
  await page.getByLabel("Name").fill(person.name);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password").fill("short");
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByText("Use at least 8 characters.").waitFor();
  await stop("sign-up, refused");
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("button", { name: /Place order/ }).waitFor();
  await stop("checkout");
}

async function buy({ page, stop }, name) {
  await page.getByRole("button", { name: /Place order/ }).click();
  await page.getByRole("heading", { name: "Thank you! Your order is placed." }).waitFor();
  await page.getByText("Confirmed", { exact: true }).waitFor();
  await page.getByRole("link", { name }).first().waitFor();
  await stop("order");
  await page.getByRole("link", { name: "All your orders" }).click();
  await page.getByRole("heading", { name: "Your orders" }).waitFor();
  await page.getByText("Confirmed", { exact: true }).waitFor();
  await stop("orders");
}

async function signInAgain({ page, stop }) {
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("link", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
  await stop("sign-in");
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "Orders" }).click();
  await page.getByText("Confirmed", { exact: true }).waitFor();
}

/** whole: everything is there. */
async function whole(at) {
  await browse(at);
  await search(at);
  const name = await product(at);
  await fillCart(at, name);
  await signUp(at);
  await buy(at, name);
  await signInAgain(at);
  await at.page.goto("/no-such-page");
  await at.page.getByRole("heading", { name: "There is no such page" }).waitFor();
  await at.stop("not found");
  assert.deepEqual(at.errors, [], "no errors in the browser's console");
}

/** degraded: payment and recommendation are away; the page says so, and the rest works. */
async function degraded(at) {
  const { page, stop } = at;
  await browse(at);
  await search(at);
  const name = await product(at);
  await page.getByText("Recommendations are unavailable right now.").waitFor();
  await fillCart(at, name);
  await signUp(at);
  await page.getByRole("button", { name: /Place order/ }).click();
  await page.getByText("Orders cannot be placed at the moment: payment is not available.").waitFor();
  await page.getByText("Your cart is kept, and you will not be charged for this order.").waitFor();
  await page.getByRole("button", { name: /Try again/ }).waitFor();
  await stop("checkout, payment away");
  await page.getByRole("link", { name: "Change the cart" }).click();
  await page.getByRole("link", { name }).first().waitFor();
  assert.deepEqual(at.errors.filter((text) => text.startsWith("uncaught")), [], "no uncaught errors");
}

const at = await open({ executable, base });
try {
  await { whole, degraded }[visit](at);
} catch (error) {
  report({ failed: String(error?.stack ?? error), address: at.page.url(), text: await at.page.locator("main").innerText().catch(() => ""), errors: at.errors });
  process.exitCode = 1;
} finally {
  await at.browser.close();
}
