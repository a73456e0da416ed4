// The cart: what is in it, whether it is still to be had, and what it costs.

import { say } from "../announce.js";
import * as api from "../api.js";
import { picture, stepper } from "../cards.js";
import { cart } from "../cart.js";
import { h } from "../dom.js";
import { count, money } from "../format.js";
import { notice } from "../part.js";

export function cartView({ signal }) {
  const content = h("div", { class: "page" });
  const news = h("div", { "aria-live": "polite" });
  draw();
  if (cart.lines.length) check();
  return { title: "Cart", content };

  function draw() {
    const lines = cart.lines;
    if (!lines.length) return content.replaceChildren(empty());
    const total = h("span", { class: "price" });
    const showTotal = () => (total.textContent = money(cart.totalCents, cart.currency));
    showTotal();
    content.replaceChildren(
      h("h1", { tabindex: "-1" }, "Cart"),
      news,
      h("div", { class: "split" },
        h("ul", { class: "lines" }, lines.map((each) => line(each, { onQuantity: showTotal, onRemove: remove }))),
        h("section", { class: "panel", "aria-labelledby": "summary" },
          h("h2", { id: "summary" }, "Summary"),
          h("p", { class: "sum" }, h("span", {}, "Total"), total),
          h("p", { class: "quiet" }, "Shipping is free."),
          h("a", { class: "button primary wide", href: "/checkout" }, "Go to checkout"),
          h("a", { class: "button wide", href: "/" }, "Keep looking"))));
  }

  function remove({ id, name }) {
    const index = cart.lines.findIndex((each) => each.id === id);
    cart.set(id, 0);
    draw();
    say(`${name} was removed from the cart. ${count(cart.count, "item")} left.`);
    const rest = content.querySelectorAll(".line-name a");
    (rest[Math.min(index, rest.length - 1)] ?? content.querySelector("h1")).focus();
  }

  async function check() {
    const lines = cart.lines;
    const [stock, ...products] = await Promise.allSettled([api.stock(lines.map(({ id }) => id), signal), ...lines.map(({ id }) => api.product(id, signal))]);
    if (signal.aborted) return;
    const messages = [];
    const moved = products.filter((each) => each.status === "fulfilled" && cart.refresh(each.value));
    if (moved.length) messages.push(notice({ title: "Prices have changed.", detail: `New price: ${moved.map(({ value }) => `${value.name}, ${money(value.price_cents, value.currency)}`).join("; ")}.` }));
    const gone = lines.filter((_, i) => products[i].reason?.status === 404);
    if (gone.length) messages.push(notice({ kind: "warn", title: "No longer for sale.", detail: `${gone.map(({ name }) => name).join(", ")}: please remove it to order the rest.` }));
    if (products.some((each) => each.status === "rejected" && each.reason.status !== 404)) {
      messages.push(notice({ title: "Prices cannot be checked right now.", detail: "These are the prices from when you added the products. The price you pay is shown on your order." }));
    }
    if (moved.length) draw();
    if (stock.status === "fulfilled") showShortage(stock.value);
    else messages.push(notice({ title: "Stock cannot be checked right now.", detail: "Your cart is kept, and stock is checked again when you order." }));
    news.replaceChildren(...messages);
  }

  function showShortage(stock) {
    for (const { id, quantity } of cart.lines) {
      const available = stock.get(id);
      if (available === undefined || available >= quantity) continue;
      const place = content.querySelector(`[data-stock="${CSS.escape(id)}"]`);
      if (place) place.textContent = available <= 0 ? "Sold out" : `Only ${available} left`;
    }
  }
}

function line(item, { onQuantity, onRemove }) {
  const sum = h("span", { class: "price" }, money(item.quantity * item.price_cents, item.currency));
  const quantity = stepper({
    label: `Quantity of ${item.name}`,
    value: item.quantity,
    onChange(value) {
      cart.set(item.id, value);
      sum.textContent = money(value * item.price_cents, item.currency);
      onQuantity();
      say(`${item.name}: ${value}. Total ${money(cart.totalCents, cart.currency)}.`);
    },
  });
  return h("li", { class: "line" },
    picture(item),
    h("div", { class: "line-text" },
      h("h2", { class: "line-name" }, h("a", { href: `/products/${encodeURIComponent(item.id)}` }, item.name)),
      h("p", { class: "quiet" }, `${money(item.price_cents, item.currency)} each`),
      h("p", { class: "stock few", "data-stock": item.id, role: "status" })),
    quantity.element,
    h("p", { class: "line-sum" }, sum),
    h("button", { type: "button", class: "link-button", "aria-label": `Remove ${item.name}`, onclick: () => onRemove(item) }, "Remove"));
}

const empty = () =>
  h("div", { class: "empty" },
    h("h1", { tabindex: "-1" }, "Your cart is empty"),
    h("p", {}, "What you add is kept here, in this browser."),
    h("a", { class: "button primary", href: "/" }, "See all products"));
