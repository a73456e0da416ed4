// One attempt at placing an order has one Idempotency-Key, kept across retries and reloads, so that asking again
// after a lost answer cannot order twice. A key is given up once the shop has said how its attempt ended.

import { drop, load, save } from "./storage.js";

const name = "shop.attempt";
const lifetime = 60 * 60 * 1000;

/** begin answers the attempt for this person and these lines: the open one where they are the same, else a new one. */
export function begin(who, lines, now = Date.now()) {
  const items = lines.map(({ id, quantity }) => ({ product_id: id, quantity }));
  const body = JSON.stringify({ items });
  const open = load(name);
  if (open?.who === who && open.body === body && now - open.since < lifetime) return open;
  const attempt = { key: crypto.randomUUID?.() ?? randomKey(), who, body, since: now };
  save(name, attempt);
  return attempt;
}

/** randomKey is for pages that come by plain HTTP from another machine, where browsers have no randomUUID. */
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function finish() {
  drop(name);
}

const dependency = /^(catalog|checkout|inventory|payment|shipping)-unavailable$/;

/**
 * ended says whether an error tells how the attempt ended: refused, or undone because a service that ordering needs
 * is away. Otherwise (no answer, or a proxy's error) the order may yet exist.
 */
export function ended(error) {
  if (error.replayed || dependency.test(error.code)) return true;
  const undecided = [401, 403, 408, 425, 429].includes(error.status);
  return error.status >= 400 && error.status < 500 && !undecided;
}
