// The address is the state: each filter, range and tab is in it, so that it can be sent to somebody.
class Route {
  path = $state("/");
  private search = $state("");
  private readonly parsed = $derived(new URLSearchParams(this.search));

  /** run follows the address and the page's links, and answers what stops that. */
  run(): () => void {
    this.read();
    const back = (): void => this.read();
    const click = (event: MouseEvent): void => this.click(event);
    addEventListener("popstate", back);
    document.addEventListener("click", click);
    return () => {
      removeEventListener("popstate", back);
      document.removeEventListener("click", click);
    };
  }

  /** get is a parameter of the address; empty where there is none. */
  get(name: string): string {
    return this.parsed.get(name) ?? "";
  }

  /** go opens an address as a link does. */
  go(to: string): void {
    history.pushState(null, "", to);
    this.read();
    scrollTo(0, 0);
  }

  /** set changes parameters; an empty value removes one. With keep, "back" skips what was before. */
  set(values: Record<string, string>, keep = false): void {
    const to = this.with(values);
    if (to === location.pathname + location.search) return;
    if (keep) history.replaceState(null, "", to);
    else history.pushState(null, "", to);
    this.read();
  }

  /** with is this address with other parameters. */
  with(values: Record<string, string>): string {
    return address(this.path, { ...Object.fromEntries(this.parsed), ...values });
  }

  private read(): void {
    this.path = location.pathname;
    this.search = location.search;
  }

  private click(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin || !link.hasAttribute("href")) return;
    if (link.pathname.startsWith("/api/") || link.pathname.startsWith("/prometheus/")) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const route = new Route();

/** address is a path with the parameters that are not empty. */
export function address(path: string, values: Record<string, string>): string {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "")).toString();
  return query ? `${path}?${query}` : path;
}
