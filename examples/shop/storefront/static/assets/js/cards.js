// Products as cards, and what is said about stock.

import * as api from "./api.js";
import { toast } from "./announce.js";
import { cart, most } from "./cart.js";
import { h, icon } from "./dom.js";
import { count, money } from "./format.js";

const few = 5;

export function picture({ name, image }, { alt = "", eager = false } = {}) {
  return h("span", { class: "picture" },
    image && h("img", {
      src: image, alt, width: 400, height: 400, loading: eager ? null : "lazy", decoding: "async",
      onerror: (event) => event.target.replaceWith(h("span", { class: "picture-missing", "aria-hidden": "true" }, name.slice(0, 1))),
    }));
}

export function addToCart(product, quantity = 1) {
  cart.add(product, quantity);
  toast(icon("check"), h("span", {}, `${product.name} is in your cart (${count(cart.count, "item")}).`), h("a", { href: "/cart" }, "View cart"));
}

/** stockWords says what a person wants to know about how many there are: {text, kind}. */
export function stockWords(available) {
  if (available <= 0) return { text: "Sold out", kind: "none" };
  if (available <= few) return { text: `Only ${available} left`, kind: "few" };
  return { text: "In stock", kind: "many" };
}

/** badgeWords says what a product's badge means; empty where it has none that this page knows. */
export const badgeWords = ({ badge }) => (badge === "low-stock" ? "Low stock" : "");

export function badge(product) {
  const words = badgeWords(product);
  return words && h("span", { class: "pill wait badge" }, words);
}

/** card is a list item. `level` is the rank of its heading. */
export function card(product, { level = 2, eager = false } = {}) {
  const button = h("button", { type: "button", class: "icon-button add", "aria-label": `Add ${product.name} to the cart`, onclick: () => addToCart(product) }, icon("plus"));
  const stock = h("span", { class: "stock" });
  const mark = badge(product);
  const element = h("li", { class: "card" },
    picture(product, { eager }),
    mark,
    h("div", { class: "card-text" },
      h(`h${level}`, { class: "card-name" }, h("a", { href: `/products/${encodeURIComponent(product.id)}` }, product.name)),
      h("p", { class: "card-price" }, h("span", { class: "price" }, money(product.price_cents, product.currency)), stock)),
    button);
  element.showStock = (available) => {
    const { text, kind } = stockWords(available);
    if (kind === "many") return;
    stock.textContent = text;
    stock.classList.add(kind);
    if (kind === "none") {
      mark && mark.remove();
      button.disabled = true;
      button.setAttribute("aria-label", `${product.name} is sold out`);
    }
  };
  return element;
}

export function cards(products, options) {
  return products.map((product, i) => card(product, { ...options, eager: options?.eager && i < 8 }));
}

/** markStock asks once for all the cards. It throws where stock is unavailable. */
export async function markStock(products, elements, signal) {
  if (!products.length) return;
  const stock = await api.stock(products.map(({ id }) => id), signal);
  products.forEach(({ id }, i) => stock.has(id) && elements[i].showStock(stock.get(id)));
}

export function cardSkeletons(number) {
  return h("ul", { class: "grid", "aria-hidden": "true" },
    Array.from({ length: number }, () => h("li", { class: "card skeleton" }, h("span", { class: "picture" }), h("div", { class: "card-text" }, h("span", { class: "bone" }), h("span", { class: "bone narrow" })))));
}

/** stepper is a quantity with − and +. onChange gets the new number. */
export function stepper({ label, value, min = 1, onChange }) {
  const input = h("input", { type: "number", class: "quantity", min, max: most, step: 1, value, inputmode: "numeric", "aria-label": label, onchange: () => set(input.valueAsNumber) });
  function set(next) {
    const bounded = Math.min(most, Math.max(min, Math.trunc(next) || min));
    input.value = bounded;
    less.disabled = bounded <= min;
    more.disabled = bounded >= most;
    onChange?.(bounded);
  }
  const step = (by) => set((input.valueAsNumber || min) + by);
  const less = h("button", { type: "button", "aria-label": `Less: ${label}`, disabled: value <= min, onclick: () => step(-1) }, icon("minus"));
  const more = h("button", { type: "button", "aria-label": `More: ${label}`, disabled: value >= most, onclick: () => step(1) }, icon("plus"));
  const element = h("div", { class: "stepper", role: "group", "aria-label": label }, less, input, more);
  return { element, get value() { return Math.min(most, Math.max(min, input.valueAsNumber || min)); } };
}
