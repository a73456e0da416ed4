// Real addresses without page loads: links are followed here, Back and Forward restore what was there and where.

const routes = [];
let leave = new AbortController();
let shown = "";

/** A view is called with {params, query, state, signal, back, setTitle} and answers {title, content}. */
export function route(pattern, view) {
  const names = [];
  const source = pattern.replace(/:(\w+)/g, (_, name) => (names.push(name), "([^/]+)"));
  routes.push({ pattern: new RegExp(`^${source}/?$`), names, view });
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function match(path) {
  for (const { pattern, names, view } of routes) {
    const found = pattern.exec(path);
    if (found) return { view, params: Object.fromEntries(names.map((name, i) => [name, decode(found[i + 1])])) };
  }
  return { view: missing, params: {} };
}

let missing;
let after = () => {};

const setTitle = (title) => {
  document.title = title ? `${title} · Fig & Root` : "Fig & Root";
};

function render({ back = false, first = false, keepFocus = false } = {}) {
  leave.abort();
  leave = new AbortController();
  shown = location.pathname + location.search;
  const { view, params } = match(location.pathname);
  const query = Object.fromEntries(new URLSearchParams(location.search));
  const page = view({ params, query, state: history.state ?? {}, signal: leave.signal, back, setTitle });
  const main = document.getElementById("main");
  main.replaceChildren(...[page.content].flat());
  setTitle(page.title);
  after({ query });
  if (first || keepFocus) return;
  const heading = main.querySelector("h1") ?? main;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  scrollTo(0, back ? history.state?.y ?? 0 : 0);
}

/** navigate goes to an address of this shop. */
export function navigate(address, { replace = false, state = {}, keepFocus = false } = {}) {
  const url = new URL(address, location.origin);
  if (url.origin !== location.origin) return;
  if (replace) history.replaceState(state, "", url);
  else {
    rememberScroll();
    history.pushState(state, "", url);
  }
  render({ keepFocus });
}

/** reload shows the present address anew. */
export const reload = () => render();

function rememberScroll() {
  history.replaceState({ ...history.state, y: scrollY }, "");
}

function followed(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const url = new URL(link.href);
  if (link.target || link.hasAttribute("download") || url.origin !== location.origin || url.hash) return;
  event.preventDefault();
  navigate(url.pathname + url.search);
}

/** start shows the present address. onPage is told of each page shown. */
export function start({ notFound, onPage }) {
  missing = notFound;
  after = onPage;
  history.scrollRestoration = "manual";
  let timer = 0;
  addEventListener("scroll", () => {
    clearTimeout(timer);
    timer = setTimeout(rememberScroll, 150);
  }, { passive: true });
  addEventListener("popstate", () => {
    clearTimeout(timer);
    if (shown !== location.pathname + location.search) render({ back: true });
  });
  document.addEventListener("click", followed);
  render({ first: true, back: performance.getEntriesByType("navigation")[0]?.type !== "navigate" });
}
