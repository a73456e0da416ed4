// What stands above every page: the search box, the account, the cart.

import { toast } from "./announce.js";
import { cart } from "./cart.js";
import { h, icon } from "./dom.js";
import { navigate } from "./router.js";
import { session } from "./session.js";

const pause = 300;

export function startHeader() {
  startSearch();
  redrawHeader();
  cart.onChange(drawCart);
  session.onChange(redrawHeader);
}

function startSearch() {
  const form = document.getElementById("search");
  const input = form.elements.q;
  form.querySelector("button").append(icon("search"));
  const address = () => {
    const q = input.value.trim();
    return q ? `/?q=${encodeURIComponent(q)}` : "/";
  };
  let timer = 0;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    if (location.pathname + location.search !== address()) navigate(address(), { keepFocus: true });
  });
  input.addEventListener("input", () => {
    clearTimeout(timer);
    if (location.pathname !== "/") return;
    timer = setTimeout(() => {
      if (location.pathname === "/" && location.search !== address().slice(1)) navigate(address(), { replace: true, keepFocus: true });
    }, pause);
  });
}

/** showSearch puts the page's search into the box, unless somebody is typing there. */
export function showSearch(q) {
  const input = document.getElementById("q");
  if (document.activeElement !== input) input.value = q ?? "";
}

function signOut() {
  session.end();
  navigate("/");
  toast(icon("check"), h("span", {}, "You are signed out."));
}

/** redrawHeader brings the account and the cart up to date with the page. */
export function redrawHeader() {
  const here = (path) => (location.pathname === path ? "page" : null);
  const links = session.signedIn
    ? [
        h("a", { class: "top-link", href: "/orders", "aria-current": here("/orders") }, icon("box"), h("span", {}, "Orders")),
        h("button", { class: "top-link", type: "button", onclick: signOut, title: session.email }, icon("out"), h("span", {}, "Sign out")),
      ]
    : [h("a", { class: "top-link", href: "/sign-in", "aria-current": here("/sign-in") }, icon("user"), h("span", {}, "Sign in"))];
  const bag = h("a", { class: "top-link bag", id: "bag", href: "/cart", "aria-current": here("/cart") });
  document.getElementById("account").replaceChildren(...links, bag);
  drawCart();
}

function drawCart() {
  const bag = document.getElementById("bag");
  const items = cart.count;
  bag.replaceChildren(icon("bag"), h("span", {}, "Cart"), ...(items ? [h("span", { class: "badge" }, String(items), h("span", { class: "hidden" }, items === 1 ? " item" : " items"))] : []));
}

