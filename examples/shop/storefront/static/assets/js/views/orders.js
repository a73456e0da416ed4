// The orders of the person who is signed in, newest first.

import * as api from "../api.js";
import { h } from "../dom.js";
import { count, date, money, short } from "../format.js";
import { part } from "../part.js";
import { session } from "../session.js";
import { sessionEnded } from "./account.js";
import { statusPill } from "./order.js";

export function orders({ signal }) {
  return {
    title: "Orders",
    content: h("div", { class: "page narrow-wide" }, h("h1", {}, "Your orders"), session.signedIn ? list(signal) : signInFirst("/orders")),
  };
}

function list(signal) {
  return part({
    signal,
    loading: () => h("ul", { class: "orders", "aria-hidden": "true" }, Array.from({ length: 3 }, () => h("li", { class: "order-row skeleton" }, h("span", { class: "bone" })))),
    load: () => api.orders(signal),
    show: (items) => (items.length ? h("ul", { class: "orders" }, items.map(row)) : none()),
    unavailable: "Your orders cannot be shown right now.",
    failed: (error) => (error.status === 401 ? (sessionEnded(), h("p", {})) : undefined),
  });
}

function row(order) {
  const pieces = (order.items ?? []).reduce((sum, item) => sum + item.quantity, 0);
  return h("li", { class: "order-row" },
    h("div", {},
      h("h2", { class: "order-name" }, h("a", { href: `/orders/${encodeURIComponent(order.id)}` }, `Order ${short(order.id)}`)),
      h("p", { class: "quiet" }, [date(order.created_at), pieces && count(pieces, "item")].filter(Boolean).join(" · "))),
    statusPill(order.status),
    order.total_cents !== undefined && h("span", { class: "price" }, money(order.total_cents, order.currency ?? "EUR")));
}

const none = () =>
  h("div", { class: "empty" }, h("p", { class: "empty-title" }, "You have not ordered anything yet."), h("a", { class: "button primary", href: "/" }, "See all products"));

export function signInFirst(next) {
  return h("div", { class: "empty" },
    h("p", { class: "empty-title" }, "Sign in to see your orders."),
    h("a", { class: "button primary", href: `/sign-in?next=${encodeURIComponent(next)}` }, "Sign in"));
}
