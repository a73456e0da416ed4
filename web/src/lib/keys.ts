// The keys that work on each screen.
import { route } from "./router.svelte";

/** places are the screens by the key that follows g. */
export const places: Record<string, string> = {
  h: "/", s: "/services", m: "/map", t: "/traces", l: "/logs", o: "/topics", a: "/sagas", q: "/query", r: "/alerts", f: "/app",
};

const chord = 1500;

/** keys handles the keyboard and answers what stops that. */
export function keys(help: () => void): () => void {
  let pressed = 0; // when g was
  const press = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return leave();
    if (typing(event.target)) return;
    const place = event.timeStamp - pressed < chord ? places[event.key] : undefined;
    pressed = 0;
    if (place) route.go(place);
    else if (event.key === "g") pressed = event.timeStamp;
    else if (event.key === "?") help();
    else if (event.key === "/") focus(document.querySelector("[data-search]"));
    else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", press);
  return () => document.removeEventListener("keydown", press);
}

function leave(): void {
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

function focus(element: Element | null): void {
  if (element instanceof HTMLElement) element.focus();
  if (element instanceof HTMLInputElement) element.select();
}

/** step moves the focus along the list of the screen: all that is marked data-row. */
function step(by: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("main [data-row]")];
  const here = rows.findIndex((row) => row === document.activeElement);
  const next = rows[Math.min(Math.max(here < 0 ? 0 : here + by, 0), rows.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
