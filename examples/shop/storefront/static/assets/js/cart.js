// The cart lives in this browser. Each line keeps what the product looked like, so that the cart shows even while
// the catalog is away.

import { drop, load, save } from "./storage.js";

const name = "shop.cart";
const changes = new EventTarget();

export const most = 99;

function lines() {
  const kept = load(name);
  return Array.isArray(kept) ? kept.filter((line) => line?.id && line.quantity > 0) : [];
}

function store(next) {
  if (next.length) save(name, next);
  else drop(name);
  changes.dispatchEvent(new Event("change"));
}

const bounded = (quantity) => Math.min(most, Math.max(0, Math.trunc(Number(quantity)) || 0));

export const cart = {
  get lines() {
    return lines();
  },
  get count() {
    return lines().reduce((sum, line) => sum + line.quantity, 0);
  },
  get totalCents() {
    return lines().reduce((sum, line) => sum + line.quantity * line.price_cents, 0);
  },
  get currency() {
    return lines()[0]?.currency ?? "EUR";
  },
  add({ id, name, price_cents, currency, image }, quantity = 1) {
    const all = lines();
    const line = all.find((each) => each.id === id);
    if (line) Object.assign(line, { name, price_cents, currency, image, quantity: bounded(line.quantity + quantity) });
    else all.push({ id, name, price_cents, currency, image, quantity: bounded(quantity) });
    store(all);
  },
  /** set changes a line's quantity; 0 removes it. */
  set(id, quantity) {
    const all = lines();
    const line = all.find((each) => each.id === id);
    if (line) line.quantity = bounded(quantity);
    store(all.filter((each) => each.quantity > 0));
  },
  /** refresh takes over the catalog's present name and price, and says whether a price moved. */
  refresh(product) {
    const all = lines();
    const line = all.find((each) => each.id === product.id);
    if (!line) return false;
    const moved = line.price_cents !== product.price_cents;
    const { name, price_cents, currency, image } = product;
    Object.assign(line, { name, price_cents, currency, image });
    store(all);
    return moved;
  },
  clear() {
    store([]);
  },
  onChange(listener) {
    changes.addEventListener("change", listener);
    window.addEventListener("storage", (event) => event.key === name && listener());
  },
};
