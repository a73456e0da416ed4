// Run: node --test notification/*.test.js

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Store } from "./store.js";
import { notice } from "./words.js";

async function directory(t) {
  const path = await mkdtemp(join(tmpdir(), "notification-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

const placed = (order_id) => ({ kind: "order-confirmed", user_id: "u1", email: "a@example.com", order_id, text: `Order ${order_id} is confirmed.` });
const orders = (store, user = "u1") => store.of(user).map((each) => each.order_id);

test("what was added is there after a restart, newest first", async (t) => {
  const path = join(await directory(t), "n.jsonl");
  const store = await Store.open(path);
  await Promise.all(["1", "2", "3"].map((id) => store.add(`d${id}`, placed(id))));
  await store.close();
  const again = await Store.open(path);
  assert.deepEqual(orders(again), ["3", "2", "1"]);
  assert.deepEqual(again.of("nobody"), []);
  await again.close();
});

test("a delivery is kept once, also when it comes again at once or after a restart", async (t) => {
  const path = join(await directory(t), "n.jsonl");
  const store = await Store.open(path);
  const [first, second] = await Promise.all([store.add("d1", placed("1")), store.add("d1", placed("1"))]);
  assert.equal(first.id, second.id);
  await store.close();
  const again = await Store.open(path);
  assert.equal((await again.add("d1", placed("1"))).id, first.id);
  await again.add("d2", placed("2"));
  await again.add("d3", placed("2"));
  assert.deepEqual(orders(again), ["2", "2", "1"]);
  await again.close();
});

test("what happened later is newer, whenever it was delivered", async (t) => {
  const store = await Store.open(join(await directory(t), "n.jsonl"));
  await store.add("d2", placed("2"), new Date(2000));
  await store.add("d1", placed("1"), new Date(1000));
  assert.deepEqual(orders(store), ["2", "1"]);
  await store.close();
});

test("what is told of each topic", () => {
  const order = { id: "ord_1", total_cents: 3450, currency: "EUR", shipment: { tracking: "T1" } };
  const text = (topic) => notice(topic, { order, user_id: "u1", email: "a@example.com" })?.text;
  assert.equal(text("order.placed"), "We have your order ord_1 over 34.50 EUR and are working on it.");
  assert.equal(text("order.confirmed"), "Thank you! Your order ord_1 over 34.50 EUR is confirmed. Your parcel has the number T1.");
  assert.equal(text("order.failed"), "Your order ord_1 did not go through. You are not charged for it.");
  assert.equal(text("stock.low"), undefined);
});

test("a torn last line is cut off and the file goes on", async (t) => {
  const path = join(await directory(t), "n.jsonl");
  const store = await Store.open(path);
  await store.add("d1", placed("1"));
  await store.close();
  await appendFile(path, '{"id":"x","user_id":"u1","te');
  const again = await Store.open(path, () => assert.fail("told of damage"));
  await again.add("d2", placed("2"));
  await again.close();
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  assert.deepEqual(lines.map((line) => JSON.parse(line).order_id), ["1", "2"]);
});

test("damage in the middle is told, and the rest is read", async (t) => {
  const path = join(await directory(t), "n.jsonl");
  await writeFile(path, `${JSON.stringify(placed("1"))}\n\u0000\u0000\n${JSON.stringify(placed("3"))}\n`);
  const damaged = [];
  const store = await Store.open(path, (line) => damaged.push(line));
  assert.deepEqual([damaged, orders(store)], [[2], ["3", "1"]]);
  await store.close();
});

function call(agent, base, method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(base + path, { agent, method, headers }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode, type: response.headers["content-type"], body: JSON.parse(text), reused: sent.reusedSocket });
    });
    sent.on("error", reject).end(body && JSON.stringify(body));
  });
}

test("the process answers, keeps connections, and ends with 0 when told to", async (t) => {
  const data = await directory(t);
  const child = spawn(process.execPath, [fileURLToPath(new URL("server.js", import.meta.url))], { env: { ...process.env, PORT: "0", DATA_DIR: join(data, "new") }, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve(code ?? signal)));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const base = `http://${JSON.parse((await lines.next()).value).address}`;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());

  assert.equal((await call(agent, base, "GET", "/healthz")).status, 200);
  const event = { order: { id: "1", total_cents: 100, currency: "EUR", shipment: { tracking: "T1" } }, user_id: "u1", email: "a@example.com" };
  const head = { "Banyan-Delivery": "d1", "Banyan-Topic": "order.confirmed", "ce-time": "2026-01-31T12:00:00Z" };
  for (let attempt = 1; attempt <= 2; attempt++) assert.equal((await call(agent, base, "POST", "/events/orders", event, head)).status, 200);
  for (const [body, headers, status] of [
    [{ order: {} }, head, 422],
    [event, { ...head, "Banyan-Topic": "stock.low" }, 422],
    [event, {}, 422],
    [{ ...event, more: "x".repeat(70_000) }, head, 413],
  ]) {
    const got = await call(agent, base, "POST", "/events/orders", body, headers);
    assert.deepEqual([got.status, got.type, got.reused], [status, "application/problem+json", true]);
  }
  assert.equal((await call(agent, base, "GET", "/notifications")).status, 422);
  assert.equal((await call(agent, base, "GET", "/elsewhere")).status, 404);
  const list = await call(agent, base, "GET", "/notifications?user_id=u1");
  assert.deepEqual(list.body.items.map(({ at, kind, order_id, email }) => [at, kind, order_id, email]), [["2026-01-31T12:00:00.000Z", "order-confirmed", "1", "a@example.com"]]);

  child.kill("SIGTERM");
  assert.equal(await ended, 0);
  assert.match(await readFile(join(data, "new", "notifications.jsonl"), "utf8"), /"order_id":"1".*\n$/);
});
