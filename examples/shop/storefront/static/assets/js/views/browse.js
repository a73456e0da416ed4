// The products: all of them, a category's, or a search's.

import { say } from "../announce.js";
import * as api from "../api.js";
import { cards, cardSkeletons, markStock } from "../cards.js";
import { h } from "../dom.js";
import { count, title } from "../format.js";
import { failure, notice, part } from "../part.js";

const pageSize = 24;

/** What each address showed last, so that Back shows it again at once and in full. */
const remembered = new Map();

export function browse({ query, signal, back }) {
  const { q = "", category = "" } = query;
  const heading = q ? `Results for “${q}”` : category ? title(category) : "Good things, made to last";
  const content = h("div", { class: "page" },
    q || category
      ? h("h1", {}, heading)
      : h("div", { class: "hero" }, h("h1", {}, heading), h("p", {}, "Useful, repairable, and pleasant to have around. Have a look.")),
    categoryBar({ category, q, signal }),
    results({ q, category, signal, back }));
  return { title: q || category ? heading : "", content };
}

function categoryBar({ category, q, signal }) {
  const link = (name, text, number) =>
    h("li", {}, h("a", { class: "chip", href: name ? `/?category=${encodeURIComponent(name)}` : "/", "aria-current": name === category && !q ? "page" : null },
      text, number !== undefined && [h("span", { class: "chip-count", "aria-hidden": "true" }, String(number)), h("span", { class: "hidden" }, `, ${count(number, "product")}`)]));
  return part({
    name: "nav",
    label: "Categories",
    signal,
    loading: () => h("ul", { class: "chips" }, link("", "All products"), Array.from({ length: 6 }, () => h("li", { class: "chip skeleton", "aria-hidden": "true" }))),
    load: () => api.categories(signal),
    show: (items) => h("ul", { class: "chips" }, link("", "All products"), items.map((item) => link(item.name, title(item.name), item.count))),
    failed: () => h("p", { class: "quiet" }, "Categories are unavailable right now."),
  });
}

function results({ q, category, signal, back }) {
  const address = location.search;
  const kept = back ? remembered.get(address) : undefined;
  const fetchPage = (after) => api.products({ q, category, after, limit: pageSize }, signal);
  if (kept) return h("div", { class: "part" }, list(kept));
  return part({
    signal,
    loading: () => cardSkeletons(12),
    load: () => fetchPage(""),
    show: list,
    unavailable: "Products cannot be shown right now.",
  });

  function list(page) {
    const all = { items: [...page.items], next: page.next };
    remembered.set(address, all);
    if (!all.items.length) return nothing(q);
    if (q) say(all.next ? `More than ${all.items.length} products found` : `${count(all.items.length, "product")} found`);
    const grid = h("ul", { class: "grid" });
    const warning = h("div", {});
    const more = h("div", { class: "more" });
    append(all.items, true);
    drawMore();
    return [warning, grid, more];

    function append(items, eager = false) {
      const added = cards(items, { eager });
      grid.append(...added);
      markStock(items, added, signal).catch((error) => {
        if (signal.aborted) return;
        warning.replaceChildren(notice({ title: "Stock levels are unavailable right now.", detail: "You can look around and fill your cart all the same." }));
        if (!("status" in error)) console.error(error);
      });
      return added;
    }

    function drawMore() {
      more.replaceChildren(...(all.next ? [h("button", { type: "button", class: "button", onclick: loadMore }, "Load more")] : []));
    }

    async function loadMore({ currentTarget: button }) {
      if (button.getAttribute("aria-disabled")) return;
      button.setAttribute("aria-disabled", "true");
      button.textContent = "Loading…";
      try {
        const next = await fetchPage(all.next);
        all.items.push(...next.items);
        all.next = next.next;
        const [first] = append(next.items);
        first?.querySelector("a").focus({ preventScroll: true });
        say(`${count(next.items.length, "more product")}, ${all.items.length} shown`);
        drawMore();
      } catch (error) {
        if (signal.aborted) return;
        drawMore();
        more.prepend(failure(error, "More products cannot be shown right now."));
        say("More products cannot be shown right now.");
        more.querySelector("button").focus();
      }
    }
  }
}

function nothing(q) {
  say("No products found");
  return h("div", { class: "empty" },
    h("p", { class: "empty-title" }, q ? `Nothing matches “${q}”.` : "There is nothing here yet."),
    q && h("p", {}, "Try fewer or other words."),
    h("a", { class: "button", href: "/" }, "See all products"));
}
