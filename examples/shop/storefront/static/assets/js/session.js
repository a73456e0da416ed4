// Who is signed in: a token from POST /api/sessions, kept until it expires or the person signs out.

import { drop, load, save } from "./storage.js";

const name = "shop.session";
const changes = new EventTarget();

function claims(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0))));
  } catch {
    return {};
  }
}

function current() {
  const kept = load(name);
  return kept && !(kept.expires <= Date.now()) ? kept : null;
}

export const session = {
  get token() {
    return current()?.token ?? "";
  },
  get signedIn() {
    return current() !== null;
  },
  get email() {
    return current()?.email ?? "";
  },
  begin(token, email) {
    const { exp } = claims(token);
    save(name, { token, email, expires: exp ? exp * 1000 : null });
    changes.dispatchEvent(new Event("change"));
  },
  end() {
    drop(name);
    changes.dispatchEvent(new Event("change"));
  },
  onChange(listener) {
    changes.addEventListener("change", listener);
    window.addEventListener("storage", (event) => event.key === name && listener());
  },
};
