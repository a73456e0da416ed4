// One product, how many there are, and what goes with it.

import * as api from "../api.js";
import { addToCart, badge, cards, cardSkeletons, markStock, picture, stepper, stockWords } from "../cards.js";
import { h, icon } from "../dom.js";
import { money, title } from "../format.js";
import { failure, part } from "../part.js";

const suggestions = 4;

export function productView({ params: { id }, signal, setTitle }) {
  const known = api.seenProduct(id);
  const first = known && details(known, signal);
  const main = part({
    signal,
    loading: () => first ?? skeleton(),
    load: () => api.product(id, signal),
    show(product) {
      setTitle(product.name);
      return known && JSON.stringify(known) === JSON.stringify(product) ? first : details(product, signal);
    },
    failed: (error, retry) => (error.status === 404 ? gone() : known ? [notFresh(), first] : unavailable(error, retry)),
  });
  return {
    title: known?.name ?? "Product",
    content: h("div", { class: "page" }, main, related(id, signal)),
  };
}

function details(product, signal) {
  const quantity = stepper({ label: `Quantity of ${product.name}`, value: 1 });
  const button = h("button", { type: "button", class: "button primary", onclick: () => addToCart(product, quantity.value) }, icon("bag"), "Add to cart");
  return h("article", { class: "product" },
    picture(product, { alt: `Picture of ${product.name}`, eager: true }),
    h("div", { class: "product-text" },
      h("nav", { "aria-label": "You are here", class: "crumbs" },
        h("a", { href: "/" }, "All products"), " / ", h("a", { href: `/?category=${encodeURIComponent(product.category)}` }, title(product.category))),
      h("h1", { tabindex: "-1" }, product.name),
      h("p", { class: "product-price" }, money(product.price_cents, product.currency), " ", badge(product)),
      stockLine(product, button, signal),
      h("p", { class: "product-description" }, product.description),
      h("div", { class: "buy" }, quantity.element, button)));
}

function stockLine(product, button, signal) {
  const element = h("p", { class: "stock-line", role: "status" }, "Checking stock…");
  api.stock([product.id], signal).then((stock) => {
    if (!stock.has(product.id)) return element.replaceChildren();
    const { text, kind } = stockWords(stock.get(product.id));
    element.replaceChildren(h("span", { class: `dot ${kind}` }), text);
    if (kind === "none") button.disabled = true;
  }).catch(() => {
    if (!signal.aborted) element.replaceChildren(h("span", { class: "dot" }), "Stock is unknown right now: it is checked when you order.");
  });
  return element;
}

function related(id, signal) {
  return part({
    name: "section",
    label: "You may also like",
    signal,
    loading: () => h("div", {}, h("h2", {}, "You may also like"), cardSkeletons(suggestions)),
    async load() {
      const items = await api.recommendations(id, suggestions + 1, signal);
      const wanted = items.map((item) => item.product_id).filter((other) => other !== id).slice(0, suggestions);
      const loaded = await Promise.allSettled(wanted.map((other) => api.seenProduct(other) ?? api.product(other, signal)));
      const products = loaded.filter((each) => each.status === "fulfilled").map((each) => each.value);
      if (wanted.length && !products.length) throw loaded[0].reason;
      return products;
    },
    show(products) {
      if (!products.length) return null;
      const list = cards(products, { level: 3 });
      markStock(products, list, signal).catch(() => {}); // the product itself says that stock is unknown
      return [h("h2", {}, "You may also like"), h("ul", { class: "grid few" }, list)];
    },
    failed: () => [h("h2", {}, "You may also like"), h("p", { class: "quiet" }, icon("info"), "Recommendations are unavailable right now.")],
  });
}

const notFresh = () => h("p", { class: "quiet" }, icon("info"), "The catalog is unavailable right now. This is how the product looked a moment ago.");

const unavailable = (error, retry) => [h("h1", {}, "Product"), failure(error, "This product cannot be shown right now.", retry)];

const gone = () => h("div", { class: "empty" }, h("h1", {}, "There is no such product"), h("a", { class: "button", href: "/" }, "See all products"));

const skeleton = () =>
  h("div", { class: "product" }, h("span", { class: "picture skeleton" }),
    h("div", { class: "product-text" }, h("h1", { class: "hidden" }, "Loading the product…"), h("div", { class: "skeleton", "aria-hidden": "true" }, h("span", { class: "bone" }), h("span", { class: "bone narrow" }), h("span", { class: "bone" }))));
