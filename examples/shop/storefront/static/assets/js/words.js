// What went wrong, in plain words.

/** because explains an error in one sentence, for a person who only wants to know what to do. */
export function because(error) {
  if (error.code === "offline") return "You seem to be offline.";
  if (error.code === "timeout") return "It took too long to answer.";
  if (error.status === 429) return error.wait ? `Too many requests just now. Please wait ${seconds(error.wait)}.` : "Too many requests just now. Please wait a moment.";
  if (error.unavailable) return error.wait ? `It should be back soon: try again in ${seconds(error.wait)}.` : "Please try again in a moment.";
  return error.detail || "Something is wrong with this request.";
}

/** trace is what to quote when asking for help: the code, and the request's id where the shop gave one. */
export function trace(error) {
  const code = error.code || (error.status ? `status ${error.status}` : "");
  return [code, error.request && `request ${error.request}`].filter(Boolean).join(" · ");
}

const seconds = (count) => (count === 1 ? "1 second" : `${count} seconds`);

const missing = {
  "catalog-unavailable": "prices cannot be checked",
  "checkout-unavailable": "it took too long",
  "inventory-unavailable": "stock cannot be reserved",
  "payment-unavailable": "payment is not available",
  "shipping-unavailable": "shipping is not available",
};

/** refusal explains why an order of these lines was not placed: {title, detail, kind}. */
export function refusal(error, lines = []) {
  if (missing[error.code]) {
    return {
      kind: "warn",
      title: `Orders cannot be placed at the moment: ${missing[error.code]}.`,
      detail: "Your cart is kept, and you will not be charged for this order. Please try again in a while.",
    };
  }
  if (error.code === "declined" || error.status === 402) {
    return { kind: "bad", title: "The payment was declined.", detail: "Nothing was charged and your cart is kept. You can try again." };
  }
  if (error.code === "out-of-stock") {
    const names = lines.filter(({ id }) => error.products?.includes(id)).map(({ name }) => name);
    const what = names.length ? `There is not enough left of: ${names.join(", ")}.` : sentence(error.detail);
    return { kind: "bad", title: "Something in your cart is sold out.", detail: `${what} Nothing was charged. Change your cart and try again.`.trim() };
  }
  if (error.status === 429) return { kind: "warn", title: "Your order was not placed yet.", detail: because(error) };
  if (error.code === "offline") {
    return { kind: "warn", title: "You seem to be offline.", detail: "Your cart is kept. Try again once you are connected: you will not be charged twice." };
  }
  if (error.unavailable) {
    return {
      kind: "warn",
      title: "We could not find out whether your order was placed.",
      detail: "Your cart is kept. Try again in a moment: it continues the same order, so you will not be charged twice.",
    };
  }
  return { kind: "bad", title: "Your order was not placed.", detail: because(error) };
}

const reasons = {
  declined: "The payment was declined, so nothing was charged.",
  "out-of-stock": "Something in it was sold out. Nothing was charged.",
  "catalog-unavailable": "Prices could not be checked. Nothing was charged.",
  "inventory-unavailable": "Stock could not be reserved. Nothing was charged.",
  "payment-unavailable": "Payment was not available. Nothing was charged.",
  "shipping-unavailable": "Shipping was not available. What was charged has been paid back.",
};

/** reason explains, by its problem code, why an order did not go through; "" where there is nothing to add. */
export const reason = (code) => reasons[code] ?? "";

function sentence(text) {
  if (!text) return "";
  const upper = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}
