// The parts of the page that decide something. Run: node --test storefront/jstest/*.test.mjs

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const kept = new Map();
let refuse = false;
globalThis.localStorage = {
  getItem: (name) => kept.get(name) ?? null,
  setItem(name, value) {
    if (refuse) throw new Error("full");
    kept.set(name, value);
  },
  removeItem: (name) => kept.delete(name),
};

const from = (name) => import(`../static/assets/js/${name}.js`);
const attempt = await from("attempt");
const { cart } = await from("cart");
const { refusal, because } = await from("words");
const { badgeWords, stockWords } = await from("cards");
const { ApiError } = await from("api");

beforeEach(() => {
  kept.clear();
  refuse = false;
});

const tea = { id: "tea", name: "Tea", price_cents: 450, currency: "EUR", image: "/tea.svg" };
const lines = [{ id: "tea", quantity: 2 }];

test("an attempt keeps its key until it has ended", () => {
  const first = attempt.begin("a@example.com", lines);
  assert.deepEqual(JSON.parse(first.body), { items: [{ product_id: "tea", quantity: 2 }] });
  assert.equal(attempt.begin("a@example.com", lines).key, first.key);
  attempt.finish();
  assert.notEqual(attempt.begin("a@example.com", lines).key, first.key);
});

test("another cart, another person or another day is another attempt", () => {
  const { key } = attempt.begin("a@example.com", lines);
  assert.notEqual(attempt.begin("a@example.com", [{ id: "tea", quantity: 3 }]).key, key);
  const mine = attempt.begin("a@example.com", lines, 0);
  assert.notEqual(attempt.begin("b@example.com", lines, 1).key, mine.key);
  const early = attempt.begin("a@example.com", lines, 0);
  assert.notEqual(attempt.begin("a@example.com", lines, 24 * 60 * 60 * 1000).key, early.key);
});

test("an attempt has ended only where the shop said how", () => {
  const ended = (values) => attempt.ended(new ApiError(values));
  for (const values of [{ status: 402, code: "declined" }, { status: 409, code: "out-of-stock" }, { status: 422 }, { status: 503, code: "payment-unavailable" }, { status: 502, replayed: true }]) {
    assert.equal(ended(values), true, JSON.stringify(values));
  }
  for (const values of [{ code: "unreachable" }, { code: "timeout" }, { status: 401 }, { status: 429 }, { status: 500 }, { status: 503, code: "no-ready-instance" }, { status: 504 }]) {
    assert.equal(ended(values), false, JSON.stringify(values));
  }
});

test("the cart adds up, is bounded, and drops what is set to nothing", () => {
  cart.add(tea, 2);
  cart.add(tea);
  assert.equal(cart.count, 3);
  assert.equal(cart.totalCents, 1350);
  cart.set("tea", 1000);
  assert.equal(cart.count, 99);
  cart.set("tea", 0);
  assert.deepEqual(cart.lines, []);
});

test("the cart takes over a new price and says so", () => {
  cart.add(tea);
  assert.equal(cart.refresh(tea), false);
  assert.equal(cart.refresh({ ...tea, price_cents: 500 }), true);
  assert.equal(cart.totalCents, 500);
});

test("the cart outlives a browser that refuses storage, and nonsense in it", () => {
  refuse = true;
  cart.add(tea);
  assert.equal(cart.count, 1);
  cart.clear();
  assert.equal(cart.count, 0);
  kept.set("shop.cart", "{nonsense");
  assert.deepEqual(cart.lines, []);
});

test("a refusal says what happened and that the cart is kept", () => {
  const { title, detail } = refusal(new ApiError({ status: 503, code: "payment-unavailable" }));
  assert.equal(title, "Orders cannot be placed at the moment: payment is not available.");
  assert.match(detail, /Your cart is kept/);
  assert.match(refusal(new ApiError({ status: 409, code: "out-of-stock", products: ["tea"] }), [tea]).detail, /left of: Tea\./);
  assert.match(refusal(new ApiError({ status: 502 })).detail, /not be charged twice/);
  assert.equal(because(new ApiError({ status: 422, detail: "The name is too long." })), "The name is too long.");
});

test("stock in words", () => {
  assert.deepEqual([0, 3, 40].map((available) => stockWords(available).text), ["Sold out", "Only 3 left", "In stock"]);
});

test("a badge that the page does not know is not shown", () => {
  assert.deepEqual([{ badge: "low-stock" }, { badge: "brand-new" }, {}].map(badgeWords), ["Low stock", "", ""]);
});
