// Telling what changed, to the eye (a toast) and to screen readers (a live region).

let timer = 0;

/** say is for screen readers only, for changes that the eye sees anyway. */
export function say(text) {
  const announcer = document.getElementById("announcer");
  announcer.textContent = announcer.textContent === text ? `${text}\u00a0` : text;
}

/** hush takes the toast away. */
export function hush() {
  const element = document.getElementById("toast");
  element.classList.remove("shown");
  element.replaceChildren();
}

/** toast shows a short confirmation for a few seconds. It never holds the only copy of what it says. */
export function toast(...content) {
  const element = document.getElementById("toast");
  element.replaceChildren(...content);
  element.classList.add("shown");
  clearTimeout(timer);
  timer = setTimeout(hush, 6000);
}
