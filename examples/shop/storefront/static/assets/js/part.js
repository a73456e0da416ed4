// A part of a page that loads and fails on its own, so that one service being away takes away only what it gives.

import { say } from "./announce.js";
import { h, icon } from "./dom.js";
import { because, trace } from "./words.js";

/** notice is a message in the page. kind: info, good, warn or bad. */
export function notice({ kind = "info", title, detail, reference, actions = [] }) {
  return h("div", { class: `notice ${kind}` },
    icon({ info: "info", good: "check", warn: "alert", bad: "alert" }[kind]),
    h("div", {},
      h("p", { class: "notice-title" }, title),
      detail && h("p", {}, detail),
      reference && h("p", { class: "reference" }, `Reference: ${reference}`),
      actions.length > 0 && h("p", { class: "notice-actions" }, actions)));
}

/** failure says what is unavailable, why, and offers to try again. */
export function failure(error, what, retry) {
  return notice({
    kind: "warn",
    title: what,
    detail: because(error),
    reference: trace(error),
    actions: retry ? [h("button", { type: "button", class: "button small", onclick: retry }, "Try again")] : [],
  });
}

/**
 * part makes an element that shows `loading` until `load` answers, then what `show` makes of it; where load fails,
 * what `failed` makes of the error, or a notice that says `unavailable` and can try again.
 */
export function part({ load, show, loading, unavailable, failed, signal, name = "div", label }) {
  const element = h(name, { class: "part", tabindex: "-1", "aria-label": label });
  async function run(again) {
    element.setAttribute("aria-busy", "true");
    element.replaceChildren(...(loading ? [loading()] : []));
    if (again) element.focus();
    let content;
    try {
      content = show(await load());
    } catch (error) {
      if (signal?.aborted) return;
      if (!("status" in error)) console.error(error);
      content = failed?.(error, () => run(true)) ?? failure(error, unavailable, () => run(true));
      say(unavailable ?? "");
    }
    if (signal?.aborted) return;
    element.removeAttribute("aria-busy");
    element.replaceChildren(...[content].flat().filter(Boolean));
  }
  run(false);
  return element;
}
