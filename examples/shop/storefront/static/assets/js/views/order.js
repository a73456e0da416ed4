// One order and how it is getting on.

import { say } from "../announce.js";
import * as api from "../api.js";
import { h, icon } from "../dom.js";
import { date, money, short } from "../format.js";
import { failure, notice, part } from "../part.js";
import { session } from "../session.js";
import { reason } from "../words.js";
import { sessionEnded } from "./account.js";
import { signInFirst } from "./orders.js";

const statuses = {
  pending: { text: "In progress", kind: "wait", detail: "We are reserving your things and settling the payment. This page follows along." },
  confirmed: { text: "Confirmed", kind: "good", detail: "Paid, and handed to shipping." },
  rejected: { text: "Rejected", kind: "bad", detail: "Nothing was charged: the payment was declined, or something was sold out." },
  failed: { text: "Not completed", kind: "bad", detail: "Something went wrong on our side. What was reserved is free again and nothing was charged." },
};

const known = (status) => statuses[status] ?? { text: status, kind: "wait", detail: "" };

export const statusPill = (status) => h("span", { class: `pill ${known(status).kind}` }, known(status).text);

export function orderView({ params: { id }, state, signal }) {
  const heading = h("h1", {}, state.placed ? "Thank you! Your order is placed." : `Order ${short(id)}`);
  const content = h("div", { class: "page narrow-wide" }, heading);
  if (!session.signedIn) content.append(signInFirst(`/orders/${id}`));
  else {
    content.append(part({
      signal,
      loading: () => h("div", { class: "skeleton", "aria-hidden": "true" }, h("span", { class: "bone" }), h("span", { class: "bone narrow" })),
      load: () => api.order(id, signal),
      show: (order) => follow(order, signal),
      unavailable: state.placed ? "Your order is placed, but its details cannot be shown right now." : "This order cannot be shown right now.",
      failed: (error) => (error.status === 401 ? (sessionEnded(), h("p", {})) : error.status === 404 ? notice({ kind: "warn", title: "There is no such order in your account." }) : undefined),
    }));
  }
  content.append(h("p", {}, h("a", { class: "back", href: "/orders" }, icon("back"), "All your orders")));
  return { title: `Order ${short(id)}`, content };
}

/** follow shows the order, and asks again, ever more slowly, until its status is final. */
function follow(order, signal) {
  const element = h("div", {}, details(order));
  const trouble = h("div", {});
  if (order.status === "pending") watch();
  return [trouble, element];

  async function watch() {
    for (let pause = 1000; !signal.aborted; pause = Math.min(pause * 1.5, 10_000)) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (signal.aborted) return;
      try {
        const next = await api.order(order.id, signal);
        trouble.replaceChildren();
        if (next.status === order.status) continue;
        element.replaceChildren(details(next));
        say(`Your order is now: ${known(next.status).text}`);
        if (next.status !== "pending") return;
        order = next;
      } catch (error) {
        if (signal.aborted) return;
        if (error.status === 401) return sessionEnded();
        trouble.replaceChildren(failure(error, "The order's status cannot be brought up to date right now; this page keeps trying."));
      }
    }
  }
}

function details(order) {
  const detail = reason(order.reason) || known(order.status).detail;
  return h("div", { class: "order" },
    h("div", { class: "order-head" }, statusPill(order.status), h("p", {}, detail)),
    h("dl", { class: "facts" },
      fact("Order", short(order.id)),
      fact("Placed", date(order.created_at)),
      fact("Shipment", order.shipment && [order.shipment.tracking, order.shipment.state].filter(Boolean).join(", "))),
    h("h2", {}, "Items"),
    h("ul", { class: "rows" }, (order.items ?? []).map(item)),
    order.total_cents !== undefined && h("p", { class: "sum" }, h("span", {}, "Total"), h("span", { class: "price" }, money(order.total_cents, order.currency ?? "EUR"))));

  function item({ product_id, name, quantity, price_cents }) {
    return h("li", {},
      h("span", {}, `${quantity} × `, h("a", { href: `/products/${encodeURIComponent(product_id)}` }, name ?? api.seenProduct(product_id)?.name ?? product_id)),
      price_cents !== undefined && h("span", { class: "price" }, money(quantity * price_cents, order.currency ?? "EUR")));
  }
}

const fact = (name, value) => value && h("div", {}, h("dt", {}, name), h("dd", {}, value));
