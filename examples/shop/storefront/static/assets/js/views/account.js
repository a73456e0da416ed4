// Signing in and signing up.

import { toast } from "../announce.js";
import * as api from "../api.js";
import { h, icon } from "../dom.js";
import { email, field, form } from "../form.js";
import { notice } from "../part.js";
import { navigate } from "../router.js";
import { session } from "../session.js";
import { because, trace } from "../words.js";

const shortest = 8;

/** next is where to go afterwards: an address of this shop, whatever the link said. */
const next = (query) => (/^\/(?![/\\])/.test(query.next ?? "") ? query.next : "/");

const withNext = (path, query) => (query.next ? `${path}?next=${encodeURIComponent(next(query))}` : path);

const away = (error, what) => ({ kind: "warn", title: what, detail: because(error), reference: trace(error) });

function welcome(token, address, query) {
  session.begin(token, address);
  navigate(next(query), { replace: true });
  toast(icon("check"), h("span", {}, `You are signed in as ${address}.`));
}

export function signIn({ query, state }) {
  const address = field({ name: "email", label: "E-mail", type: "email", autocomplete: "username", value: state.email, check: email });
  const password = field({ name: "password", label: "Password", type: "password", autocomplete: "current-password" });
  return {
    title: "Sign in",
    content: h("div", { class: "page narrow" },
      h("h1", {}, "Sign in"),
      state.message && notice(state.message),
      form({
        fields: [address, password],
        submit: "Sign in",
        busy: "Signing in…",
        async onSubmit(values) {
          try {
            const { token } = await api.signIn(values);
            welcome(token, values.email, query);
          } catch (error) {
            if (error.status === 401) return { kind: "bad", title: "The e-mail or the password is not right." };
            if (error.unavailable) return away(error, "You cannot sign in right now. The rest of the shop is open.");
            return { kind: "bad", title: "You could not be signed in.", detail: because(error) };
          }
        },
      }),
      h("p", { class: "aside" }, "New here? ", h("a", { href: withNext("/sign-up", query) }, "Create an account"))),
  };
}

export function signUp({ query }) {
  const name = field({ name: "name", label: "Name", autocomplete: "name" });
  const address = field({ name: "email", label: "E-mail", type: "email", autocomplete: "username", check: email });
  const password = field({
    name: "password", label: "Password", type: "password", autocomplete: "new-password", hint: `At least ${shortest} characters.`,
    check: (value) => (value.length < shortest ? `Use at least ${shortest} characters.` : ""),
  });
  return {
    title: "Create an account",
    content: h("div", { class: "page narrow" },
      h("h1", {}, "Create an account"),
      form({
        fields: [name, address, password],
        submit: "Create account",
        busy: "Creating your account…",
        onSubmit: (values) => create(values, query),
      }),
      h("p", { class: "aside" }, "Have an account? ", h("a", { href: withNext("/sign-in", query) }, "Sign in"))),
  };
}

async function create(values, query) {
  try {
    await api.signUp(values);
  } catch (error) {
    if (error.status === 409) return { kind: "bad", title: "There is an account with this e-mail already.", detail: "Sign in with it, or use another e-mail." };
    if (error.unavailable) return away(error, "Accounts cannot be created right now. The rest of the shop is open.");
    return { kind: "bad", title: "Your account was not created.", detail: because(error) };
  }
  try {
    const { token } = await api.signIn({ email: values.email, password: values.password });
    welcome(token, values.email, query);
  } catch {
    navigate(withNext("/sign-in", query), { state: { email: values.email, message: { kind: "good", title: "Your account was created.", detail: "You can sign in with it now." } } });
  }
}

/** sessionEnded sends a person whose session is over to sign in, and back to where they were. */
export function sessionEnded() {
  session.end();
  const here = location.pathname + location.search;
  navigate(`/sign-in?next=${encodeURIComponent(here)}`, {
    replace: true,
    state: { message: { title: "Your session has ended.", detail: "Sign in again to go on. Your cart is kept." } },
  });
}
