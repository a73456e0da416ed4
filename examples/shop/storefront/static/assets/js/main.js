// The page's entry: which address shows which view.

import { hush } from "./announce.js";
import { h } from "./dom.js";
import { redrawHeader, showSearch, startHeader } from "./header.js";
import { route, start } from "./router.js";
import { signIn, signUp } from "./views/account.js";
import { browse } from "./views/browse.js";
import { cartView } from "./views/cart.js";
import { checkout } from "./views/checkout.js";
import { orderView } from "./views/order.js";
import { orders } from "./views/orders.js";
import { productView } from "./views/product.js";

const notFound = () => ({
  title: "Not found",
  content: h("div", { class: "page narrow" },
    h("h1", {}, "There is no such page"),
    h("p", {}, "The address may be mistyped, or what was here is gone."),
    h("p", {}, h("a", { class: "button primary", href: "/" }, "See all products"))),
});

route("/", browse);
route("/products/:id", productView);
route("/cart", cartView);
route("/checkout", checkout);
route("/sign-in", signIn);
route("/sign-up", signUp);
route("/orders", orders);
route("/orders/:id", orderView);

startHeader();
start({
  notFound,
  onPage({ query }) {
    hush();
    showSearch(query.q);
    redrawHeader();
  },
});
