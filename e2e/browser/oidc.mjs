// People sign in to a dashboard: node oidc.mjs BASE ISSUER SECRET CHROMIUM
// It is the identity provider as well, and prints a line of JSON for each act.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import { Provider } from "oidc-provider";
import { open, report } from "./page.mjs";

console.info = console.warn = console.error; // what is printed is for the test

const [base, issuer, secret, executable] = process.argv.slice(2);
const groups = { "ann@example.com": ["ops"], "bob@example.com": ["staff"] };

function provider() {
  const p = new Provider(issuer, {
    clients: [{ client_id: "banyan", client_secret: secret, redirect_uris: [`${base}/auth/callback`], response_types: ["code"], grant_types: ["authorization_code"] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
    scopes: ["openid", "email", "groups"],
    pkce: { required: () => true },
    cookies: { keys: [crypto.randomUUID()] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: id, email_verified: true, groups: groups[id] }) }),
  });
  return p.listen(Number(new URL(issuer).port), "127.0.0.1");
}

/** wanted asks to sign in until the dashboard has found the provider, which came after it. */
async function wanted(page) {
  for (let left = 30; ; left--) {
    await page.goto("/auth/sign-in");
    if (page.url().startsWith(issuer)) return;
    assert.ok(left > 0, `the dashboard does not find the provider: ${await page.locator("body").innerText()}`);
    await page.waitForTimeout(500);
  }
}

/** signIn is a person at the provider's pages. */
async function signIn(page, who) {
  await page.locator("input[name=login]").fill(who);
  await page.locator("input[name=password]").fill("x");
  await page.locator("button[type=submit]").click();
  await page.locator("form[action$='/confirm'], form:has(input[value=consent])").locator("button[type=submit]").click();
  await page.waitForURL((url) => url.href.startsWith(base));
}

const session = (page) => page.evaluate(async () => (await fetch("/api/session")).json());

async function operator({ page, context }) {
  await wanted(page);
  await signIn(page, "ann@example.com");
  const said = await session(page);
  assert.equal(said.role, "operator");
  assert.equal(said.who, "ann@example.com");
  await page.getByRole("navigation").first().waitFor();
  const cookies = await context.cookies(base);
  assert.deepEqual(cookies.map(({ name, httpOnly, secure, sameSite }) => ({ name, httpOnly, secure, sameSite })),
    [{ name: "__Host-banyan_dashboard", httpOnly: true, secure: true, sameSite: "Strict" }]);
  report({ act: "an operator signs in" });
}

async function signOut({ page }) {
  const ended = page.evaluate(() => new Promise((resolve) => {
    const stream = new EventSource("/api/stream?kinds=status");
    stream.addEventListener("bye", (event) => { stream.close(); resolve(event.data); });
    stream.addEventListener("hello", () => void fetch("/api/session/end", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }));
  }));
  assert.deepEqual(JSON.parse(await ended), { reason: "signed-out" });
  await page.goto("/traces");
  await page.getByRole("link", { name: "Sign in" }).click(); // the provider still knows who it is
  await page.waitForURL((url) => url.href.startsWith(base));
  assert.equal((await session(page)).role, "operator");
  report({ act: "the operator signs out, and in again by the page" });
}

async function viewer({ page }) {
  await wanted(page);
  await signIn(page, "bob@example.com");
  assert.equal((await session(page)).role, "viewer");
  const status = await page.evaluate(async () => (await fetch("/api/banyan.v1.ControlService/Restart", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ service: "s1" }),
  })).status);
  assert.equal(status, 403);
  report({ act: "a viewer signs in" });
}

async function nobody({ page, context }) {
  await wanted(page);
  await signIn(page, "eve@example.com");
  await page.getByText("gives it no role").waitFor();
  assert.deepEqual(await context.cookies(base), []);
  await page.goto("/auth/callback?code=x&state=y");
  await page.getByText("was not begun in this browser").waitFor();
  report({ act: "somebody without a role does not get in" });
}

const server = provider();
await once(server, "listening");
try {
  for (const acts of [[operator, signOut], [viewer], [nobody]]) {
    const visit = await open({ executable, base, anyCertificate: true });
    try {
      for (const act of acts) await act({ ...visit, context: visit.page.context() });
    } catch (error) {
      report({ failed: String(error), address: visit.page.url(), text: await visit.page.locator("body").innerText().catch(() => "") });
      process.exitCode = 1;
    } finally {
      await visit.browser.close();
    }
  }
} finally {
  server.closeAllConnections();
  server.close();
}
