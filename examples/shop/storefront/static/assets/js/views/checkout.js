// Placing the order.

import { say } from "../announce.js";
import * as api from "../api.js";
import * as attempt from "../attempt.js";
import { cart } from "../cart.js";
import { h } from "../dom.js";
import { money } from "../format.js";
import { notice } from "../part.js";
import { navigate } from "../router.js";
import { session } from "../session.js";
import { refusal, trace } from "../words.js";
import { sessionEnded } from "./account.js";

export function checkout() {
  const lines = cart.lines;
  const content = h("div", { class: "page" }, h("h1", { tabindex: "-1" }, "Checkout"));
  if (!lines.length) {
    content.append(h("div", { class: "empty" }, h("p", { class: "empty-title" }, "There is nothing to order: your cart is empty."), h("a", { class: "button primary", href: "/" }, "See all products")));
  } else {
    content.append(h("div", { class: "split" }, overview(lines), session.signedIn ? payPanel() : signInPanel()));
  }
  return { title: "Checkout", content };
}

function overview(lines) {
  return h("section", { "aria-labelledby": "yours" },
    h("h2", { id: "yours" }, "Your order"),
    h("ul", { class: "rows" }, lines.map((line) =>
      h("li", {}, h("span", {}, `${line.quantity} × ${line.name}`), h("span", { class: "price" }, money(line.quantity * line.price_cents, line.currency))))),
    h("p", { class: "sum" }, h("span", {}, "Total"), h("span", { class: "price" }, money(cart.totalCents, cart.currency))),
    h("p", {}, h("a", { href: "/cart" }, "Change the cart")));
}

function signInPanel() {
  return h("section", { class: "panel", "aria-labelledby": "who" },
    h("h2", { id: "who" }, "Almost there"),
    h("p", {}, "Sign in to place your order. Your cart is kept."),
    h("a", { class: "button primary wide", href: "/sign-in?next=/checkout" }, "Sign in"),
    h("a", { class: "button wide", href: "/sign-up?next=/checkout" }, "Create an account"));
}

function payPanel() {
  const outcome = h("div", { role: "alert" });
  const total = money(cart.totalCents, cart.currency);
  const button = h("button", { type: "button", class: "button primary wide", onclick: place }, `Place order · ${total}`);
  let running = false;

  async function place() {
    if (running) return;
    running = true;
    button.setAttribute("aria-disabled", "true");
    button.textContent = "Placing your order…";
    outcome.replaceChildren();
    say("Placing your order");
    try {
      const order = await send();
      cart.clear();
      navigate(`/orders/${encodeURIComponent(order.id)}`, { replace: true, state: { placed: true } });
    } catch (error) {
      if (error.status === 401) return sessionEnded();
      if (!("status" in error)) console.error(error);
      outcome.replaceChildren(notice({ ...refusal(error, cart.lines), reference: trace(error) }));
    } finally {
      running = false;
      button.removeAttribute("aria-disabled");
      button.textContent = `Try again · ${total}`;
    }
  }

  return h("section", { class: "panel", "aria-labelledby": "pay" },
    h("h2", { id: "pay" }, "Payment"),
    h("p", {}, "Signed in as ", h("strong", {}, session.email), "."),
    h("p", { class: "quiet" }, "This is a demonstration: the bank is simulated and nothing is charged."),
    outcome,
    button);
}

/**
 * Sends the open attempt. Where an earlier answer was lost and this one only repeats that the attempt had failed,
 * the person who pressed the button wants a new one.
 */
async function send() {
  for (let again = false; ; again = true) {
    const { key, body } = attempt.begin(session.email, cart.lines);
    try {
      const order = await api.placeOrder({ key, body });
      attempt.finish();
      return order;
    } catch (error) {
      if (attempt.ended(error)) attempt.finish();
      if (!error.replayed || again) throw error;
    }
  }
}
