// Forms that say what is wrong beside the field, and put the focus there.

import { h } from "./dom.js";
import { notice } from "./part.js";

export function field({ name, label, hint, type = "text", autocomplete, value = "", check }) {
  const input = h("input", {
    id: name, name, type, autocomplete, value, required: true,
    "aria-describedby": `${hint ? `${name}-hint ` : ""}${name}-error`,
    autocapitalize: type === "text" ? "words" : "none", spellcheck: "false",
  });
  const error = h("p", { class: "field-error", id: `${name}-error` });
  const element = h("div", { class: "field" }, h("label", { for: name }, label), hint && h("p", { class: "hint", id: `${name}-hint` }, hint), input, error);
  const tell = (text) => {
    error.textContent = text;
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  input.addEventListener("input", () => tell(""));
  return {
    element, input, name,
    /** valid tells what is wrong, if anything is. */
    valid() {
      const text = input.value.trim() === "" ? `Enter your ${label.toLowerCase()}.` : check?.(input.value, input) ?? "";
      tell(text);
      return !text;
    },
  };
}

export const email = (value, input) => (input.validity.typeMismatch ? "Enter an e-mail address, such as name@example.com." : "");

/** form calls onSubmit with the values once every field is valid, and shows the notice that it may answer. */
export function form({ fields, submit, busy, onSubmit }) {
  const outcome = h("div", { role: "alert" });
  const button = h("button", { type: "submit", class: "button primary wide" }, submit);
  let running = false;
  return h("form", {
    class: "form", novalidate: true,
    async onsubmit(event) {
      event.preventDefault();
      if (running) return;
      outcome.replaceChildren();
      const wrong = fields.filter((each) => !each.valid());
      if (wrong.length) return wrong[0].input.focus();
      running = true;
      button.setAttribute("aria-disabled", "true");
      button.textContent = busy;
      try {
        const problem = await onSubmit(Object.fromEntries(fields.map(({ name, input }) => [name, input.type === "password" ? input.value : input.value.trim()])));
        if (problem) outcome.replaceChildren(notice(problem));
      } finally {
        running = false;
        button.removeAttribute("aria-disabled");
        button.textContent = submit;
      }
    },
  }, outcome, fields.map(({ element }) => element), button);
}
